//! What one training step sees.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use sonovox_model::input;
use sonovox_train::{BatchSource, TrainError};

use crate::library::Library;
use crate::order;
use crate::sampler::{OrderTuple, Pair, Sampler};

/// Pairs and order tuples as the networks' input. A part that the data cannot give is `None`.
pub struct Batch {
    /// Frames with their speech.
    pub pairs: Option<Pairs>,
    /// Shuffled frames with the class of their order.
    pub tuples: Option<Tuples>,
}

/// `P` pairs: frames, hard positives, hard negatives.
pub struct Pairs {
    /// f32 `[P, 1, height, width]`.
    pub frames: Tensor,
    /// f32 `[P, 1, bands, time]`: speech of the same interval.
    pub positive: Tensor,
    /// f32 `[P, 1, bands, time]`: speech of a nearby interval.
    pub negative: Tensor,
}

/// `M` tuples of four frames.
pub struct Tuples {
    /// f32 `[4 M, 1, height, width]`, a tuple's frames one after the other as shown.
    pub frames: Tensor,
    /// u32 `[M]`.
    pub classes: Tensor,
}

/// Draws batches from a library of clips.
pub struct Source {
    library: Arc<Library>,
    sampler: Sampler,
    voiced_intervals: usize,
    groups: usize,
    order_intervals: usize,
    device: Device,
}

impl Source {
    /// Batches of `voiced_intervals * groups` pairs and `order_intervals` tuples.
    pub fn new(
        library: Arc<Library>,
        sampler: Sampler,
        voiced_intervals: usize,
        groups: usize,
        order_intervals: usize,
        device: Device,
    ) -> Self {
        Self { library, sampler, voiced_intervals, groups, order_intervals, device }
    }

    fn pairs(&self, drawn: &[Pair]) -> Result<Option<Pairs>, TrainError> {
        if drawn.is_empty() {
            return Ok(None);
        }
        let frames: Vec<_> = drawn.iter().map(|pair| (pair.recording, pair.frame)).collect();
        let positive: Vec<_> = drawn.iter().map(|pair| (pair.recording, pair.speech_secs)).collect();
        let negative: Vec<_> = drawn.iter().map(|pair| (pair.recording, pair.negative_secs)).collect();
        let pairs = Pairs {
            frames: self.frames(&frames)?,
            positive: self.speech(&positive)?,
            negative: self.speech(&negative)?,
        };
        Ok(Some(pairs))
    }

    fn tuples(&self, drawn: &[OrderTuple]) -> Result<Option<Tuples>, TrainError> {
        if drawn.is_empty() {
            return Ok(None);
        }
        let of = |tuple: &OrderTuple| tuple.frames.map(|frame| (tuple.recording, frame));
        let frames: Vec<_> = drawn.iter().flat_map(of).collect();
        let classes: Vec<u32> = drawn.iter().map(|tuple| tuple.class).collect();
        debug_assert_eq!(frames.len(), order::FRAMES * classes.len());
        let classes = Tensor::new(classes, &self.device)?;
        Ok(Some(Tuples { frames: self.frames(&frames)?, classes }))
    }

    fn frames(&self, which: &[(usize, usize)]) -> Result<Tensor, TrainError> {
        let grey = self.library.frames(which).map_err(TrainError::task)?;
        Ok(input::frames(grey, self.library.height(), self.library.width(), &self.device)?)
    }

    fn speech(&self, which: &[(usize, f64)]) -> Result<Tensor, TrainError> {
        let rows = self.library.speech(which).map_err(TrainError::task)?;
        Ok(input::speech(rows, self.library.time(), self.library.bands(), &self.device)?)
    }
}

impl BatchSource for Source {
    type Batch = Batch;

    fn draw(&self, step: u64) -> Result<Batch, TrainError> {
        let pairs = self.pairs(&self.sampler.pairs(step, self.voiced_intervals, self.groups))?;
        let tuples = self.tuples(&self.sampler.tuples(step, self.order_intervals))?;
        Ok(Batch { pairs, tuples })
    }
}
