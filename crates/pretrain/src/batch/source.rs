//! Draws batches from a library of clips.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use rand::RngCore;
use sonovox_model::input;
use sonovox_train::{BatchSource, TrainError};

use super::{Batch, Clips, Copies, Pairs, Tuples};
use crate::augment::{change_frames, change_speech, draw_speeds};
use crate::library::{Library, Window};
use crate::sampler::{ClipTuple, FrameCopy, OrderTuple, Pair, Sampler, Stream};
use crate::warp::PARAMETERS;
use crate::{
    AffineConfig, Curriculum, FrameAugmentation, Negatives, Phase, PretrainConfig, SpeechAugmentation, order,
};

/// Numbers of draws of frames within a step.
const OF_PAIRS: u64 = 0;
const OF_TUPLES: u64 = 1;
const OF_CLIPS: u64 = 2;

/// What a batch is made of; a part of size 0 is left out.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Intervals that pairs are drawn from.
    pub intervals: usize,
    /// Pairs to each of them.
    pub groups: usize,
    /// Where negatives come from.
    pub negatives: Negatives,
    /// Where a pair's speech windows lie about its time of speech, in seconds.
    pub offsets: Vec<f64>,
    /// Tuples of four frames.
    pub tuples: usize,
    /// Transformed frames, `frames` of them.
    pub affine: AffineConfig,
    /// Clips of three snippets.
    pub clips: usize,
    /// What is trained when, and of how many steps; absent: all of it, always.
    pub curriculum: Option<(Curriculum, u64)>,
    /// Changes of speech.
    pub speech: SpeechAugmentation,
    /// Changes of frames; transformed frames and their copies stay as they are.
    pub frames: FrameAugmentation,
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
            negatives: config.pairs.negatives,
            offsets: config.pairs.window_offsets(),
            tuples: needed(weights.ord, config.order_intervals),
            affine: AffineConfig { frames, ..config.affine },
            clips: if weights.needs_clips() { config.graph.clips } else { 0 },
            curriculum: None,
            speech: config.speech_augmentation,
            frames: config.frame_augmentation,
        }
    }

    /// The same for a run of `steps` steps that follows `curriculum`.
    pub fn over(self, curriculum: Curriculum, steps: u64) -> Self {
        Self { curriculum: Some((curriculum, steps)), ..self }
    }

    /// The phase of a step.
    fn phase(&self, step: u64) -> Phase {
        let of = |(curriculum, steps): (Curriculum, u64)| curriculum.phase(step as f64 / steps as f64);
        self.curriculum.map_or(Phase::Joint, of)
    }

    /// The same without changes of speech and frames.
    pub fn unchanged(self) -> Self {
        Self { speech: SpeechAugmentation::default(), frames: FrameAugmentation::default(), ..self }
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

    /// What batches are drawn by.
    pub fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// Frames that stand for intervals, unchanged, as many of each and one interval's after the other: f32 `[F N, 1, height, width]`.
    ///
    /// # Errors
    /// When a clip cannot be read.
    pub fn middle_frames(&self, intervals: &[usize]) -> Result<Tensor, TrainError> {
        let of = |&at: &usize| {
            let middle = self.sampler.middle(at);
            middle.frames.map(|frame| (middle.recording, frame))
        };
        let which: Vec<_> = intervals.iter().flat_map(of).collect();
        let grey = self.library.frames(&which).map_err(TrainError::task)?;
        Ok(input::frames(grey, self.library.height(), self.library.width(), &self.device)?)
    }

    /// One speech window of every interval, unchanged: f32 `[N, 1, bands, time]`.
    ///
    /// # Errors
    /// When a clip cannot be read.
    pub fn middle_speech(&self, intervals: &[usize]) -> Result<Tensor, TrainError> {
        let of = |&at: &usize| {
            let middle = self.sampler.middle(at);
            Window { recording: middle.recording, secs: middle.speech_secs, speed: 1.0 }
        };
        let which: Vec<_> = intervals.iter().map(of).collect();
        let rows = self.library.speech(&which).map_err(TrainError::task)?;
        Ok(input::speech(rows, self.library.time(), self.library.bands(), &self.device)?)
    }

    fn pairs(&self, step: u64, drawn: &[Pair]) -> Result<Option<Pairs>, TrainError> {
        if drawn.is_empty() {
            return Ok(None);
        }
        let frames: Vec<_> = drawn.iter().map(|pair| (pair.recording, pair.frame)).collect();
        let positive: Vec<_> = drawn.iter().map(|pair| (pair.recording, pair.speech_secs)).collect();
        let negative: Vec<_> =
            drawn.iter().map(|pair| (pair.negative_recording, pair.negative_secs)).collect();
        let count = drawn.len() * self.plan.offsets.len();
        // one draw for both, so that what is done to positives is done to negatives
        let speech = match self.plan.negatives {
            Negatives::Batch => self.speech(step, &positive)?,
            Negatives::Hard | Negatives::Easy => self.speech(step, &[positive, negative].concat())?,
        };
        let rest = speech.dim(0)? - count;
        let pairs = Pairs {
            frames: self.frames(step, OF_PAIRS, &frames, 1)?,
            positive: speech.narrow(0, 0, count)?,
            negative: (rest > 0).then(|| speech.narrow(0, count, rest)).transpose()?,
            recordings: drawn.iter().map(|pair| pair.recording).collect(),
            intervals: drawn.iter().map(|pair| pair.interval).collect(),
        };
        Ok(Some(pairs))
    }

    fn tuples(&self, step: u64, drawn: &[OrderTuple]) -> Result<Option<Tuples>, TrainError> {
        if drawn.is_empty() {
            return Ok(None);
        }
        let of = |tuple: &OrderTuple| tuple.frames.map(|frame| (tuple.recording, frame));
        let frames: Vec<_> = drawn.iter().flat_map(of).collect();
        let classes: Vec<u32> = drawn.iter().map(|tuple| tuple.class).collect();
        debug_assert_eq!(frames.len(), order::FRAMES * classes.len());
        let classes = Tensor::new(classes, &self.device)?;
        Ok(Some(Tuples { frames: self.frames(step, OF_TUPLES, &frames, order::FRAMES)?, classes }))
    }

    fn clips(&self, step: u64, drawn: &[ClipTuple]) -> Result<Option<Clips>, TrainError> {
        if drawn.is_empty() {
            return Ok(None);
        }
        let of = |clip: &ClipTuple| clip.frames.map(|frame| (clip.recording, frame));
        let which: Vec<_> = drawn.iter().flat_map(of).collect();
        let classes: Vec<u32> = drawn.iter().map(|clip| clip.class).collect();
        let frames = self.frames(step, OF_CLIPS, &which, which.len() / drawn.len())?;
        let seed = self.sampler.rng(Stream::Views, step).next_u64();
        Ok(Some(Clips { frames, classes: Tensor::new(classes, &self.device)?, seed }))
    }

    fn copies(&self, drawn: &[FrameCopy]) -> Result<Option<Copies>, TrainError> {
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

    /// Frames as input; every `group` of them in a row are changed alike.
    fn frames(
        &self,
        step: u64,
        part: u64,
        which: &[(usize, usize)],
        group: usize,
    ) -> Result<Tensor, TrainError> {
        let mut grey = self.library.frames(which).map_err(TrainError::task)?;
        let (height, width) = (self.library.height(), self.library.width());
        if self.plan.frames.is_on() {
            let mut rng = self.sampler.rng(Stream::ChangedFrames, step << 2 | part);
            change_frames(&mut grey, (height, width), group, &self.plan.frames, &mut rng);
        }
        Ok(input::frames(grey, height, width, &self.device)?)
    }

    /// All windows of every (recording, seconds).
    fn speech(&self, step: u64, which: &[(usize, f64)]) -> Result<Tensor, TrainError> {
        let of = |&(recording, secs): &(usize, f64)| {
            let window = move |offset: &f64| Window { recording, secs: secs + offset, speed: 1.0 };
            self.plan.offsets.iter().map(window)
        };
        let mut windows: Vec<_> = which.iter().flat_map(of).collect();
        let ranges = &self.plan.speech;
        let mut rng = self.sampler.rng(Stream::ChangedSpeech, step);
        if ranges.speed > 0.0 {
            let speeds = draw_speeds(windows.len(), ranges, &mut rng);
            windows.iter_mut().zip(speeds).for_each(|(window, speed)| window.speed = speed);
        }
        let (time, bands) = (self.library.time(), self.library.bands());
        let mut rows = self.library.speech(&windows).map_err(TrainError::task)?;
        if ranges.is_on() {
            change_speech(&mut rows, (time, bands), ranges, &mut rng);
        }
        Ok(input::speech(rows, time, bands, &self.device)?)
    }
}

impl BatchSource for Source {
    type Batch = Batch;

    fn draw(&self, step: u64) -> Result<Batch, TrainError> {
        let (plan, sampler) = (&self.plan, &self.sampler);
        if plan.phase(step) == Phase::Speech {
            // as many pairs, of as many intervals: two frames of one interval would be heard beside the same words
            let drawn = sampler.pairs(step, plan.intervals * plan.groups, 1);
            return Ok(Batch {
                step,
                pairs: self.pairs(step, &drawn)?,
                tuples: None,
                copies: None,
                clips: None,
            });
        }
        Ok(Batch {
            step,
            pairs: self.pairs(step, &sampler.pairs(step, plan.intervals, plan.groups))?,
            tuples: self.tuples(step, &sampler.tuples(step, plan.tuples))?,
            copies: self.copies(&sampler.copies(step, &plan.affine))?,
            clips: self.clips(step, &sampler.clips(step, plan.clips))?,
        })
    }
}
