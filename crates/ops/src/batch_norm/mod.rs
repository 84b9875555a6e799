//! Batch normalisation of images (Ioffe and Szegedy 2015, with PyTorch's conventions), fused with what follows it:
//! `y = relu(weight (x - mean) / sqrt(var + eps) + bias + residual)`, residual and ReLU as wanted.

pub(crate) mod cpu;
#[cfg(feature = "cuda")]
pub(crate) mod on_card;

use candle_core::{Result, Tensor, Var, bail};

use crate::autograd::{self, Backward};
use crate::element::{Element, by_dtype, from_vec, plain, storage, values};
use crate::inputs::check_maps;
use crate::params::{Init, Scope};
use cpu::Affine;

const NAME: &str = "batch_norm2d";

/// Share of the new batch in the running statistics, as PyTorch's default.
const MOMENTUM: f64 = 0.1;

/// Whether a network learns or is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Normalise by the batch and update the running statistics.
    Train,
    /// Normalise by the running statistics.
    Eval,
}

/// What is done to the normalised values on their way out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fuse<'a> {
    /// Negative values become zero, after the residual was added.
    pub relu: bool,
    /// Added to the normalised values; same shape as the input.
    pub residual: Option<&'a Tensor>,
}

impl Fuse<'_> {
    /// Nothing.
    pub const NONE: Fuse<'static> = Fuse { relu: false, residual: None };
    /// ReLU alone.
    pub const RELU: Fuse<'static> = Fuse { relu: true, residual: None };
}

/// Batch normalisation over `[B, H, W, C]` with a scale and a shift to a channel.
pub struct BatchNorm2d {
    pub(crate) weight: Var,
    pub(crate) bias: Var,
    pub(crate) running_mean: Var,
    pub(crate) running_var: Var,
    pub(crate) eps: f64,
}

impl BatchNorm2d {
    /// Makes `weight` (1), `bias` (0), and the buffers `running_mean` (0) and `running_var` (1) in `scope`.
    ///
    /// # Errors
    /// When one of these names is taken.
    pub fn new(scope: &Scope, channels: usize, eps: f64) -> Result<Self> {
        Ok(Self {
            weight: scope.param("weight", channels, Init::Ones)?,
            bias: scope.param("bias", channels, Init::Zeros)?,
            running_mean: scope.buffer("running_mean", channels, Init::Zeros)?,
            running_var: scope.buffer("running_var", channels, Init::Ones)?,
            eps,
        })
    }

    /// Normalises `x` `[B, H, W, C]`; in [`Mode::Train`] over B, H and W, of which there have to be at least two
    /// values to a channel.
    ///
    /// # Errors
    /// When shapes, types or devices do not fit together; the message names both shapes.
    pub fn forward(&self, x: &Tensor, mode: Mode, fuse: Fuse) -> Result<Tensor> {
        let dims = self.check(x, mode, fuse)?;
        #[cfg(feature = "cuda")]
        if x.device().is_cuda() {
            return on_card::forward(self, x, mode, fuse);
        }
        by_dtype!(NAME, x, T => self.run::<T>(x, mode, fuse, dims))
    }

    pub(crate) fn check(&self, x: &Tensor, mode: Mode, fuse: Fuse) -> Result<(usize, usize)> {
        check_maps(NAME, &[x], &[&self.weight])?;
        let channels = self.weight.elem_count();
        let &[b, h, w, c] = x.dims() else {
            bail!("{NAME}: expected an input [B, H, W, {channels}], found {:?}", x.dims());
        };
        if c != channels {
            bail!("{NAME}: expected {channels} channels, found an input of shape {:?}", x.dims());
        }
        if let Some(residual) = fuse.residual {
            check_maps(NAME, &[x, residual], &[])?;
            if residual.dims() != x.dims() {
                bail!("{NAME}: input of shape {:?}, residual of shape {:?}", x.dims(), residual.dims());
            }
        }
        if x.elem_count() == 0 {
            bail!("{NAME}: an axis has length 0 (input {:?})", x.dims());
        }
        if mode == Mode::Train && b * h * w < 2 {
            bail!("{NAME}: training needs more than one value to a channel, found shape {:?}", x.dims());
        }
        Ok((b * h * w, c))
    }

    fn run<T: Element>(
        &self,
        x: &Tensor,
        mode: Mode,
        fuse: Fuse,
        (rows, channels): (usize, usize),
    ) -> Result<Tensor> {
        let xp = plain(x)?;
        let residual = fuse.residual.map(plain).transpose()?;
        let xs = values::<T>(NAME, &xp)?;
        let (mean, var) = match mode {
            Mode::Train => cpu::Moments::join(&cpu::moments(&xs, channels, rows)).typed(),
            Mode::Eval => (
                values::<T>(NAME, &self.running_mean)?.to_vec(),
                values::<T>(NAME, &self.running_var)?.to_vec(),
            ),
        };
        let affine = {
            let (weight, bias) = (values::<T>(NAME, &self.weight)?, values::<T>(NAME, &self.bias)?);
            Affine::new(&weight, &bias, mean.clone(), &var, self.eps)
        };
        let y = {
            let residual = residual.as_ref().map(|r| values::<T>(NAME, r)).transpose()?;
            cpu::apply(&xs, residual.as_deref(), &affine, fuse.relu)
        };
        if mode == Mode::Train {
            self.update_running(&mean, &var, rows)?;
        }
        let mut inputs: Vec<&Tensor> = vec![x, &self.weight, &self.bias];
        inputs.extend(fuse.residual);
        let saved = autograd::needs_grad(&inputs).then(|| {
            Box::new(Saved { x: xp.clone(), residual, affine, mode, relu: fuse.relu }) as Box<dyn Backward>
        });
        autograd::output(NAME, storage(y), x.shape(), &inputs, saved)
    }

    pub(crate) fn update_running<T: Element>(&self, mean: &[T], var: &[T], count: usize) -> Result<()> {
        let unbiased = T::from_f64(count as f64 / (count as f64 - 1.0));
        let (keep, take) = (T::from_f64(1.0 - MOMENTUM), T::from_f64(MOMENTUM));
        let mix = |var: &Var, new: &mut dyn Iterator<Item = T>| -> Result<()> {
            let mixed: Vec<T> =
                values::<T>(NAME, var)?.iter().zip(new).map(|(&r, v)| keep * r + take * v).collect();
            var.set(&from_vec(mixed, var.shape()))
        };
        mix(&self.running_mean, &mut mean.iter().copied())?;
        mix(&self.running_var, &mut var.iter().map(|&v| v * unbiased))
    }
}

/// The inputs, from which backward finds again what the ReLU let through.
struct Saved<T> {
    x: Tensor,
    residual: Option<Tensor>,
    affine: Affine<T>,
    mode: Mode,
    relu: bool,
}

impl<T: Element> Backward for Saved<T> {
    fn backward(self: Box<Self>, grad: &Tensor, needs: &[bool]) -> Result<Vec<Option<Tensor>>> {
        let (shape, channels) = (self.x.shape(), self.affine.scale.len());
        let grad = plain(grad)?;
        let residual = self.residual.as_ref().map(|r| values::<T>(NAME, r)).transpose()?;
        let pass = cpu::Pass {
            grad: &values::<T>(NAME, &grad)?,
            x: &values::<T>(NAME, &self.x)?,
            residual: residual.as_deref(),
            affine: &self.affine,
            relu: self.relu,
        };
        let sums = pass.parameter_gradients();
        let (dx, dresidual) = pass.input_gradients(&sums, self.mode, residual.is_some() && needs[3]);
        let mut grads = vec![
            needs[0].then(|| from_vec(dx, shape)),
            needs[1].then(|| from_vec(sums.weight, channels)),
            needs[2].then(|| from_vec(sums.bias, channels)),
        ];
        if self.residual.is_some() {
            grads.push(dresidual.map(|values| from_vec(values, shape)));
        }
        Ok(grads)
    }
}

#[cfg(test)]
mod tests;
