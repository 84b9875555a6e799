//! Gaze prediction as the training engine sees it.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use sonovox_ops::{Mode, softmax_kl};
use sonovox_train::{BatchSource, Evaluation, Losses, Task, TrainError};

use super::GazeConfig;
use super::predictor::Predictor;
use super::scores::{Judge, MeanScores};
use super::target::{Spread, density};
use super::watched::WatchedFrames;
use crate::chance::{self, Passes, Stream};
use crate::clips::Clips;
use crate::image::{Crop, Size, Tone};

/// Augmented batches of training frames with their targets.
pub(crate) struct Source {
    clips: Arc<Clips>,
    train: WatchedFrames,
    config: GazeConfig,
    /// Size of the predicted maps.
    map: Size,
    seed: u64,
    device: Device,
}

impl Source {
    pub fn new(
        clips: Arc<Clips>,
        train: WatchedFrames,
        config: &GazeConfig,
        map: Size,
        seed: u64,
        device: &Device,
    ) -> Self {
        Self { clips, train, config: config.clone(), map, seed, device: device.clone() }
    }

    /// The training frames of batch `step`, as places in the set: pass after shuffled pass over all of them.
    fn drawn(&self, step: u64) -> Vec<usize> {
        let (size, batch) = (self.train.frames.len(), self.config.batch as u64);
        let passes = Passes { size, seed: self.seed, stream: Stream::FrameOrder, row: 0 };
        passes.entries(step * batch..(step + 1) * batch)
    }

    /// What a training frame's gaze asks of the map after `crop`.
    fn target(&self, frame: usize, crop: &Crop) -> Vec<f32> {
        let points: Vec<_> = self.train.truth[frame].iter().map(|&point| crop.point(point)).collect();
        density(&points, Spread::circular(self.config.sigma, self.clips.size(), crop.side.into()), self.map)
    }
}

/// What one training step sees.
pub(crate) struct Batch {
    /// f32 `[B, 1, height, width]`.
    images: Tensor,
    /// f32 `[B, map height * map width]`, every row of sum 1.
    targets: Tensor,
}

impl BatchSource for Source {
    type Batch = Batch;

    fn draw(&self, step: u64) -> Result<Batch, TrainError> {
        let drawn = self.drawn(step);
        let change = |(slot, &frame): (usize, &usize)| {
            let mut rng = chance::of_image(self.seed, step, slot);
            self.config.augmentation.draw(&self.train.truth[frame], &mut rng)
        };
        let changes: Vec<(Crop, Tone)> = drawn.iter().enumerate().map(change).collect();
        let targets: Vec<f32> =
            drawn.iter().zip(&changes).flat_map(|(&frame, (crop, _))| self.target(frame, crop)).collect();
        let frames: Vec<_> = drawn.iter().map(|&at| self.train.frames[at]).collect();
        let size = self.clips.size();
        let change = |slot: usize| (changes[slot].0.warp(size), changes[slot].1.clone());
        Ok(Batch {
            images: self.clips.images(&frames, change, &self.device)?,
            targets: Tensor::from_vec(targets, (drawn.len(), self.map.area()), &self.device)?,
        })
    }
}

/// Fine-tuning of a predictor.
pub(crate) struct Finetuning {
    pub network: Predictor,
    pub source: Arc<Source>,
    pub judge: Judge,
    pub validation: WatchedFrames,
}

impl Task for Finetuning {
    type Source = Source;

    fn source(&self) -> Arc<Source> {
        self.source.clone()
    }

    fn steps_per_epoch(&self) -> u64 {
        self.source.config.steps_per_epoch(self.source.train.frames.len())
    }

    fn losses(&mut self, batch: Batch) -> Result<Losses, TrainError> {
        let logits = self.network.forward(&batch.images, Mode::Train)?;
        let total = softmax_kl(&logits, &batch.targets)?;
        let loss = f64::from(total.to_dtype(DType::F32)?.to_scalar::<f32>()?);
        Ok(Losses { total, parts: vec![("kl", loss)] })
    }

    fn evaluate(&mut self, _epoch: u32) -> Result<Evaluation, TrainError> {
        if self.validation.frames.is_empty() {
            return Ok(Evaluation { values: Vec::new(), score: None });
        }
        let source = &self.source;
        let mut mean = MeanScores::default();
        let (batch, device) = (source.config.batch, &source.device);
        self.judge.each_frame(
            &source.clips,
            &self.validation,
            &self.network,
            batch,
            device,
            |_, _, scores| {
                mean.add(&scores);
            },
        )?;
        let values = mean.scores().named().map(|(name, value)| (name.to_owned(), value)).into();
        Ok(Evaluation { values, score: Some(-mean.scores().kl) })
    }
}
