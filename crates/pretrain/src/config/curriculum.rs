//! What is trained when.

use serde::{Deserialize, Serialize};

use super::Check;

/// Shares of a run in which one stream is trained alone, before both are. Ours: most pairs of frame and speech have nothing to do
/// with each other, and two fresh streams that chase each other learn nothing from them in any time that two cores have. A video
/// stream that knows moments apart is a steady target for speech; to hear without looking back costs a third of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Curriculum {
    /// First share: the losses of video alone, no speech is heard.
    pub video_alone: f64,
    /// Second share: L_cont on one frame of each of `voiced_intervals * groups` intervals, the video encoder held still.
    pub speech_alone: f64,
}

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Losses of video alone.
    Video,
    /// L_cont with the video encoder held still.
    Speech,
    /// All losses.
    Joint,
}

impl Curriculum {
    /// The phase after `progress` of the run, 0 to 1.
    pub fn phase(&self, progress: f64) -> Phase {
        if progress < self.video_alone {
            Phase::Video
        } else if progress < self.video_alone + self.speech_alone {
            Phase::Speech
        } else {
            Phase::Joint
        }
    }

    pub(super) fn checks(&self, of_video: f64, compares_otherwise: f64) -> Vec<Check> {
        let share = |value: f64| (0.0..1.0).contains(&value);
        vec![
            ("curriculum.video_alone", "0 or more and below 1", self.video_alone, share(self.video_alone)),
            ("curriculum.speech_alone", "0 or more and below 1", self.speech_alone, share(self.speech_alone)),
            (
                "curriculum.video_alone + curriculum.speech_alone",
                "below 1",
                self.video_alone + self.speech_alone,
                share(self.video_alone + self.speech_alone),
            ),
            (
                "weights.video_views + weights.ord + weights.affine",
                "above 0 for curriculum.video_alone",
                of_video,
                self.video_alone == 0.0 || of_video > 0.0,
            ),
            (
                "weights.cls + weights.sync",
                "0 for curriculum.speech_alone",
                compares_otherwise,
                self.speech_alone == 0.0 || compares_otherwise == 0.0,
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_follow_one_another_and_by_default_there_is_one() {
        let curriculum = Curriculum { video_alone: 0.25, speech_alone: 0.5 };
        let at = [0.0, 0.24, 0.25, 0.74, 0.75, 1.0].map(|progress| curriculum.phase(progress));
        assert_eq!(
            at,
            [Phase::Video, Phase::Video, Phase::Speech, Phase::Speech, Phase::Joint, Phase::Joint]
        );
        assert!([0.0, 0.5, 1.0].iter().all(|&at| Curriculum::default().phase(at) == Phase::Joint));
        let fails = |curriculum: Curriculum, of_video, otherwise| {
            curriculum.checks(of_video, otherwise).iter().any(|(_, _, _, holds)| !holds)
        };
        assert!(!fails(curriculum, 1.0, 0.0));
        assert!(fails(curriculum, 0.0, 0.0) && fails(curriculum, 1.0, 1.0));
        assert!(fails(Curriculum { video_alone: 0.5, speech_alone: 0.5 }, 1.0, 0.0));
    }
}
