//! How training changes what it sees and hears, so that voice, room and machine tell less. Everything is off by default, and
//! held-out data is never changed.

use serde::{Deserialize, Serialize};

use super::Check;

/// Changes of a speech window, in its spectrogram; each window's are its own. Values of a spectrogram are dB standardised over a
/// recording, so that 1 is one standard deviation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpeechAugmentation {
    /// Speed: 0.15 draws factors from 1 / 1.15 to 1.15. Pitch stays, since bands do.
    pub speed: f64,
    /// Length of the vocal tract: 0.1 stretches the bands by factors from 1 / 1.1 to 1.1 about the lowest one, as if another person
    /// said the same words (vocal tract length perturbation, Jaitly and Hinton 2013, here on mel bands).
    pub vocal_tract: f64,
    /// Tilt: the lowest band falls and the highest rises by up to this, or the other way round.
    pub tilt: f64,
    /// Largest standard deviation of noise added to every value.
    pub noise: f64,
    /// Share of windows that another window of the batch is mixed into.
    pub mix_share: f64,
    /// The mixed-in window is this much quieter.
    pub mix_drop: f64,
    /// Longest blanked stretch of time, a share of the window (SpecAugment, Park et al. 2019).
    pub time_mask: f64,
    /// Widest blanked range of bands, a share of them.
    pub band_mask: f64,
}

impl Default for SpeechAugmentation {
    fn default() -> Self {
        Self {
            speed: 0.0,
            vocal_tract: 0.0,
            tilt: 0.0,
            noise: 0.0,
            mix_share: 0.0,
            mix_drop: 1.0,
            time_mask: 0.0,
            band_mask: 0.0,
        }
    }
}

impl SpeechAugmentation {
    /// Whether anything is changed.
    pub(crate) fn is_on(&self) -> bool {
        [self.speed, self.vocal_tract, self.tilt, self.noise, self.mix_share, self.time_mask, self.band_mask]
            .iter()
            .any(|&v| v > 0.0)
    }

    pub(super) fn checks(&self) -> Vec<Check> {
        let share = |value: f64| (0.0..1.0).contains(&value);
        vec![
            ("speech_augmentation.speed", "0 or more and below 1", self.speed, share(self.speed)),
            (
                "speech_augmentation.vocal_tract",
                "0 or more and below 1",
                self.vocal_tract,
                share(self.vocal_tract),
            ),
            ("speech_augmentation.tilt", "0 or more", self.tilt, self.tilt >= 0.0),
            ("speech_augmentation.noise", "0 or more", self.noise, self.noise >= 0.0),
            (
                "speech_augmentation.mix_share",
                "0 to 1",
                self.mix_share,
                (0.0..=1.0).contains(&self.mix_share),
            ),
            ("speech_augmentation.mix_drop", "0 or more", self.mix_drop, self.mix_drop >= 0.0),
            ("speech_augmentation.time_mask", "0 or more and below 1", self.time_mask, share(self.time_mask)),
            ("speech_augmentation.band_mask", "0 or more and below 1", self.band_mask, share(self.band_mask)),
        ]
    }
}

/// Changes of frames; those of one tuple are changed alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrameAugmentation {
    /// Half of the frames are mirrored left to right.
    pub mirror: bool,
    /// Largest rotation to either side.
    pub rotation_degrees: f64,
    /// Change of size: 0.1 draws factors from 1 / 1.1 to 1.1.
    pub scale: f64,
    /// Brightness is multiplied by up to 1 plus or minus this.
    pub brightness: f64,
    /// Exponents of grey from 1 / (1 + this) to 1 + this.
    pub gamma: f64,
}

impl FrameAugmentation {
    /// Whether anything is changed.
    pub(crate) fn is_on(&self) -> bool {
        self.mirror
            || [self.rotation_degrees, self.scale, self.brightness, self.gamma].iter().any(|&v| v > 0.0)
    }

    pub(super) fn checks(&self) -> Vec<Check> {
        let share = |value: f64| (0.0..1.0).contains(&value);
        vec![
            ("frame_augmentation.rotation_degrees", "0 to 180", self.rotation_degrees, {
                (0.0..=180.0).contains(&self.rotation_degrees)
            }),
            ("frame_augmentation.scale", "0 or more and below 1", self.scale, share(self.scale)),
            (
                "frame_augmentation.brightness",
                "0 or more and below 1",
                self.brightness,
                share(self.brightness),
            ),
            ("frame_augmentation.gamma", "0 or more", self.gamma, self.gamma >= 0.0),
        ]
    }
}
