//! Stochastic gradient descent with momentum, as `torch.optim.SGD` (dampening 0, no Nesterov).

use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var};

#[cfg(feature = "cuda")]
use super::on_card;
use super::state::{self, Buffers};
use super::{DecayOn, Optimizer};
use crate::element::by_dtype;

/// Settings of [`Sgd`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdConfig {
    /// Share of the last step's direction that is kept; 0 turns momentum off.
    pub momentum: f64,
    /// Added to the gradient as `weight_decay * parameter` (coupled, as in PyTorch).
    pub weight_decay: f64,
    /// Which parameters decay.
    pub decay_on: DecayOn,
}

impl Default for SgdConfig {
    /// The paper's recipe (Jiao et al. 2020): momentum 0.9, weight decay 5e-4 on everything.
    fn default() -> Self {
        Self { momentum: 0.9, weight_decay: 5e-4, decay_on: DecayOn::All }
    }
}

/// `g = scale grad + weight_decay p; u = momentum u + g; p = p - lr u`, with `u` starting at 0.
pub struct Sgd {
    config: SgdConfig,
    params: Vec<(String, Var)>,
    velocity: Buffers,
    #[cfg(feature = "cuda")]
    chunks: crate::cuda::optim::Chunks,
}

impl Sgd {
    /// An optimiser of these parameters ([`crate::ParamStore::params`], or a part of them).
    ///
    /// # Errors
    /// When a parameter is not f32 or f64 on a device that has kernels.
    pub fn new(params: Vec<(String, Var)>, config: SgdConfig) -> Result<Self> {
        let velocity = Buffers::zeros(&params)?;
        Ok(Self {
            config,
            params,
            velocity,
            #[cfg(feature = "cuda")]
            chunks: Default::default(),
        })
    }
}

impl Optimizer for Sgd {
    fn step(&mut self, grads: &GradStore, lr: f64, scale: f64) -> Result<()> {
        let _span = tracing::trace_span!("optimiser", part = "step").entered();
        #[cfg(feature = "cuda")]
        if on_card::is_there(&self.params) {
            let SgdConfig { momentum, weight_decay, decay_on } = self.config;
            let step = on_card::Step { params: &self.params, grads, weight_decay, decay_on, scale };
            return on_card::sgd(&step, &self.velocity, &mut self.chunks, lr, momentum);
        }
        for (name, var) in &self.params {
            let Some(grad) = grads.get(var) else { continue };
            let decay = self.config.decay_on.rate(var, self.config.weight_decay);
            let velocity = self.velocity.get_mut(name);
            by_dtype!(name, var, T => {
                let [lr, scale, decay, momentum] = [lr, scale, decay, self.config.momentum].map(|v| v as T);
                state::update::<T>(name, var, grad, vec![velocity], |p, g, u| {
                    for ((p, &g), u) in p.iter_mut().zip(g).zip(u[0].iter_mut()) {
                        *u = momentum * *u + (scale * g + decay * *p);
                        *p -= lr * *u;
                    }
                })?;
            });
        }
        Ok(())
    }

    fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut state = BTreeMap::new();
        self.velocity.export("velocity", &self.params, &mut state)?;
        Ok(state)
    }

    fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        state::check(&self.state()?, state)?;
        self.velocity = Buffers::import("velocity", &self.params, state)?;
        Ok(())
    }
}
