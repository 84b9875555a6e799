//! In which order were these frames? Four shuffled frames of an interval to one of twelve orders.

use candle_core::{Module, Result, Tensor, bail};
use candle_transformers::models::with_tracing::Linear;
use serde::{Deserialize, Serialize};
use sonovox_ops::Scope;

use super::layers::{LOGIT_INIT, he, linear};

/// Frames that are put in order (Jiao et al. 2020).
pub const ORDER_FRAMES: usize = 4;
/// Orders that are told apart: 4! / 2, forward and backward counting as the same.
pub const ORDER_CLASSES: usize = 12;

/// Size of the order head; the source says nothing of it, so it is our choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrderHeadConfig {
    /// Width of the hidden layer.
    pub hidden: usize,
}

impl Default for OrderHeadConfig {
    fn default() -> Self {
        Self { hidden: 256 }
    }
}

/// `fc2(relu(fc1(features of all frames)))`.
pub struct OrderHead {
    features: usize,
    fc1: Linear,
    fc2: Linear,
}

impl OrderHead {
    /// Makes `fc1` and `fc2` in `scope`, for pooled features of width `features`.
    ///
    /// # Errors
    /// When names are taken.
    pub fn new(config: &OrderHeadConfig, features: usize, scope: &Scope) -> Result<Self> {
        let inputs = ORDER_FRAMES * features;
        Ok(Self {
            features,
            fc1: linear(&scope.pp("fc1"), inputs, config.hidden, he(inputs))?,
            fc2: linear(&scope.pp("fc2"), config.hidden, ORDER_CLASSES, LOGIT_INIT)?,
        })
    }

    /// Logits `[B, 12]` from pooled features `[B, 4, features]`, frames in the order they are presented in.
    ///
    /// # Errors
    /// When `x` has another shape.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match x.dims() {
            [_, ORDER_FRAMES, width] if *width == self.features => {}
            found => {
                bail!("order head: expected features [B, {ORDER_FRAMES}, {}], found {found:?}", self.features)
            }
        }
        self.fc2.forward(&self.fc1.forward(&x.flatten_from(1)?)?.relu()?)
    }
}
