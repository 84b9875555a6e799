//! Plane detection as the training engine sees it.

use std::sync::Arc;

use candle_core::{D, DType, Device, Tensor};
use sonovox_ops::{Mode, cross_entropy};
use sonovox_train::{BatchSource, Evaluation, Losses, Task, TrainError};

use super::PlanesConfig;
use super::detector::Detector;
use super::labelled::LabelledFrames;
use super::predictions::Predictions;
use super::sampler::{BACKGROUND, ClassSampler};
use crate::chance;
use crate::clips::Clips;

/// Augmented, class-balanced batches of training frames.
pub(crate) struct Source {
    clips: Arc<Clips>,
    train: LabelledFrames,
    sampler: ClassSampler,
    config: PlanesConfig,
    seed: u64,
    device: Device,
}

/// What one training step sees.
pub(crate) struct Batch {
    /// f32 `[B, 1, height, width]`.
    images: Tensor,
    /// u32 `[B]`.
    labels: Tensor,
}

impl Source {
    pub fn new(
        clips: Arc<Clips>,
        train: LabelledFrames,
        config: &PlanesConfig,
        seed: u64,
        device: &Device,
    ) -> Self {
        let background = clips.source.details.planes.iter().position(|plane| plane == BACKGROUND);
        let sampler = ClassSampler::new(&train.truth, background, seed);
        Self { clips, train, sampler, config: config.clone(), seed, device: device.clone() }
    }
}

impl BatchSource for Source {
    type Batch = Batch;

    fn draw(&self, step: u64) -> Result<Batch, TrainError> {
        let drawn = self.sampler.batch(step, self.config.batch);
        let frames: Vec<_> = drawn.iter().map(|&at| self.train.frames[at]).collect();
        let labels: Vec<u32> = drawn.iter().map(|&at| self.train.truth[at] as u32).collect();
        let size = self.clips.size();
        let change = |slot| self.config.augmentation.draw(size, &mut chance::of_image(self.seed, step, slot));
        let images = self.clips.images(&frames, change, &self.device)?;
        Ok(Batch { images, labels: Tensor::new(labels, &self.device)? })
    }
}

/// Fine-tuning of a detector.
pub(crate) struct Finetuning {
    pub network: Detector,
    pub source: Arc<Source>,
    pub validation: LabelledFrames,
}

impl Finetuning {
    /// Predictions on frames as they are.
    pub fn predict(&self, frames: &LabelledFrames) -> Result<Predictions, TrainError> {
        let source = &self.source;
        Predictions::make(&source.clips, frames, &self.network, source.config.batch, &source.device)
    }
}

impl Task for Finetuning {
    type Source = Source;

    fn source(&self) -> Arc<Source> {
        self.source.clone()
    }

    fn steps_per_epoch(&self) -> u64 {
        self.source.config.steps_per_epoch()
    }

    fn losses(&mut self, batch: Batch) -> Result<Losses, TrainError> {
        let logits = self.network.forward(&batch.images, Mode::Train)?;
        let total = cross_entropy(&logits, &batch.labels)?;
        let right = logits.detach().argmax(D::Minus1)?.eq(&batch.labels)?.to_dtype(DType::F32)?.mean_all()?;
        let loss = f64::from(total.to_dtype(DType::F32)?.to_scalar::<f32>()?);
        Ok(Losses {
            total,
            parts: vec![("cross_entropy", loss), ("accuracy", right.to_scalar::<f32>()?.into())],
        })
    }

    fn evaluate(&mut self, _epoch: u32) -> Result<Evaluation, TrainError> {
        if self.validation.frames.is_empty() {
            return Ok(Evaluation { values: Vec::new(), score: None });
        }
        let confusion = self.predict(&self.validation)?.confusion(&self.validation.truth);
        let scores = confusion.macro_average();
        let values = [
            ("macro_precision", scores.precision),
            ("macro_recall", scores.recall),
            ("macro_f1", scores.f1),
            ("accuracy", confusion.accuracy()),
        ];
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(Evaluation { values, score: Some(scores.f1) })
    }
}
