//! Pairs of frame and speech with their negatives.
//!
//! Paper, "Pairs": the frame at i and the speech at j lie anywhere in the same interval T (hard positive); the hard
//! negative's speech comes from a nearby interval T' = T + delta of the same recording, 0 < |delta| < D. Ours
//! (method.md leaves them open): delta counts intervals and has both signs; "speech at j" is the window centred at
//! j; a hard negative's centre lies at least a window's length from the positive's (all windows' length, where there are
//! several), since windows that overlap share their words; and where a neighbour is voiced, voiced neighbours are drawn,
//! since silence against speech would give the answer away.
//!
//! Beyond the paper: an easy negative is the speech of another recording of the batch (audio-visual correspondence,
//! Arandjelovic and Zisserman, ICCV 2017); speech may be drawn near the frame only, later than it, and by whole utterances.

use std::ops::Range;

use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{Fragment, Pool, Sampler, Stream};
use crate::Negatives;

/// A frame with a positive and a negative.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Index of the fragment.
    pub interval: usize,
    /// Index of the recording.
    pub recording: usize,
    /// Frame of the recording.
    pub frame: usize,
    /// Middle of the positive's speech windows on the recording's clock.
    pub speech_secs: f64,
    /// Recording of the negative: the same for a hard one.
    pub negative_recording: usize,
    /// Middle of the negative's speech windows on its recording's clock.
    pub negative_secs: f64,
}

/// Frames that stand for an interval: what one hides in shadow or motion another shows.
const THIRDS: usize = 3;

/// What stands for a whole interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Middle {
    /// Index of the recording.
    pub recording: usize,
    /// Frames in the middle of each third of it.
    pub frames: [usize; THIRDS],
    /// Middle of the speech that its pairs hear, on the recording's clock.
    pub speech_secs: f64,
}

impl Sampler {
    /// The pairs of batch `step`: `intervals` fragments in the epoch's shuffled order, `groups` pairs of each.
    ///
    /// Groups of one interval are neighbours in the result. Every fragment is used once before any is used again, unless
    /// batches are drawn by recording: then a recording is used once before any is used again, and gives an equal share of
    /// the intervals (all it has, where those are fewer).
    pub fn pairs(&self, step: u64, intervals: usize, groups: usize) -> Vec<Pair> {
        let mut rng = self.rng(Stream::Pairs, step);
        let drawn = if self.config.recordings_per_batch == 0 {
            self.shuffled(&self.paired, Stream::PairOrder, step, intervals).collect()
        } else {
            self.of_few_recordings(step, intervals)
        };
        let each = drawn.into_iter().flat_map(|at| vec![at; groups]);
        let mut pairs: Vec<Pair> = each.map(|at| self.pair(at, &mut rng)).collect();
        if self.config.negatives == Negatives::Easy {
            self.make_easy(&mut pairs, &mut rng);
        }
        pairs
    }

    /// Fragments to draw pairs from.
    pub(super) fn with_negative(&self) -> Vec<usize> {
        let all = (0..self.fragments.len())
            .filter(|&at| self.in_pool(&self.fragments[at]) && !self.fragments[at].frames.is_empty());
        match self.config.negatives {
            Negatives::Hard => all.filter(|&at| self.can_pair(at)).collect(),
            Negatives::Batch => all.collect(),
            Negatives::Easy => {
                let all: Vec<usize> = all.collect();
                let recording = |at: usize| self.fragments[at].recording;
                // a single recording has no other to take speech from
                let several =
                    all.first().is_some_and(|&first| all.iter().any(|&at| recording(at) != recording(first)));
                if several { all } else { Vec::new() }
            }
        }
    }

    fn of_few_recordings(&self, step: u64, intervals: usize) -> Vec<usize> {
        let wanted = self.config.recordings_per_batch.min(self.by_recording.len()).min(intervals).max(1);
        let (share, size) = (intervals / wanted, self.by_recording.len() as u64);
        let all: Vec<usize> = (0..self.by_recording.len()).collect();
        let recordings = self.shuffled(&all, Stream::RecordingOrder, step, wanted).enumerate();
        let drawn = recordings.flat_map(|(offset, recording)| {
            let visit = (step * wanted as u64 + offset as u64) / size;
            let mut own = self.by_recording[recording].clone();
            own.shuffle(&mut self.rng(Stream::Recording, (recording as u64) << 28 | visit));
            own.truncate(share);
            own
        });
        drawn.collect()
    }

    fn pair(&self, at: usize, rng: &mut ChaCha8Rng) -> Pair {
        let fragment = &self.fragments[at];
        let recording = fragment.recording;
        let (frame, speech_secs) = match self.utterance(at) {
            Some(said) => {
                let half = self.config.interval_secs / 2.0;
                let seen = said - self.config.lag_secs + half * rng.random_range(-1.0..=1.0);
                (self.frame_at(at, seen), said + self.config.snap_jitter_secs * rng.random_range(-1.0..=1.0))
            }
            None => {
                let frame = rng.random_range(fragment.frames.clone());
                let near = match self.config.positive_jitter_secs {
                    None => rng.random_range(fragment.start_secs..fragment.end_secs),
                    Some(jitter) => self.frame_secs(at, frame) + rng.random_range(-jitter..=jitter),
                };
                (frame, near + self.config.lag_secs)
            }
        };
        let negative_secs = match self.config.negatives {
            Negatives::Hard => self.negative(at, speech_secs, rng),
            Negatives::Easy | Negatives::Batch => speech_secs,
        };
        Pair { interval: at, recording, frame, speech_secs, negative_recording: recording, negative_secs }
    }

    /// The middle of the utterance nearest to the middle of fragment `at`, where one is nearer than half a window (and utterances
    /// are known at all).
    fn utterance(&self, at: usize) -> Option<f64> {
        let fragment = &self.fragments[at];
        let secs = (fragment.start_secs + fragment.end_secs) / 2.0;
        let middles = self.utterances.get(fragment.recording)?;
        let after = middles.partition_point(|&middle| middle < secs);
        let near = middles[after.saturating_sub(1)..middles.len().min(after + 1)].iter().copied();
        let nearest = near.min_by(|a, b| (a - secs).abs().total_cmp(&(b - secs).abs()));
        nearest.filter(|middle| (middle - secs).abs() <= self.config.window_secs / 2.0)
    }

    /// The frame of the recording of fragment `at` that is shown at `secs`; its middle one, where none is.
    fn frame_at(&self, at: usize, secs: f64) -> usize {
        let recording = self.fragments[at].recording;
        let before = |other: &Fragment| {
            other.recording < recording || (other.recording == recording && other.end_secs <= secs)
        };
        let there = self.fragments.get(self.fragments.partition_point(before));
        let shown = |other: &&Fragment| {
            other.recording == recording && other.start_secs <= secs && !other.frames.is_empty()
        };
        let Some(there) = there.filter(shown) else {
            let own = &self.fragments[at].frames;
            return own.start + own.len() / 2;
        };
        let share = (secs - there.start_secs) / (there.end_secs - there.start_secs);
        there.frames.start + ((share * there.frames.len() as f64) as usize).min(there.frames.len() - 1)
    }

    /// What stands for fragment `at`, which has a frame: the middles of what its pairs see and hear.
    pub fn middle(&self, at: usize) -> Middle {
        let fragment = &self.fragments[at];
        let (recording, lag) = (fragment.recording, self.config.lag_secs);
        let middle = (fragment.start_secs + fragment.end_secs) / 2.0;
        let (seen, speech_secs) = match self.utterance(at) {
            Some(said) => (said - lag, said),
            None => (middle, middle + lag),
        };
        let third = |third: usize| (third as f64 - (THIRDS - 1) as f64 / 2.0) / THIRDS as f64;
        let frame = |of: usize| self.frame_at(at, seen + third(of) * self.config.interval_secs);
        Middle { recording, frames: std::array::from_fn(frame), speech_secs }
    }

    /// Time of a frame, as if an interval's frames were evenly spaced.
    fn frame_secs(&self, at: usize, frame: usize) -> f64 {
        let fragment = &self.fragments[at];
        let share = ((frame - fragment.frames.start) as f64 + 0.5) / fragment.frames.len() as f64;
        fragment.start_secs + share * (fragment.end_secs - fragment.start_secs)
    }

    /// Gives every pair the speech of another recording: of the batch, or, where it has none, of any other.
    fn make_easy(&self, pairs: &mut [Pair], rng: &mut ChaCha8Rng) {
        let speech: Vec<(usize, f64)> = pairs.iter().map(|pair| (pair.recording, pair.speech_secs)).collect();
        for pair in pairs {
            let others: Vec<&(usize, f64)> =
                speech.iter().filter(|other| other.0 != pair.recording).collect();
            (pair.negative_recording, pair.negative_secs) = if others.is_empty() {
                let far = |&&at: &&usize| self.fragments[at].recording != pair.recording;
                let far: Vec<&usize> = self.paired.iter().filter(far).collect();
                let fragment = &self.fragments[*far[rng.random_range(0..far.len())]];
                (fragment.recording, rng.random_range(fragment.start_secs..fragment.end_secs))
            } else {
                *others[rng.random_range(0..others.len())]
            };
        }
    }

    /// The middle of a hard negative for speech at `speech_secs` of fragment `at`.
    fn negative(&self, at: usize, speech_secs: f64, rng: &mut ChaCha8Rng) -> f64 {
        let far = |&other: &usize| !self.far_parts(other, speech_secs).is_empty();
        let neighbours: Vec<usize> = self.neighbours_of(at).filter(far).collect();
        let voiced: Vec<usize> = neighbours.iter().copied().filter(|&n| self.fragments[n].voiced).collect();
        // where silent intervals are paired too, a voiced negative would give a silent positive away
        let pool = if voiced.is_empty() || self.pool == Pool::Audible { &neighbours } else { &voiced };
        let parts = self.far_parts(pool[rng.random_range(0..pool.len())], speech_secs);
        // a neighbour can be cut in two only by a window shorter than itself; the longer part is as good as any
        let part = parts.into_iter().max_by(|a, b| (a.end - a.start).total_cmp(&(b.end - b.start)));
        part.map_or(speech_secs, |part| rng.random_range(part))
    }

    /// Whether speech of fragment `at`, wherever it is drawn, has a neighbour with room for a hard negative.
    fn can_pair(&self, at: usize) -> bool {
        let (fragment, span_secs) = (&self.fragments[at], self.config.span_secs());
        let (lag, jitter) = (self.config.lag_secs, self.config.positive_jitter_secs.unwrap_or(0.0));
        let (from, to) = (fragment.start_secs + lag - jitter, fragment.end_secs + lag + jitter);
        // speech before `latest` has room in a neighbour after it, speech after `earliest` in one before it
        let (mut latest, mut earliest) = (f64::NEG_INFINITY, f64::INFINITY);
        for other in self.neighbours_of(at).map(|other| self.speech_of(other)) {
            latest = latest.max(other.end - span_secs);
            earliest = earliest.min(other.start + span_secs);
        }
        latest > to || earliest < from || latest > earliest
    }

    /// Fragments of the same recording with 0 < |delta| < D.
    fn neighbours_of(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        let reach = self.config.neighbours - 1;
        let centre = &self.fragments[at];
        (at.saturating_sub(reach)..(at + reach + 1).min(self.fragments.len())).filter(move |&other| {
            let fragment = &self.fragments[other];
            let delta = fragment.index.abs_diff(centre.index);
            fragment.recording == centre.recording && (1..=reach).contains(&delta)
        })
    }

    /// Where the speech of fragment `at` may lie: as much later as a positive's does. A negative without the lag would be voiced oftener
    /// than a positive with it, and be told by that alone.
    fn speech_of(&self, at: usize) -> Range<f64> {
        let (fragment, lag) = (&self.fragments[at], self.config.lag_secs);
        let first = self.fragments.partition_point(|other| other.recording < fragment.recording);
        let next = self.fragments.partition_point(|other| other.recording <= fragment.recording);
        let (start, end) = (self.fragments[first].start_secs, self.fragments[next - 1].end_secs);
        (fragment.start_secs + lag).max(start)..(fragment.end_secs + lag).min(end)
    }

    /// The parts of fragment `other`'s speech at least all windows' length away from `speech_secs`.
    fn far_parts(&self, other: usize, speech_secs: f64) -> Vec<Range<f64>> {
        let (speech, span_secs) = (self.speech_of(other), self.config.span_secs());
        let before = speech.start..speech.end.min(speech_secs - span_secs);
        let after = speech.start.max(speech_secs + span_secs)..speech.end;
        [before, after].into_iter().filter(|part| part.start < part.end).collect()
    }
}
