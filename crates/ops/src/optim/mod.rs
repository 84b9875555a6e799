//! Optimisers over all parameters of a model, with state that can be saved by name.
//!
//! Updates follow PyTorch's `SGD` and `AdamW`. A parameter without a gradient in a step keeps its value and its state,
//! as there.

mod adamw;
mod norm;
#[cfg(feature = "cuda")]
mod on_card;
mod sgd;
mod state;

use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor};

pub use adamw::{AdamW, AdamWConfig};
pub use norm::{clip_scale, global_norm};
pub use sgd::{Sgd, SgdConfig};

/// Which parameters weight decay shrinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecayOn {
    /// All of them: PyTorch's default, and what the paper's SGD recipe does.
    All,
    /// Weights of two or more axes; biases, BatchNorm's scale and shift and the temperature are left alone.
    Matrices,
}

impl DecayOn {
    fn rate(self, param: &Tensor, weight_decay: f64) -> f64 {
        let spared = self == DecayOn::Matrices && param.rank() < 2;
        if spared { 0.0 } else { weight_decay }
    }
}

/// One step over all parameters at once.
pub trait Optimizer: Send {
    /// Changes every parameter that has a gradient. `scale` multiplies the gradients first (clipping, or the mean
    /// over several backward passes).
    ///
    /// # Errors
    /// When a gradient's shape or type is not its parameter's.
    fn step(&mut self, grads: &GradStore, lr: f64, scale: f64) -> Result<()>;

    /// Everything that a run needs to go on, by name. The tensors are copies.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    fn state(&self) -> Result<BTreeMap<String, Tensor>>;

    /// Takes back what [`Optimizer::state`] gave.
    ///
    /// # Errors
    /// When names or shapes differ; the message names every tensor that is missing, surplus or of another shape, and
    /// nothing is changed.
    fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()>;
}

#[cfg(test)]
mod tests;
