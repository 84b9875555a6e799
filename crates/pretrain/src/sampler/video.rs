//! What is drawn from video alone: from every interval, silent or not.

use rand::Rng;
use sonovox_model::{SNIPPET_FRAMES, SNIPPETS};

use super::{Sampler, Stream};
use crate::warp::{PARAMETERS, Warp};
use crate::{AffineConfig, order};

/// Four shuffled frames of one interval.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderTuple {
    /// Index of the recording.
    pub recording: usize,
    /// Frames of the recording, as shown.
    pub frames: [usize; order::FRAMES],
    /// Class of the order, 0 to 11.
    pub class: u32,
}

/// A frame and how its copy is transformed.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameCopy {
    /// Index of the recording.
    pub recording: usize,
    /// Frame of the recording.
    pub frame: usize,
    /// The copy's transform.
    pub warp: Warp,
    /// Its parameters, -1 to 1 of their ranges.
    pub parameters: [f32; PARAMETERS],
}

/// Three snippets of four frames, shuffled: successive intervals of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct ClipTuple {
    /// Index of the recording.
    pub recording: usize,
    /// Frames of the recording, a snippet's one after the other in time, snippets as shown.
    pub frames: [usize; SNIPPETS * SNIPPET_FRAMES],
    /// Which of the six orders, lexicographically.
    pub class: u32,
}

/// The orders of three snippets.
const SNIPPET_ORDERS: [[usize; SNIPPETS]; 6] =
    [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

impl Sampler {
    /// The clips of batch `step`.
    pub fn clips(&self, step: u64, count: usize) -> Vec<ClipTuple> {
        let mut rng = self.rng(Stream::Clips, step);
        let drawn = self.shuffled(&self.successive, Stream::ClipOrder, step, count);
        drawn
            .map(|at| {
                let class = rng.random_range(0..SNIPPET_ORDERS.len());
                let mut frames = Vec::with_capacity(SNIPPETS * SNIPPET_FRAMES);
                for place in SNIPPET_ORDERS[class] {
                    let within = &self.fragments[at + place].frames;
                    // one frame of each quarter of the interval, in time
                    let quarter = |part: usize| within.start + part * within.len() / SNIPPET_FRAMES;
                    frames.extend(
                        (0..SNIPPET_FRAMES).map(|part| rng.random_range(quarter(part)..quarter(part + 1))),
                    );
                }
                let frames = frames.try_into().expect("as many as a clip has");
                ClipTuple { recording: self.fragments[at].recording, frames, class: class as u32 }
            })
            .collect()
    }

    /// The order tuples of batch `step`, one to each of `intervals` fragments.
    pub fn tuples(&self, step: u64, intervals: usize) -> Vec<OrderTuple> {
        let mut rng = self.rng(Stream::Tuples, step);
        let drawn = self.shuffled(&self.ordered, Stream::TupleOrder, step, intervals);
        drawn
            .map(|at| {
                let fragment = &self.fragments[at];
                let (offsets, class) = order::draw(fragment.frames.len(), &mut rng);
                let frames = offsets.map(|offset| fragment.frames.start + offset);
                OrderTuple { recording: fragment.recording, frames, class }
            })
            .collect()
    }

    /// The frames of batch `step` that are transformed, one of each of `ranges.frames` fragments.
    pub fn copies(&self, step: u64, ranges: &AffineConfig) -> Vec<FrameCopy> {
        let mut rng = self.rng(Stream::Copies, step);
        let drawn = self.shuffled(&self.seen, Stream::CopyOrder, step, ranges.frames);
        drawn
            .map(|at| {
                let fragment = &self.fragments[at];
                let frame = rng.random_range(fragment.frames.clone());
                let (warp, parameters) = Warp::draw(ranges, &mut rng);
                FrameCopy { recording: fragment.recording, frame, warp, parameters }
            })
            .collect()
    }
}
