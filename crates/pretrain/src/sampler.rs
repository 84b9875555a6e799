//! Which frame is paired with which speech: pure draws of indices and times, no data read.
//!
//! Paper, "Pairs": the frame at i and the speech at j lie anywhere in the same interval T (hard positive); the hard
//! negative's speech comes from a nearby interval T' = T + delta of the same recording, 0 < |delta| < D. Ours
//! (method.md leaves them open): delta counts intervals and has both signs; "speech at j" is the window centred at
//! j; a hard negative's centre lies at least a window's length from the positive's, since windows that overlap share
//! their words; and where a neighbour is voiced, voiced neighbours are drawn, since silence against speech would
//! give the answer away.

use std::ops::Range;

use rand::Rng;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::order;

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
    /// High affinity: at least the configured share of it is voiced.
    pub voiced: bool,
}

/// A frame with a hard positive and a hard negative.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Index of the recording.
    pub recording: usize,
    /// Frame of the recording.
    pub frame: usize,
    /// Centre of the positive's speech window on the recording's clock.
    pub speech_secs: f64,
    /// Centre of the hard negative's speech window.
    pub negative_secs: f64,
}

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

/// Draws pairs and tuples from fragments, each draw a pure function of (seed, stream, step).
pub struct Sampler {
    fragments: Vec<Fragment>,
    /// Fragments to draw pairs from: voiced, with a neighbour far enough for a hard negative.
    paired: Vec<usize>,
    /// Fragments with at least four frames.
    ordered: Vec<usize>,
    window_secs: f64,
    neighbours: usize,
    seed: u64,
}

/// Streams of chance, so that pairs and tuples of one step do not share theirs.
#[derive(Clone, Copy)]
enum Stream {
    PairOrder = 1,
    Pairs = 2,
    TupleOrder = 3,
    Tuples = 4,
}

impl Sampler {
    /// A sampler over `fragments`, which are sorted by recording and index.
    pub fn new(fragments: Vec<Fragment>, window_secs: f64, neighbours: usize, seed: u64) -> Self {
        let mut sampler =
            Self { fragments, paired: Vec::new(), ordered: Vec::new(), window_secs, neighbours, seed };
        let all = 0..sampler.fragments.len();
        sampler.paired =
            all.clone().filter(|&at| sampler.fragments[at].voiced && sampler.can_pair(at)).collect();
        sampler.ordered = all.filter(|&at| sampler.fragments[at].frames.len() >= order::FRAMES).collect();
        sampler
    }

    /// Number of fragments that pairs are drawn from.
    pub fn paired(&self) -> usize {
        self.paired.len()
    }

    /// Number of fragments that order tuples are drawn from.
    pub fn ordered(&self) -> usize {
        self.ordered.len()
    }

    /// Number of voiced fragments that have no neighbour far enough for a hard negative.
    pub fn without_negative(&self) -> usize {
        self.fragments.iter().filter(|fragment| fragment.voiced).count() - self.paired.len()
    }

    /// The pairs of batch `step`: `intervals` fragments in the epoch's shuffled order, `groups` pairs of each.
    ///
    /// Groups of one interval are neighbours in the result. Every fragment is used once before any is used again.
    pub fn pairs(&self, step: u64, intervals: usize, groups: usize) -> Vec<Pair> {
        let mut rng = self.rng(Stream::Pairs, step);
        let drawn = self.shuffled(&self.paired, Stream::PairOrder, step, intervals);
        drawn.flat_map(|at| vec![at; groups]).map(|at| self.pair(at, &mut rng)).collect()
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

    fn pair(&self, at: usize, rng: &mut ChaCha8Rng) -> Pair {
        let fragment = &self.fragments[at];
        let frame = rng.random_range(fragment.frames.clone());
        let speech_secs = rng.random_range(fragment.start_secs..fragment.end_secs);
        let negative_secs = self.negative(at, speech_secs, rng);
        Pair { recording: fragment.recording, frame, speech_secs, negative_secs }
    }

    /// The centre of a hard negative for speech at `speech_secs` of fragment `at`.
    fn negative(&self, at: usize, speech_secs: f64, rng: &mut ChaCha8Rng) -> f64 {
        let far = |&other: &usize| !self.far_parts(other, speech_secs).is_empty();
        let neighbours: Vec<usize> = self.neighbours_of(at).filter(far).collect();
        let voiced: Vec<usize> = neighbours.iter().copied().filter(|&n| self.fragments[n].voiced).collect();
        let pool = if voiced.is_empty() { &neighbours } else { &voiced };
        let parts = self.far_parts(pool[rng.random_range(0..pool.len())], speech_secs);
        // a neighbour can be cut in two only by a window shorter than itself; the longer part is as good as any
        let part = parts.into_iter().max_by(|a, b| (a.end - a.start).total_cmp(&(b.end - b.start)));
        part.map_or(speech_secs, |part| rng.random_range(part))
    }

    /// Whether every place in fragment `at` has a neighbour with room for a hard negative.
    fn can_pair(&self, at: usize) -> bool {
        let fragment = &self.fragments[at];
        // speech before `latest` has room in a neighbour after it, speech after `earliest` in one before it
        let (mut latest, mut earliest) = (f64::NEG_INFINITY, f64::INFINITY);
        for other in self.neighbours_of(at).map(|other| &self.fragments[other]) {
            latest = latest.max(other.end_secs - self.window_secs);
            earliest = earliest.min(other.start_secs + self.window_secs);
        }
        let everywhere = latest > fragment.end_secs || earliest < fragment.start_secs || latest > earliest;
        everywhere && !fragment.frames.is_empty()
    }

    /// Fragments of the same recording with 0 < |delta| < D.
    fn neighbours_of(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        let reach = self.neighbours - 1;
        let centre = &self.fragments[at];
        (at.saturating_sub(reach)..(at + reach + 1).min(self.fragments.len())).filter(move |&other| {
            let fragment = &self.fragments[other];
            let delta = fragment.index.abs_diff(centre.index);
            fragment.recording == centre.recording && (1..=reach).contains(&delta)
        })
    }

    /// The parts of fragment `other` at least a window away from `speech_secs`.
    fn far_parts(&self, other: usize, speech_secs: f64) -> Vec<Range<f64>> {
        let fragment = &self.fragments[other];
        let before = fragment.start_secs..fragment.end_secs.min(speech_secs - self.window_secs);
        let after = fragment.start_secs.max(speech_secs + self.window_secs)..fragment.end_secs;
        [before, after].into_iter().filter(|part| part.start < part.end).collect()
    }

    fn rng(&self, stream: Stream, number: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream((stream as u64) << 56 | number);
        rng
    }
}

#[cfg(test)]
mod tests;
