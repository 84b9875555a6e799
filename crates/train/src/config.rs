//! Settings of a training run.

use serde::{Deserialize, Serialize};
use sonovox_ops::optim::{AdamW, AdamWConfig, Optimizer, Sgd, SgdConfig};
use sonovox_ops::{ParamStore, Precision};

use crate::{Schedule, TrainError};

/// Which optimiser updates the parameters, with its base learning rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum OptimizerConfig {
    /// Stochastic gradient descent with momentum and coupled weight decay, as in PyTorch.
    Sgd {
        /// Base learning rate.
        learning_rate: f64,
        /// Momentum, 0 to 1.
        momentum: f64,
        /// Weight decay (L2, added to the gradient).
        weight_decay: f64,
    },
    /// AdamW (Loshchilov and Hutter 2019) with betas 0.9 and 0.999 and decoupled weight decay.
    #[serde(rename = "adamw")]
    AdamW {
        /// Base learning rate.
        learning_rate: f64,
        /// Weight decay (decoupled).
        weight_decay: f64,
    },
}

impl OptimizerConfig {
    /// The base learning rate, which the schedule's factor multiplies.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Self::Sgd { learning_rate, .. } | Self::AdamW { learning_rate, .. } => *learning_rate,
        }
    }

    /// The optimiser of all parameters of `store`.
    ///
    /// # Errors
    /// When a parameter is of a kind that the optimiser cannot update.
    pub(crate) fn build(&self, store: &ParamStore) -> Result<Box<dyn Optimizer>, TrainError> {
        Ok(match *self {
            Self::Sgd { momentum, weight_decay, .. } => {
                let config = SgdConfig { momentum, weight_decay, ..SgdConfig::default() };
                Box::new(Sgd::new(store.params(), config)?)
            }
            Self::AdamW { weight_decay, .. } => {
                let config = AdamWConfig { weight_decay, ..AdamWConfig::default() };
                Box::new(AdamW::new(store.params(), config)?)
            }
        })
    }

    fn weight_decay(&self) -> f64 {
        match self {
            Self::Sgd { weight_decay, .. } | Self::AdamW { weight_decay, .. } => *weight_decay,
        }
    }
}

/// Which weights a run hands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Those of the epoch with the best held-out score.
    Best,
    /// Those after the last step.
    Last,
}

/// The engine's settings, part of a stage's recipe section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Number of epochs, at least 1.
    pub epochs: u32,
    /// Optimiser and base learning rate.
    pub optimizer: OptimizerConfig,
    /// Learning-rate schedule.
    pub schedule: Schedule,
    /// The gradient is scaled down to this global norm where it is longer; 0 turns clipping off.
    pub clip_norm: f64,
    /// Which weights are handed on.
    pub keep: Keep,
    /// In what the encoder computes: f32, or tf32 or bf16 on a CUDA device.
    #[serde(default)]
    pub precision: Precision,
    /// Batches drawn ahead of training.
    #[serde(default = "default_ahead")]
    pub batches_ahead: usize,
    /// Steps between two lines of losses in the event log.
    #[serde(default = "default_log_every")]
    pub log_every_steps: u64,
    /// Steps between two checkpoints; one is also written after every epoch.
    #[serde(default = "default_checkpoint_every")]
    pub checkpoint_every_steps: u64,
}

fn default_ahead() -> usize {
    2
}
fn default_log_every() -> u64 {
    10
}
fn default_checkpoint_every() -> u64 {
    1000
}

impl RunConfig {
    /// Refuses settings outside their range.
    ///
    /// # Errors
    /// Names the first setting that is wrong.
    pub fn validate(&self) -> Result<(), TrainError> {
        let rate = self.optimizer.learning_rate();
        let checks = [
            ("epochs", "at least 1", f64::from(self.epochs), self.epochs >= 1),
            ("optimizer.learning_rate", "above 0", rate, rate > 0.0 && rate.is_finite()),
            ("optimizer.weight_decay", "0 or more", self.optimizer.weight_decay(), {
                self.optimizer.weight_decay() >= 0.0
            }),
            ("clip_norm", "0 (off) or more", self.clip_norm, self.clip_norm >= 0.0),
            ("log_every_steps", "at least 1", self.log_every_steps as f64, self.log_every_steps >= 1),
            ("checkpoint_every_steps", "at least 1", self.checkpoint_every_steps as f64, {
                self.checkpoint_every_steps >= 1
            }),
        ];
        for (setting, expected, found, holds) in checks {
            if !holds {
                return Err(TrainError::Setting { setting, expected, found: found.to_string() });
            }
        }
        if let OptimizerConfig::Sgd { momentum, .. } = self.optimizer
            && !(0.0..1.0).contains(&momentum)
        {
            let (setting, expected) = ("optimizer.momentum", "at least 0 and below 1");
            return Err(TrainError::Setting { setting, expected, found: momentum.to_string() });
        }
        Ok(())
    }
}
