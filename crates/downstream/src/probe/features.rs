//! What the frozen encoder makes of frames: average-pooled activations of its stages.

use candle_core::{DType, Device, Tensor};
use sonovox_model::Encoder;
use sonovox_ops::{Mode, ParamStore, global_avg_pool};
use sonovox_train::TrainError;

use super::config::ProbeStages;
use crate::DownstreamError;
use crate::clips::{Clips, FrameAt};
use crate::encoder::{self, EncoderSource};
use crate::inference::for_each_row;

/// The encoder, ready to be read from.
pub(crate) struct Extractor {
    network: Encoder,
    /// The probed stages, from 1.
    stages: Vec<usize>,
    device: Device,
    batch: usize,
}

impl Extractor {
    pub fn new(
        source: &EncoderSource,
        stages: ProbeStages,
        seed: u64,
        batch: usize,
        device: &Device,
    ) -> Result<Self, DownstreamError> {
        let store = ParamStore::new(seed, DType::F32, device);
        let network = Encoder::new(&source.origin.config, &store.scope().pp(encoder::SCOPE))?;
        source.load_into(&store)?;
        let stages = match stages {
            ProbeStages::Last => vec![4],
            ProbeStages::Each => vec![1, 2, 3, 4],
        };
        Ok(Self { network, stages, device: device.clone(), batch })
    }

    /// Features of `frames`: one set to each probed stage.
    pub fn read(&self, clips: &Clips, frames: &[FrameAt]) -> Result<Vec<Features>, TrainError> {
        let channels = self.network.config().channels();
        let widths: Vec<usize> = self.stages.iter().map(|stage| channels[stage - 1]).collect();
        let mut sets: Vec<Features> = widths
            .iter()
            .zip(&self.stages)
            .map(|(&width, &stage)| Features {
                stage,
                width,
                values: Vec::with_capacity(width * frames.len()),
            })
            .collect();
        let forward = |images: &Tensor| {
            let maps = self.network.forward(images, Mode::Eval)?.stages;
            let pooled: Vec<Tensor> = self
                .stages
                .iter()
                .map(|stage| global_avg_pool(&maps[stage - 1]))
                .collect::<Result<_, _>>()?;
            Tensor::cat(&pooled, 1)
        };
        for_each_row(clips, frames, self.batch, &self.device, forward, |_, row| {
            let mut rest = row.as_slice();
            for set in &mut sets {
                let (own, others) = rest.split_at(set.width);
                set.values.extend(own.iter().map(|&value| f64::from(value)));
                rest = others;
            }
        })?;
        Ok(sets)
    }
}

/// Features `[frames, width]` of one stage.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Features {
    /// From 1.
    pub stage: usize,
    pub width: usize,
    pub values: Vec<f64>,
}

impl Features {
    /// The rows at `places`.
    pub fn rows(&self, places: &[usize]) -> Vec<f64> {
        places.iter().flat_map(|&at| &self.values[at * self.width..(at + 1) * self.width]).copied().collect()
    }

    /// All rows as f64 `[frames, width]`.
    pub fn tensor(&self, scale: &Scale) -> candle_core::Result<Tensor> {
        let mut values = self.values.clone();
        scale.apply(&mut values);
        let frames = values.len() / self.width;
        Tensor::from_vec(values, (frames, self.width), &Device::Cpu)
    }
}

/// Mean and spread of every feature over the training rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scale {
    pub mean: Vec<f64>,
    pub std: Vec<f64>,
}

impl Scale {
    /// Of `rows`; a feature that is the same in all of them keeps its size, and is 0 after [`Scale::apply`].
    pub fn of(rows: &[f64], width: usize) -> Self {
        let count = (rows.len() / width) as f64;
        let mut mean = vec![0.0; width];
        for row in rows.chunks_exact(width) {
            mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += value / count);
        }
        let mut variance = vec![0.0; width];
        for row in rows.chunks_exact(width) {
            let squares = variance.iter_mut().zip(row.iter().zip(&mean));
            squares.for_each(|(sum, (value, mean))| *sum += (value - mean).powi(2) / count);
        }
        let std = variance.into_iter().zip(&mean).map(|(variance, mean)| {
            // below rounding, a spread is none
            let std = variance.sqrt();
            if std > 1e-6 * mean.abs().max(1e-6) { std } else { 1.0 }
        });
        Self { std: std.collect(), mean }
    }

    /// To zero mean and unit variance, as far as `rows` are like those it was made of.
    pub fn apply(&self, rows: &mut [f64]) {
        for row in rows.chunks_exact_mut(self.mean.len()) {
            for ((value, mean), std) in row.iter_mut().zip(&self.mean).zip(&self.std) {
                *value = (*value - mean) / std;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_rows_come_out_standardised_and_a_constant_as_zero() {
        let mut rows = vec![1.0, 5.0, 3.0, 5.0, 5.0, 5.0];
        Scale::of(&rows, 2).apply(&mut rows);
        let root = 1.5f64.sqrt();
        for (found, expected) in rows.iter().zip([-root, 0.0, 0.0, 0.0, root, 0.0]) {
            assert!((found - expected).abs() < 1e-12, "{rows:?}");
        }
    }
}
