//! What one training step sees.

mod source;

use candle_core::Tensor;

pub use source::{Plan, Source};

/// The parts of a batch as the networks' input. A part that no loss needs, or the data cannot give, is `None`.
pub struct Batch {
    /// Its number, counted from 0.
    pub step: u64,
    /// Frames with their speech.
    pub pairs: Option<Pairs>,
    /// Shuffled frames with the class of their order.
    pub tuples: Option<Tuples>,
    /// Frames with transformed copies.
    pub copies: Option<Copies>,
    /// Clips of three shuffled snippets.
    pub clips: Option<Clips>,
}

impl Batch {
    /// The frames of every part there is, in the order of the fields.
    pub fn frames(&self) -> Vec<&Tensor> {
        let pairs = self.pairs.as_ref().map(|pairs| &pairs.frames);
        let tuples = self.tuples.as_ref().map(|tuples| &tuples.frames);
        let copies = self.copies.as_ref().map(|copies| &copies.frames);
        let clips = self.clips.as_ref().map(|clips| &clips.frames);
        [pairs, tuples, copies, clips].into_iter().flatten().collect()
    }
}

/// `P` pairs of `W` speech windows: frames, positives, negatives.
pub struct Pairs {
    /// f32 `[P, 1, height, width]`.
    pub frames: Tensor,
    /// f32 `[P W, 1, bands, time]`: speech of the same interval, a pair's windows one after the other.
    pub positive: Tensor,
    /// f32 `[P W, 1, bands, time]`: speech of a nearby interval, or of another recording; `None` where pairs have no negative of
    /// their own.
    pub negative: Option<Tensor>,
    /// Recording of every pair.
    pub recordings: Vec<usize>,
    /// Interval of every pair, by its place among all of its part.
    pub intervals: Vec<usize>,
}

/// `M` tuples of four frames.
pub struct Tuples {
    /// f32 `[4 M, 1, height, width]`, a tuple's frames one after the other as shown.
    pub frames: Tensor,
    /// u32 `[M]`.
    pub classes: Tensor,
}

/// `K` frames and their transformed copies.
pub struct Copies {
    /// f32 `[2 K, 1, height, width]`: all frames, then all copies.
    pub frames: Tensor,
    /// f32 `[K, 5]`: parameters of the transforms, -1 to 1 of their ranges.
    pub parameters: Tensor,
}

/// `M` clips of three snippets of four frames.
pub struct Clips {
    /// f32 `[12 M, 1, height, width]`, a clip's snippets one after the other as shown.
    pub frames: Tensor,
    /// u32 `[M]`: which of six orders.
    pub classes: Tensor,
    /// Seed of the two views.
    pub seed: u64,
}
