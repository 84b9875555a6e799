//! Draws batches from a library of clips.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use sonovox_model::input;
use sonovox_train::{BatchSource, TrainError};

use super::{Batch, Copies, Pairs, Tuples};
use crate::library::Library;
use crate::sampler::{Copy, OrderTuple, Pair, Sampler};
use crate::warp::PARAMETERS;
use crate::{AffineConfig, PretrainConfig, order};

/// What a batch is made of; a part of size 0 is left out.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Intervals that pairs are drawn from.
    pub intervals: usize,
    /// Pairs to each of them.
    pub groups: usize,
    /// Where a pair's speech windows lie about its time of speech, in seconds.
    pub offsets: Vec<f64>,
    /// Tuples of four frames.
    pub tuples: usize,
    /// Transformed frames, `frames` of them.
    pub affine: AffineConfig,
}

impl Plan {
    /// What the weighted losses need.
    pub fn new(config: &PretrainConfig) -> Self {
        let weights = &config.weights;
        let needed = |weight: f64, count: usize| if weight > 0.0 { count } else { 0 };
        let frames = needed(weights.affine, config.affine.frames);
        Self {
            intervals: if weights.needs_pairs() { config.voiced_intervals } else { 0 },
            groups: config.pairs.groups,
            offsets: config.pairs.window_offsets(),
            tuples: needed(weights.ord, config.order_intervals),
            affine: AffineConfig { frames, ..config.affine },
        }
    }
}

/// Draws batches.
pub struct Source {
    library: Arc<Library>,
    sampler: Sampler,
    plan: Plan,
    device: Device,
}

impl Source {
    /// Batches by `plan`.
    pub fn new(library: Arc<Library>, sampler: Sampler, plan: Plan, device: Device) -> Self {
        Self { library, sampler, plan, device }
    }

    fn pairs(&self, drawn: &[Pair]) -> Result<Option<Pairs>, TrainError> {
        if drawn.is_empty() {
            return Ok(None);
        }
        let frames: Vec<_> = drawn.iter().map(|pair| (pair.recording, pair.frame)).collect();
        let positive: Vec<_> = drawn.iter().map(|pair| (pair.recording, pair.speech_secs)).collect();
        let negative: Vec<_> =
            drawn.iter().map(|pair| (pair.negative_recording, pair.negative_secs)).collect();
        let pairs = Pairs {
            frames: self.frames(&frames)?,
            positive: self.speech(&positive)?,
            negative: self.speech(&negative)?,
            recordings: drawn.iter().map(|pair| pair.recording).collect(),
            intervals: drawn.iter().map(|pair| pair.interval).collect(),
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

    fn copies(&self, drawn: &[Copy]) -> Result<Option<Copies>, TrainError> {
        if drawn.is_empty() {
            return Ok(None);
        }
        let which: Vec<_> = drawn.iter().map(|copy| (copy.recording, copy.frame)).collect();
        let mut grey = self.library.frames(&which).map_err(TrainError::task)?;
        let (height, width) = (self.library.height(), self.library.width());
        let each = grey.chunks_exact(height * width).zip(drawn);
        let copies: Vec<f32> = each.flat_map(|(frame, copy)| copy.warp.apply(frame, height, width)).collect();
        grey.extend(copies);
        let parameters: Vec<f32> = drawn.iter().flat_map(|copy| copy.parameters).collect();
        let parameters = Tensor::from_vec(parameters, (drawn.len(), PARAMETERS), &self.device)?;
        Ok(Some(Copies { frames: input::frames(grey, height, width, &self.device)?, parameters }))
    }

    fn frames(&self, which: &[(usize, usize)]) -> Result<Tensor, TrainError> {
        let grey = self.library.frames(which).map_err(TrainError::task)?;
        Ok(input::frames(grey, self.library.height(), self.library.width(), &self.device)?)
    }

    /// All windows of every (recording, seconds).
    fn speech(&self, which: &[(usize, f64)]) -> Result<Tensor, TrainError> {
        let of = |&(recording, secs): &(usize, f64)| {
            self.plan.offsets.iter().map(move |offset| (recording, secs + offset))
        };
        let windows: Vec<_> = which.iter().flat_map(of).collect();
        let rows = self.library.speech(&windows).map_err(TrainError::task)?;
        Ok(input::speech(rows, self.library.time(), self.library.bands(), &self.device)?)
    }
}

impl BatchSource for Source {
    type Batch = Batch;

    fn draw(&self, step: u64) -> Result<Batch, TrainError> {
        let (plan, sampler) = (&self.plan, &self.sampler);
        Ok(Batch {
            step,
            pairs: self.pairs(&sampler.pairs(step, plan.intervals, plan.groups))?,
            tuples: self.tuples(&sampler.tuples(step, plan.tuples))?,
            copies: self.copies(&sampler.copies(step, &plan.affine))?,
        })
    }
}
