//! Which frame is paired with which speech, and which frames are put in order: pure draws of indices and times, no data
//! read. Every draw is a function of (seed, stream, step).

mod pairs;
mod video;

use std::ops::Range;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use sonovox_model::{SNIPPET_FRAMES, SNIPPETS};

use crate::{PairConfig, order};

pub use pairs::Pair;
pub use video::{ClipTuple, FrameCopy, OrderTuple};

/// An interval as the sampler sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Fragment {
    /// Index of the recording.
    pub recording: usize,
    /// Index of the interval within the recording.
    pub index: usize,
    /// Start on the recording's clock.
    pub start_secs: f64,
    /// End on the recording's clock.
    pub end_secs: f64,
    /// Frames of the recording that lie in it.
    pub frames: Range<usize>,
    /// Whether its recording is long enough for a speech window.
    pub audible: bool,
    /// Share of its time that is voiced, 0 to 1.
    pub voiced_share: f64,
    /// High affinity: audible, and at least the configured share of it is voiced.
    pub voiced: bool,
}

/// Which intervals pairs are drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// Those of high affinity.
    Voiced,
    /// All, silent ones included.
    Audible,
}

/// Draws pairs and tuples from fragments.
pub struct Sampler {
    fragments: Vec<Fragment>,
    /// Fragments to draw pairs from: in the pool, with a negative.
    paired: Vec<usize>,
    /// The same by recording, recordings without any left out.
    by_recording: Vec<Vec<usize>>,
    /// Fragments with at least four frames.
    ordered: Vec<usize>,
    /// Fragments that begin three successive ones with at least four frames each.
    successive: Vec<usize>,
    /// Fragments with at least one frame.
    seen: Vec<usize>,
    /// Middles of every recording's utterances; empty where speech is drawn wherever it is.
    utterances: Vec<Vec<f64>>,
    config: PairConfig,
    pool: Pool,
    seed: u64,
}

/// Streams of chance, so that the draws of one step do not share theirs.
#[derive(Clone, Copy)]
pub(crate) enum Stream {
    PairOrder = 1,
    Pairs = 2,
    TupleOrder = 3,
    Tuples = 4,
    RecordingOrder = 5,
    Recording = 6,
    CopyOrder = 7,
    Copies = 8,
    ChangedFrames = 9,
    ChangedSpeech = 10,
    Probes = 11,
    ClipOrder = 12,
    Clips = 13,
    Views = 14,
    Clusters = 15,
}

impl Sampler {
    /// A sampler over `fragments`, which are sorted by recording and index.
    pub fn new(fragments: Vec<Fragment>, config: &PairConfig, pool: Pool, seed: u64) -> Self {
        let mut sampler = Self {
            fragments,
            paired: Vec::new(),
            by_recording: Vec::new(),
            ordered: Vec::new(),
            successive: Vec::new(),
            seen: Vec::new(),
            utterances: Vec::new(),
            config: config.clone(),
            pool,
            seed,
        };
        let all = 0..sampler.fragments.len();
        sampler.paired = sampler.with_negative();
        let recording = |&at: &usize| sampler.fragments[at].recording;
        sampler.by_recording =
            sampler.paired.chunk_by(|a, b| recording(a) == recording(b)).map(<[usize]>::to_vec).collect();
        let frames = |at: usize| sampler.fragments[at].frames.len();
        sampler.ordered = all.clone().filter(|&at| frames(at) >= order::FRAMES).collect();
        let begins = |&at: &usize| {
            let own = &sampler.fragments[at];
            (0..SNIPPETS).all(|step| {
                sampler.fragments.get(at + step).is_some_and(|next| {
                    next.recording == own.recording
                        && next.index == own.index + step
                        && next.frames.len() >= SNIPPET_FRAMES
                })
            })
        };
        sampler.successive = all.clone().filter(begins).collect();
        sampler.seen = all.filter(|&at| frames(at) > 0).collect();
        sampler
    }

    /// The same, that knows the middles of every recording's utterances (`pairs.snap_to_utterance`).
    pub fn with_utterances(self, utterances: &[Vec<f64>]) -> Self {
        let utterances = if self.config.snap_to_utterance { utterances.to_vec() } else { Vec::new() };
        Self { utterances, ..self }
    }

    /// The intervals, in their order.
    pub fn fragments(&self) -> &[Fragment] {
        &self.fragments
    }

    /// Number of fragments that pairs are drawn from.
    pub fn paired(&self) -> usize {
        self.paired.len()
    }

    /// Number of these that are voiced.
    pub fn voiced_paired(&self) -> usize {
        self.paired.iter().filter(|&&at| self.fragments[at].voiced).count()
    }

    /// Number of fragments that order tuples are drawn from.
    pub fn ordered(&self) -> usize {
        self.ordered.len()
    }

    /// Number of fragments that clips of three snippets begin at.
    pub fn successive(&self) -> usize {
        self.successive.len()
    }

    /// Number of fragments that single frames are drawn from.
    pub fn seen(&self) -> usize {
        self.seen.len()
    }

    /// Number of recordings that pairs are drawn from.
    pub fn recordings(&self) -> usize {
        self.by_recording.len()
    }

    /// Fragments that pairs are drawn from, by recording.
    pub fn by_recording(&self) -> &[Vec<usize>] {
        &self.by_recording
    }

    /// Number of fragments of the pool that have no negative.
    pub fn without_negative(&self) -> usize {
        self.fragments.iter().filter(|fragment| self.in_pool(fragment)).count() - self.paired.len()
    }

    fn in_pool(&self, fragment: &Fragment) -> bool {
        match self.pool {
            Pool::Voiced => fragment.voiced,
            Pool::Audible => fragment.audible,
        }
    }

    /// Entries `step * count ..` of an endless row of shuffled passes over `pool`.
    fn shuffled<'a>(
        &'a self,
        pool: &'a [usize],
        stream: Stream,
        step: u64,
        count: usize,
    ) -> impl Iterator<Item = usize> + 'a {
        let size = pool.len() as u64;
        let mut pass: Option<(u64, Vec<usize>)> = None;
        (0..if size == 0 { 0 } else { count as u64 }).map(move |offset| {
            let (number, place) =
                ((step * count as u64 + offset) / size, (step * count as u64 + offset) % size);
            if pass.as_ref().is_none_or(|(at, _)| *at != number) {
                let mut shuffled = pool.to_vec();
                shuffled.shuffle(&mut self.rng(stream, number));
                pass = Some((number, shuffled));
            }
            pass.as_ref().map_or(0, |(_, shuffled)| shuffled[place as usize])
        })
    }

    pub(crate) fn rng(&self, stream: Stream, number: u64) -> ChaCha8Rng {
        stream_rng(self.seed, stream as u64, number)
    }
}

/// The generator of one draw.
pub(crate) fn stream_rng(seed: u64, stream: u64, number: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream << 56 | number);
    rng
}

#[cfg(test)]
mod tests;
