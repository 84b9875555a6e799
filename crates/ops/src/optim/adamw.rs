//! Adam with decoupled weight decay (Loshchilov and Hutter 2019), as `torch.optim.AdamW`.

use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{Device, Result, Tensor, Var};

#[cfg(feature = "cuda")]
use super::on_card;
use super::state::{self, Buffers};
use super::{DecayOn, Optimizer};
use crate::element::by_dtype;

/// Settings of [`AdamW`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWConfig {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// Added to the root of the second mean.
    pub eps: f64,
    /// Parameters shrink by `lr * weight_decay` a step (decoupled from the gradient).
    pub weight_decay: f64,
    /// Which parameters decay.
    pub decay_on: DecayOn,
}

impl Default for AdamWConfig {
    /// PyTorch's values, with weight decay on matrices only.
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 1e-2, decay_on: DecayOn::Matrices }
    }
}

/// `p = p (1 - lr wd); m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
/// p = p - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)`, with `g = scale grad` and t counted from 1.
///
/// t counts this optimiser's steps; PyTorch counts each parameter's, which differs only for a parameter that had no
/// gradient in some step.
pub struct AdamW {
    config: AdamWConfig,
    params: Vec<(String, Var)>,
    mean: Buffers,
    square: Buffers,
    steps: i64,
    #[cfg(feature = "cuda")]
    chunks: crate::cuda::optim::Chunks,
}

impl AdamW {
    /// An optimiser of these parameters ([`crate::ParamStore::params`], or a part of them).
    ///
    /// # Errors
    /// When a parameter is not f32 or f64 on a device that has kernels.
    pub fn new(params: Vec<(String, Var)>, config: AdamWConfig) -> Result<Self> {
        let (mean, square) = (Buffers::zeros(&params)?, Buffers::zeros(&params)?);
        Ok(Self {
            config,
            params,
            mean,
            square,
            steps: 0,
            #[cfg(feature = "cuda")]
            chunks: Default::default(),
        })
    }
}

impl Optimizer for AdamW {
    fn step(&mut self, grads: &GradStore, lr: f64, scale: f64) -> Result<()> {
        let _span = tracing::trace_span!("optimiser", part = "step").entered();
        let AdamWConfig { beta1, beta2, eps, weight_decay, decay_on } = self.config;
        self.steps += 1;
        #[cfg(feature = "cuda")]
        if on_card::is_there(&self.params) {
            let step = on_card::Step { params: &self.params, grads, weight_decay, decay_on, scale };
            let numbers = crate::cuda::optim::AdamWStep { lr, beta1, beta2, eps, t: self.steps };
            return on_card::adamw(&step, [&self.mean, &self.square], &mut self.chunks, numbers);
        }
        let t = self.steps as f64;
        let rate = lr / (1.0 - beta1.powf(t));
        let root = (1.0 - beta2.powf(t)).sqrt().recip();
        for (name, var) in &self.params {
            let Some(grad) = grads.get(var) else { continue };
            let keep = 1.0 - lr * decay_on.rate(var, weight_decay);
            let buffers = vec![self.mean.get_mut(name), self.square.get_mut(name)];
            by_dtype!(name, var, T => {
                let [rate, root, keep, scale, eps] = [rate, root, keep, scale, eps].map(|v| v as T);
                let [b1, b2, new1, new2] = [beta1, beta2, 1.0 - beta1, 1.0 - beta2].map(|v| v as T);
                state::update::<T>(name, var, grad, buffers, |p, g, buffers| {
                    let [mean, square] = buffers else { unreachable!("two buffers were given") };
                    for (((p, &g), m), v) in p.iter_mut().zip(g).zip(mean.iter_mut()).zip(square.iter_mut()) {
                        let g = scale * g;
                        *m = b1 * *m + new1 * g;
                        *v = b2 * *v + new2 * (g * g);
                        *p = keep * *p - rate * *m / (root * v.sqrt() + eps);
                    }
                })?;
            });
        }
        Ok(())
    }

    fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut state = BTreeMap::from([("steps".to_string(), Tensor::new(self.steps, &Device::Cpu)?)]);
        self.mean.export("mean", &self.params, &mut state)?;
        self.square.export("square", &self.params, &mut state)?;
        Ok(state)
    }

    fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        state::check(&self.state()?, state)?;
        let steps = state["steps"].to_scalar::<i64>()?;
        let mean = Buffers::import("mean", &self.params, state)?;
        let square = Buffers::import("square", &self.params, state)?;
        (self.steps, self.mean, self.square) = (steps, mean, square);
        Ok(())
    }
}
