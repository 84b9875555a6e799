//! Which frames and which speech are compared. Nothing is drawn by chance: what is too many is thinned evenly.

use crate::track::Track;
use crate::truth::RecordingTruth;

/// Length of the stretches that voiced and silent moments are looked for in: the paper's interval.
const STEP_SECS: f64 = 2.0;
/// Share of a stretch that is voiced in a voiced moment, as in pretraining.
const VOICED_SHARE: f64 = 0.5;

/// A frame and the speech around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// The recording, as the aligner counts it.
    pub recording: usize,
    /// The frame.
    pub frame: usize,
    /// Middle of the speech, in seconds on the recording's clock.
    pub secs: f64,
    /// What is said: a plane, `chat`, ...; empty where no truth tells.
    pub label: String,
}

/// Moments of one recording, by what is heard in them.
#[derive(Clone, Debug, Default)]
pub struct Moments {
    /// Voiced stretches, whatever is said.
    pub voiced: Vec<Moment>,
    /// Whole windows without a voice.
    pub silent: Vec<Moment>,
    /// Utterances that name the plane on the screen.
    pub relevant: Vec<Moment>,
    /// Utterances that have nothing to do with the picture.
    pub unrelated: Vec<Moment>,
    /// Of those, the ones during which a plane is on the screen.
    pub unrelated_on_plane: Vec<Moment>,
}

impl Moments {
    /// Of recording `recording`, for speech windows of `window_secs`.
    pub fn find(recording: usize, track: &Track, window_secs: f64, truth: Option<&RecordingTruth>) -> Self {
        let at = |secs: f64, label: &str| Moment {
            recording,
            frame: track.frame_at(secs),
            secs,
            label: label.to_owned(),
        };
        let mut found = Self::default();
        for secs in track.middles(STEP_SECS) {
            if track.voiced_share(secs, STEP_SECS) >= VOICED_SHARE {
                found.voiced.push(at(secs, ""));
            } else if track.voiced_share(secs, window_secs.max(STEP_SECS)) == 0.0 {
                found.silent.push(at(secs, ""));
            }
        }
        for utterance in truth.iter().flat_map(|truth| &truth.utterances) {
            let secs = utterance.middle_secs();
            let shown = truth.and_then(|truth| truth.plane_at(secs)).filter(|plane| *plane != "background");
            if !utterance.related {
                found.unrelated.push(at(secs, &utterance.label));
                found.unrelated_on_plane.extend(shown.map(|_| at(secs, &utterance.label)));
            } else if shown == Some(utterance.label.as_str()) {
                found.relevant.push(at(secs, &utterance.label));
            }
        }
        found
    }

    /// Moments of several recordings, one after the other.
    pub fn all(of: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::default();
        for one in of {
            all.voiced.extend(one.voiced);
            all.silent.extend(one.silent);
            all.relevant.extend(one.relevant);
            all.unrelated.extend(one.unrelated);
            all.unrelated_on_plane.extend(one.unrelated_on_plane);
        }
        all
    }
}

/// At most `most` of `items`, spread evenly over them.
pub fn thinned<T: Clone>(items: &[T], most: usize) -> Vec<T> {
    if items.len() <= most {
        return items.to_vec();
    }
    (0..most).map(|at| items[at * items.len() / most].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_is_even_and_keeps_the_order() {
        assert_eq!(thinned(&[1, 2, 3], 5), [1, 2, 3]);
        assert_eq!(thinned(&(0..10).collect::<Vec<_>>(), 4), [0, 2, 5, 7]);
    }
}
