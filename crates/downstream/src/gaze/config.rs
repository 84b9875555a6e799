//! Settings of stage 4: the recipe's `[gaze]` section.

use serde::{Deserialize, Serialize};
use sonovox_model::{GazeHeadConfig, Preset};
use sonovox_ops::Precision;
use sonovox_train::{Keep, OptimizerConfig, RunConfig, Schedule};

use super::augment::GazeAugmentation;
use crate::{DownstreamError, label_share};

/// The whole section. The defaults are the recipe of Droste et al., IPMI 2019 (method.md, "Gaze saliency").
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GazeConfig {
    /// Network of a random encoder; a pretrained or published one brings its own.
    pub encoder: Preset,
    /// Form of the head.
    pub head: GazeHeadConfig,
    /// Frames used of each recording: those whose number is a multiple of this.
    pub every_nth_frame: usize,
    /// Share of the training frames with gaze that is used, above 0 and at most 1: whole visits, drawn by seed, of every
    /// plane alike; the others are passed over as if they had no gaze. Validation and test keep all of theirs.
    pub label_share: f64,
    /// Standard deviation of the target's Gaussians as a share of the frame's width.
    ///
    /// The source asks for about 1 degree of visual angle. At 60 cm from the screen that is 1.05 cm, and 0.05 of an
    /// image shown 21 cm wide; measure your own set-up.
    pub sigma: f64,
    /// Images that make an epoch; by default every training frame once.
    pub epoch_images: Option<u64>,
    /// Images to a batch.
    pub batch: usize,
    /// Augmentation of the training frames.
    pub augmentation: GazeAugmentation,
    /// Report figures even where the encoder was pretrained on test subjects.
    pub allow_seen_subjects: bool,
    /// Most predicted maps that `predictions.safetensors` keeps, spread evenly over the frames; scores are kept of
    /// every frame.
    pub keep_maps: usize,
    /// Engine: epochs, optimiser, schedule, clipping (the source states none; 5 is ours, as in pretraining).
    pub run: RunConfig,
}

impl Default for GazeConfig {
    fn default() -> Self {
        Self {
            encoder: Preset::Small,
            head: GazeHeadConfig::default(),
            every_nth_frame: 8,
            label_share: 1.0,
            sigma: 0.05,
            epoch_images: None,
            batch: 32,
            augmentation: GazeAugmentation::default(),
            allow_seen_subjects: false,
            keep_maps: 512,
            run: RunConfig {
                epochs: 8,
                optimizer: OptimizerConfig::Sgd { learning_rate: 0.1, momentum: 0.9, weight_decay: 1e-4 },
                schedule: Schedule::Step { epochs: vec![6], factor: 0.1 },
                clip_norm: 5.0,
                keep: Keep::Best,
                precision: Precision::F32,
                batches_ahead: 2,
                log_every_steps: 10,
                checkpoint_every_steps: 1000,
            },
        }
    }
}

impl GazeConfig {
    /// Refuses settings outside their range.
    ///
    /// # Errors
    /// Names the first setting that is wrong, what it must be and what it is.
    pub fn validate(&self) -> Result<(), DownstreamError> {
        let images = self.epoch_images.unwrap_or(1);
        let own = [
            ("every_nth_frame", "at least 1", self.every_nth_frame as f64, self.every_nth_frame >= 1),
            label_share::check(self.label_share),
            ("sigma", "above 0 and at most 1", self.sigma, self.sigma > 0.0 && self.sigma <= 1.0),
            ("epoch_images", "at least 1", images as f64, images >= 1),
            ("batch", "at least 2", self.batch as f64, self.batch >= 2),
        ];
        for (setting, expected, found, holds) in own.into_iter().chain(self.augmentation.checks()) {
            if !holds {
                return Err(DownstreamError::Setting { section: "gaze", setting, expected, found });
            }
        }
        Ok(self.run.validate()?)
    }

    /// Steps that make an epoch over `frames` training frames.
    pub(crate) fn steps_per_epoch(&self, frames: usize) -> u64 {
        self.epoch_images.unwrap_or(frames as u64).div_ceil(self.batch as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_hold_and_wrong_settings_are_named() {
        let config = GazeConfig::default();
        config.validate().expect("defaults");
        assert_eq!(config.steps_per_epoch(65), 3);
        let parse = |json: &str| serde_json::from_str::<GazeConfig>(json).expect("valid JSON");
        let error = parse(r#"{"sigma": 0.0}"#).validate().unwrap_err();
        assert_eq!(error.to_string(), "[gaze] sigma must be above 0 and at most 1, found 0");
        let error = parse(r#"{"augmentation": {"largest_crop": 0.5}}"#).validate().unwrap_err();
        assert!(error.to_string().contains("from smallest_crop to 1, found 0.5"), "{error}");
    }
}
