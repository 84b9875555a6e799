//! Settings of stage 2: the recipe's `[pretrain]` section.

use serde::{Deserialize, Serialize};
use sonovox_model::{EncoderConfig, Preset};
use sonovox_ops::Precision;
use sonovox_train::{Keep, OptimizerConfig, RunConfig, Schedule};

use crate::PretrainError;

/// Which contrastive loss L_cont is (method.md, "Losses").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contrastive {
    /// Eq. 2 of the paper, its margin clamped from below; clamped pairs are counted and logged.
    Paper,
    /// Symmetric InfoNCE on unit-length embeddings with a learned temperature; hard negatives are extra columns.
    InfoNce,
}

/// Weights of the three losses; the paper's are equal. A weight of 0 leaves the loss out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossWeights {
    /// L_cls, hard positive against hard negative.
    pub cls: f64,
    /// L_cont, across the batch.
    pub cont: f64,
    /// L_ord, four shuffled frames.
    pub ord: f64,
}

impl Default for LossWeights {
    fn default() -> Self {
        Self { cls: 1.0, cont: 1.0, ord: 1.0 }
    }
}

/// How pairs are drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PairConfig {
    /// Length of an interval T in seconds (paper: 60 frames at 30 frames/s).
    pub interval_secs: f64,
    /// Length of the speech window in seconds (paper: 0.6; 2.5 is what trained, first-findings.md).
    pub window_secs: f64,
    /// Sampling groups to an interval, K in the paper.
    pub groups: usize,
    /// Hard negatives come from intervals nearer than this many (paper: |delta| < D, D = 5).
    pub neighbours: usize,
    /// Share of voiced time from which on an interval is of high affinity, 0 to 1.
    pub voiced_share: f64,
}

impl Default for PairConfig {
    fn default() -> Self {
        Self { interval_secs: 2.0, window_secs: 2.5, groups: 2, neighbours: 5, voiced_share: 0.5 }
    }
}

/// The whole section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PretrainConfig {
    /// Network of both encoders.
    pub encoder: Preset,
    /// Train in the dilated form (last two stages at stride 8): the paper's, and about four times the arithmetic.
    pub dilated: bool,
    /// Pair sampling.
    pub pairs: PairConfig,
    /// Which L_cont.
    pub contrastive: Contrastive,
    /// Temperature that InfoNCE starts from.
    pub temperature: f64,
    /// Weights of the losses.
    pub weights: LossWeights,
    /// Voiced intervals to a batch; each gives `pairs.groups` pairs (paper: 32 pairs).
    pub voiced_intervals: usize,
    /// Intervals of any kind to a batch, for frame order; each gives one shuffled tuple.
    pub order_intervals: usize,
    /// Steps that make an epoch; by default one pass over the voiced intervals (over all, where none is voiced).
    pub steps_per_epoch: Option<u64>,
    /// Most pairs that the evaluation after every epoch looks at.
    pub eval_pairs: usize,
    /// Engine: epochs, optimiser, schedule, clipping.
    pub run: RunConfig,
}

impl Default for PretrainConfig {
    fn default() -> Self {
        Self {
            encoder: Preset::Small,
            dilated: false,
            pairs: PairConfig::default(),
            contrastive: Contrastive::InfoNce,
            temperature: 0.1,
            weights: LossWeights::default(),
            voiced_intervals: 16,
            order_intervals: 16,
            steps_per_epoch: None,
            eval_pairs: 256,
            run: RunConfig {
                epochs: 20,
                optimizer: OptimizerConfig::AdamW { learning_rate: 3e-3, weight_decay: 0.01 },
                schedule: Schedule::Cosine { warmup: 0.05, floor: 0.0 },
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

impl PretrainConfig {
    /// The encoder's configuration; both streams are of one channel.
    pub fn encoder_config(&self) -> EncoderConfig {
        EncoderConfig { preset: self.encoder, in_channels: 1, dilated: self.dilated }
    }

    /// Refuses settings outside their range.
    ///
    /// # Errors
    /// Names the first setting that is wrong, what it must be and what it is.
    pub fn validate(&self) -> Result<(), PretrainError> {
        let pairs = &self.pairs;
        let weights = [self.weights.cls, self.weights.cont, self.weights.ord];
        let checks = [
            ("pairs.interval_secs", "above 0", pairs.interval_secs, pairs.interval_secs > 0.0),
            ("pairs.window_secs", "above 0", pairs.window_secs, pairs.window_secs > 0.0),
            ("pairs.groups", "at least 1", pairs.groups as f64, pairs.groups >= 1),
            (
                "pairs.neighbours",
                "at least 2 (|delta| is below it)",
                pairs.neighbours as f64,
                pairs.neighbours >= 2,
            ),
            ("pairs.voiced_share", "0 to 1", pairs.voiced_share, (0.0..=1.0).contains(&pairs.voiced_share)),
            ("temperature", "above 0", self.temperature, self.temperature > 0.0),
            ("voiced_intervals", "at least 2", self.voiced_intervals as f64, self.voiced_intervals >= 2),
            ("order_intervals", "at least 1", self.order_intervals as f64, self.order_intervals >= 1),
            ("eval_pairs", "at least 2", self.eval_pairs as f64, self.eval_pairs >= 2),
            ("weights", "0 or more, and not all 0", weights.iter().sum(), {
                weights.iter().all(|&w| w >= 0.0 && w.is_finite()) && weights.iter().any(|&w| w > 0.0)
            }),
        ];
        for (setting, expected, found, holds) in checks {
            if !holds {
                return Err(PretrainError::Setting { setting, expected, found });
            }
        }
        Ok(self.run.validate()?)
    }
}
