//! The end of a squeeze-and-excitation bottleneck (Hu et al. 2018, arXiv 1709.01507) as one operation: batch
//! normalisation, gate, product, shortcut, ReLU.
//!
//! `y = bn(x)`, `gate = sigmoid(fc2 relu(fc1 mean(y)))`, `result = relu(y gate + residual)`. Taken together they need
//! the pass over `x` that the statistics need anyway and one more, since the mean of `y` over a map follows from that
//! of `x`; the backward pass reads and writes each map once or twice where the five operations take eleven passes.

mod cpu;
mod gate;
#[cfg(feature = "cuda")]
mod on_card;
#[cfg(any(feature = "cuda", test))]
mod tensor_gate;

use candle_core::{Result, Tensor, Var, bail};

use crate::autograd::{self, Backward};
use crate::batch_norm::cpu::Affine;
use crate::batch_norm::{BatchNorm2d, Fuse, Mode};
use crate::element::{Element, by_dtype, from_vec, plain, storage, values};
use crate::inputs::check_maps;
use crate::params::{Init, Scope};
use gate::{Gate, GateWeights};

const NAME: &str = "squeeze_excite";

/// The gate's two layers, named and shaped as timm's 1x1 convolutions.
pub struct SqueezeExcite {
    /// `fc1.weight` `[hidden, C, 1, 1]`, `fc1.bias`, `fc2.weight` `[C, hidden, 1, 1]`, `fc2.bias`.
    layers: [Var; 4],
    channels: usize,
    hidden: usize,
}

impl SqueezeExcite {
    /// Makes the parameters of `fc1` and `fc2` in `scope`.
    ///
    /// # Errors
    /// When one of their names is taken.
    pub fn new(scope: &Scope, channels: usize, hidden: usize) -> Result<Self> {
        let layer = |name, outputs: usize, inputs: usize| -> Result<[Var; 2]> {
            let scope = scope.pp(name);
            let weight = scope.param("weight", (outputs, inputs, 1, 1), Init::KaimingNormalFanOut)?;
            Ok([weight, scope.param("bias", outputs, Init::Zeros)?])
        };
        let ([w1, b1], [w2, b2]) = (layer("fc1", hidden, channels)?, layer("fc2", channels, hidden)?);
        Ok(Self { layers: [w1, b1, w2, b2], channels, hidden })
    }

    /// `relu(y gate(y) + residual)` with `y = norm(x)`; `x` and `residual` `[B, H, W, C]`.
    ///
    /// # Errors
    /// When shapes, types or devices do not fit together; the message names the shapes.
    pub fn forward(&self, norm: &BatchNorm2d, x: &Tensor, residual: &Tensor, mode: Mode) -> Result<Tensor> {
        check_maps(NAME, &[x, residual], &[&self.layers[0]])?;
        if residual.dims() != x.dims() {
            bail!("{NAME}: input of shape {:?}, residual of shape {:?}", x.dims(), residual.dims());
        }
        norm.check(x, mode, Fuse::NONE)?;
        if x.dims()[3] != self.channels {
            bail!("{NAME}: expected {} channels, found an input of shape {:?}", self.channels, x.dims());
        }
        #[cfg(feature = "cuda")]
        if x.device().is_cuda() {
            return on_card::forward(self, norm, x, residual, mode);
        }
        by_dtype!(NAME, x, T => self.run::<T>(norm, x, residual, mode))
    }

    fn run<T: Element>(
        &self,
        norm: &BatchNorm2d,
        x: &Tensor,
        residual: &Tensor,
        mode: Mode,
    ) -> Result<Tensor> {
        let (b, h, w, channels) = x.dims4()?;
        let pixels = h * w;
        let (xp, rp) = (plain(x)?, plain(residual)?);
        let (xs, rs) = (values::<T>(NAME, &xp)?, values::<T>(NAME, &rp)?);
        let image_means;
        let (mean, var) = match mode {
            Mode::Train => {
                let images = crate::batch_norm::cpu::moments(&xs, channels, pixels);
                image_means = images.iter().flat_map(|m| m.mean.iter().map(|&v| T::from_f64(v))).collect();
                crate::batch_norm::cpu::Moments::join(&images).typed()
            }
            Mode::Eval => {
                image_means = crate::pool::means(&xs, pixels, channels);
                (
                    values::<T>(NAME, &norm.running_mean)?.to_vec(),
                    values::<T>(NAME, &norm.running_var)?.to_vec(),
                )
            }
        };
        let affine = {
            let (weight, bias) = (values::<T>(NAME, &norm.weight)?, values::<T>(NAME, &norm.bias)?);
            Affine::new(&weight, &bias, mean.clone(), &var, norm.eps)
        };
        let gate = self.with_weights(|weights| Gate::new(&image_means, &affine, weights))?;
        let y = cpu::forward(&xs, &rs, &affine, &gate.values, pixels);
        if mode == Mode::Train {
            norm.update_running(&mean, &var, b * pixels)?;
        }
        let mut inputs = vec![x, residual, norm.weight.as_tensor(), norm.bias.as_tensor()];
        inputs.extend(self.layers.iter().map(Var::as_tensor));
        let saved = autograd::needs_grad(&inputs).then(|| {
            let layers = self.layers.each_ref().map(Var::as_detached_tensor);
            let bias = norm.bias.as_detached_tensor();
            let (x, residual) = (xp.clone(), rp.clone());
            Box::new(Saved {
                x,
                residual,
                layers,
                bias,
                hidden: self.hidden,
                affine,
                image_means,
                gate,
                mode,
            }) as Box<dyn Backward>
        });
        autograd::output(NAME, storage(y), x.shape(), &inputs, saved)
    }

    fn with_weights<T: Element, R>(&self, f: impl FnOnce(&GateWeights<T>) -> R) -> Result<R> {
        with_weights(&self.layers.each_ref().map(Var::as_detached_tensor), self.hidden, f)
    }
}

fn with_weights<T: Element, R>(
    layers: &[Tensor; 4],
    hidden: usize,
    f: impl FnOnce(&GateWeights<T>) -> R,
) -> Result<R> {
    let [w1, b1, w2, b2] = layers;
    let (w1, b1) = (values::<T>(NAME, w1)?, values::<T>(NAME, b1)?);
    let (w2, b2) = (values::<T>(NAME, w2)?, values::<T>(NAME, b2)?);
    Ok(f(&GateWeights { w1: &w1, b1: &b1, w2: &w2, b2: &b2, hidden }))
}

struct Saved<T> {
    x: Tensor,
    residual: Tensor,
    layers: [Tensor; 4],
    /// Of the batch normalisation.
    bias: Tensor,
    hidden: usize,
    affine: Affine<T>,
    /// Mean of `x` over each image's map, `[B, C]`.
    image_means: Vec<T>,
    gate: Gate<T>,
    mode: Mode,
}

impl<T: Element> Backward for Saved<T> {
    fn backward(self: Box<Self>, grad: &Tensor, needs: &[bool]) -> Result<Vec<Option<Tensor>>> {
        let (_, h, w, channels) = self.x.dims4()?;
        let grad = plain(grad)?;
        let (grads, gates) = {
            let bias = values::<T>(NAME, &self.bias)?;
            let pass = cpu::Pass {
                grad: &values::<T>(NAME, &grad)?,
                x: &values::<T>(NAME, &self.x)?,
                residual: &values::<T>(NAME, &self.residual)?,
                affine: &self.affine,
                bias: &bias,
                gate: &self.gate.values,
                image_means: &self.image_means,
                pixels: h * w,
                mode: self.mode,
            };
            let sums = pass.sums();
            let (gates, dpooled) =
                with_weights(&self.layers, self.hidden, |weights| self.gate.backward(&sums.gate, weights))?;
            (pass.gradients(sums, &dpooled), gates)
        };
        let shape = self.x.shape();
        let mut all = vec![
            needs[0].then(|| from_vec(grads.x, shape)),
            needs[1].then(|| from_vec(grads.residual, shape)),
            needs[2].then(|| from_vec(grads.weight, channels)),
            needs[3].then(|| from_vec(grads.bias, channels)),
        ];
        for ((values, layer), &needed) in gates.into_iter().zip(&self.layers).zip(&needs[4..]) {
            all.push(needed.then(|| from_vec(values, layer.shape())));
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests;
