//! From cosines of frames and speech to figures.

use sonovox_metrics::{binary_auc, recall_at_k, retrieval_auc};

use crate::moments::Moment;
use crate::report::{Affinity, Direction, Phrases, Recall, Retrieval};

/// Ranks within which the true partner counts as found.
const RANKS: [usize; 3] = [1, 5, 10];

/// Cosines `[frames, speech]` of the frames and the speech of the same moments: frame i belongs to speech i.
pub struct Cosines {
    values: Vec<f32>,
    count: usize,
}

impl Cosines {
    /// Of `count` moments.
    ///
    /// # Panics
    /// When there are not `count * count` values.
    pub fn new(values: Vec<f32>, count: usize) -> Self {
        assert_eq!(values.len(), count * count, "{count} moments");
        Self { values, count }
    }

    /// Speech asks, frames answer.
    fn transposed(&self) -> Vec<f32> {
        let n = self.count;
        (0..n * n).map(|at| self.values[at % n * n + at / n]).collect()
    }

    fn own(&self, moment: usize) -> f32 {
        self.values[moment * self.count + moment]
    }

    /// How often the speech of a moment finds its frame, and the other way round. At least two moments.
    pub fn retrieval(&self) -> Retrieval {
        let back = self.transposed();
        let direction = |similarity: &[f32]| Direction {
            recall: RANKS
                .into_iter()
                .filter(|&k| k < self.count)
                .map(|k| Recall {
                    k,
                    recall: recall_at_k(similarity, self.count, k),
                    chance: k as f64 / self.count as f64,
                })
                .collect(),
        };
        Retrieval {
            pairs: self.count,
            video_to_speech: direction(&self.values),
            speech_to_video: direction(&back),
            alignment_auc: (retrieval_auc(&self.values, self.count) + retrieval_auc(&back, self.count)) / 2.0,
        }
    }

    /// Recall of the moment's recording from its speech, where every moment is of another recording.
    pub fn recording_recall(&self) -> f64 {
        recall_at_k(&self.transposed(), self.count, 1)
    }
}

/// Affinities of relevant utterances against those of unrelated ones: `cosines` are of all moments one after the other, first
/// `relevant`, then `on_plane`, then `anywhere`.
pub fn affinity(cosines: &Cosines, relevant: usize, on_plane: usize, anywhere: usize) -> Affinity {
    let own: Vec<f32> = (0..cosines.count).map(|at| cosines.own(at)).collect();
    let (of_relevant, rest) = own.split_at(relevant);
    let (of_plane, of_any) = rest.split_at(on_plane);
    assert_eq!(of_any.len(), anywhere, "moments of each kind");
    Affinity {
        relevant,
        unrelated: on_plane,
        auc: binary_auc(of_relevant, of_plane),
        unrelated_anywhere: anywhere,
        auc_anywhere: binary_auc(of_relevant, of_any),
    }
}

/// Pictures against words of the first `moments.len()` moments of `cosines`. Partners are of other recordings only, so
/// that neither voice nor machine helps.
pub fn phrases(cosines: &Cosines, moments: &[Moment]) -> Phrases {
    let back = Cosines { values: cosines.transposed(), count: cosines.count };
    let (from_video, from_speech) = (asked(cosines, moments), asked(&back, moments));
    Phrases {
        moments: moments.len(),
        auc_video_to_speech: from_video.map(|found| found.auc),
        auc_speech_to_video: from_speech.map(|found| found.auc),
        first_video_to_speech: from_video.map(|found| found.first),
        first_speech_to_video: from_speech.map(|found| found.first),
        first_chance: from_video.map(|found| found.chance),
    }
}

#[derive(Clone, Copy, Default)]
struct Asked {
    auc: f64,
    first: f64,
    chance: f64,
}

/// Means over the queries (rows) that have both right and wrong candidates; `None` where none has.
fn asked(cosines: &Cosines, moments: &[Moment]) -> Option<Asked> {
    let (mut sum, mut queries) = (Asked::default(), 0);
    for (query, asks) in moments.iter().enumerate() {
        let (mut right, mut wrong) = (Vec::new(), Vec::new());
        for (candidate, answers) in moments.iter().enumerate() {
            if answers.recording != asks.recording {
                let group = if answers.label == asks.label { &mut right } else { &mut wrong };
                group.push(cosines.values[query * cosines.count + candidate]);
            }
        }
        let Some(auc) = binary_auc(&right, &wrong) else { continue };
        let top = right.iter().chain(&wrong).copied().fold(f32::NEG_INFINITY, f32::max);
        let at_top = |group: &[f32]| group.iter().filter(|value| **value == top).count() as f64;
        sum.auc += auc;
        // of candidates that are equally near each is as likely the first
        sum.first += at_top(&right) / (at_top(&right) + at_top(&wrong)).max(1.0);
        sum.chance += right.len() as f64 / (right.len() + wrong.len()) as f64;
        queries += 1;
    }
    let mean = |sum: f64| sum / f64::from(queries);
    (queries > 0).then(|| Asked { auc: mean(sum.auc), first: mean(sum.first), chance: mean(sum.chance) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(recording: usize, label: &str) -> Moment {
        Moment { recording, frame: 0, secs: 0.0, label: label.into() }
    }

    #[test]
    fn speech_asks_along_the_columns() {
        // frame 0 is near to all speech; speech 1 and 2 find frame 0 first
        let cosines = Cosines::new(vec![0.9, 0.8, 0.8, 0.0, 0.5, 0.1, 0.0, 0.1, 0.5], 3);
        let found = cosines.retrieval();
        assert_eq!(found.video_to_speech.recall[0].recall, 1.0);
        assert!((found.speech_to_video.recall[0].recall - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(found.speech_to_video.recall.len(), 1, "5 and 10 are more than there are");
        assert!((cosines.recording_recall() - 1.0 / 3.0).abs() < 1e-12);
        assert!((found.alignment_auc - (1.0 + (1.0 + 0.5 + 0.5) / 3.0) / 2.0).abs() < 1e-12);
    }

    #[test]
    fn affinity_is_of_a_moments_own_pair() {
        let mut values = vec![0.9; 25];
        for (at, own) in [0.8, 0.4, 0.5, 0.1, 0.6].into_iter().enumerate() {
            values[at * 6] = own;
        }
        let found = affinity(&Cosines::new(values, 5), 2, 1, 2);
        assert_eq!((found.relevant, found.unrelated, found.unrelated_anywhere), (2, 1, 2));
        assert_eq!(found.auc, Some(0.5));
        assert_eq!(found.auc_anywhere, Some(0.75));
    }

    #[test]
    fn words_of_the_same_recording_are_no_answer() {
        let moments = [moment(0, "A"), moment(0, "B"), moment(1, "A"), moment(1, "B")];
        // right across recordings, wrong within
        let values = [0.0, 0.9, 0.8, 0.1, 0.9, 0.0, 0.1, 0.8, 0.8, 0.1, 0.0, 0.9, 0.1, 0.8, 0.9, 0.0];
        let found = phrases(&Cosines::new(values.to_vec(), 4), &moments);
        assert_eq!((found.auc_video_to_speech, found.auc_speech_to_video), (Some(1.0), Some(1.0)));
        assert_eq!((found.first_video_to_speech, found.first_chance), (Some(1.0), Some(0.5)));
        let alone = phrases(&Cosines::new(vec![0.5; 4], 2), &moments[..2]);
        assert_eq!(alone.auc_video_to_speech, None);
        let tied = phrases(&Cosines::new(vec![0.3; 16], 4), &moments);
        assert_eq!((tied.auc_video_to_speech, tied.first_video_to_speech), (Some(0.5), Some(0.5)));
        // embeddings that are all the same find the right one of three as often as chance does
        let three: Vec<Moment> =
            (0..2).flat_map(|of| ["A", "B", "C"].map(|label| moment(of, label))).collect();
        let tied = phrases(&Cosines::new(vec![0.3; 36], 6), &three);
        assert!(
            tied.first_video_to_speech.is_some_and(|first| (first - 1.0 / 3.0).abs() < 1e-12),
            "{tied:?}"
        );
        assert_eq!(tied.first_video_to_speech, tied.first_chance);
    }
}
