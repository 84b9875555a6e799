//! Settings of stage 3: the recipe's `[planes]` section.

use serde::{Deserialize, Serialize};
use sonovox_model::{PlaneHeadConfig, Preset};
use sonovox_ops::Precision;
use sonovox_train::{Keep, OptimizerConfig, RunConfig, Schedule};

use super::augment::PlaneAugmentation;
use crate::{DownstreamError, label_share};

/// The whole section. The defaults are the recipe of Droste et al., IPMI 2019 (method.md, "Plane detection").
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanesConfig {
    /// Network of a random encoder; a pretrained or published one brings its own.
    pub encoder: Preset,
    /// Form of the head.
    pub head: PlaneHeadConfig,
    /// Frames used of each recording: those whose number is a multiple of this.
    pub every_nth_frame: usize,
    /// Share of the labelled training frames that is used, above 0 and at most 1: whole visits, drawn by seed, of every
    /// plane alike; the others are passed over as if they had no label. Validation and test keep all of theirs.
    pub label_share: f64,
    /// Images that make an epoch, drawn by class.
    pub epoch_images: u64,
    /// Images to a batch.
    pub batch: usize,
    /// Factor on the learning rate of SGD where the encoder is random (source: 0.04 in place of 0.01); AdamW scales its steps itself.
    pub random_rate_factor: f64,
    /// Augmentation of the training frames.
    pub augmentation: PlaneAugmentation,
    /// Report figures even where the encoder was pretrained on test subjects.
    pub allow_seen_subjects: bool,
    /// Engine: epochs, optimiser, schedule, clipping (the source states none; 5 is ours, as in pretraining).
    pub run: RunConfig,
}

impl Default for PlanesConfig {
    fn default() -> Self {
        Self {
            encoder: Preset::Small,
            head: PlaneHeadConfig::default(),
            every_nth_frame: 8,
            label_share: 1.0,
            epoch_images: 1024,
            batch: 16,
            random_rate_factor: 4.0,
            augmentation: PlaneAugmentation::default(),
            allow_seen_subjects: false,
            run: RunConfig {
                epochs: 50,
                optimizer: OptimizerConfig::Sgd { learning_rate: 0.01, momentum: 0.9, weight_decay: 5e-4 },
                schedule: Schedule::Step { epochs: vec![20, 35], factor: 0.1 },
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

impl PlanesConfig {
    /// Refuses settings outside their range.
    ///
    /// # Errors
    /// Names the first setting that is wrong, what it must be and what it is.
    pub fn validate(&self) -> Result<(), DownstreamError> {
        let own = [
            ("every_nth_frame", "at least 1", self.every_nth_frame as f64, self.every_nth_frame >= 1),
            label_share::check(self.label_share),
            ("epoch_images", "at least 1", self.epoch_images as f64, self.epoch_images >= 1),
            // batch normalisation needs two values to a channel, and the last map may be a single pixel
            ("batch", "at least 2", self.batch as f64, self.batch >= 2),
            ("random_rate_factor", "above 0", self.random_rate_factor, {
                self.random_rate_factor > 0.0 && self.random_rate_factor.is_finite()
            }),
        ];
        for (setting, expected, found, holds) in own.into_iter().chain(self.augmentation.checks()) {
            if !holds {
                return Err(DownstreamError::Setting { section: "planes", setting, expected, found });
            }
        }
        Ok(self.run.validate()?)
    }

    /// Steps that make an epoch.
    pub(crate) fn steps_per_epoch(&self) -> u64 {
        self.epoch_images.div_ceil(self.batch as u64)
    }

    /// The engine's settings for an encoder that is random or not.
    pub(crate) fn run_for(&self, random_encoder: bool) -> RunConfig {
        let mut run = self.run.clone();
        if let (true, OptimizerConfig::Sgd { learning_rate, .. }) = (random_encoder, &mut run.optimizer) {
            *learning_rate *= self.random_rate_factor;
        }
        run
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_hold_and_random_encoders_train_at_four_hundredths() {
        let config = PlanesConfig::default();
        config.validate().expect("defaults");
        assert_eq!(config.steps_per_epoch(), 64);
        assert_eq!(config.run_for(false).optimizer.learning_rate(), 0.01);
        assert_eq!(config.run_for(true).optimizer.learning_rate(), 0.04);
        let mut adam = config;
        adam.run.optimizer = OptimizerConfig::AdamW { learning_rate: 2e-3, weight_decay: 0.01 };
        assert_eq!(adam.run_for(true).optimizer.learning_rate(), 2e-3);
    }

    #[test]
    fn wrong_settings_are_named() {
        let parse = |json: &str| serde_json::from_str::<PlanesConfig>(json);
        assert!(parse(r#"{"batches": 3}"#).unwrap_err().to_string().contains("batches"));
        for (json, expected) in [
            (r#"{"every_nth_frame": 0}"#, "[planes] every_nth_frame must be at least 1, found 0"),
            (r#"{"batch": 1}"#, "[planes] batch must be at least 2, found 1"),
            (r#"{"label_share": 0}"#, "[planes] label_share must be above 0 and at most 1, found 0"),
            (
                r#"{"augmentation": {"smallest_crop": 1.5}}"#,
                "[planes] augmentation.smallest_crop must be above 0 and at most 1, found 1.5",
            ),
        ] {
            let error = parse(json).expect("valid JSON").validate().unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}
