//! Batch normalisation of images (Ioffe and Szegedy 2015, with PyTorch's conventions), fused with what follows it:
//! `y = relu(weight (x - mean) / sqrt(var + eps) + bias + residual)`, residual and ReLU as wanted.

use candle_core::{Result, Tensor, Var, bail};

use crate::autograd::{self, Backward};
use crate::element::{Element, by_dtype, check_inputs, from_vec, plain, storage, values};
use crate::params::{Init, Scope};

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

/// Batch normalisation over `[B, C, H, W]` with a scale and a shift to a channel.
pub struct BatchNorm2d {
    weight: Var,
    bias: Var,
    running_mean: Var,
    running_var: Var,
    eps: f64,
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

    /// Normalises `x` `[B, C, H, W]`; in [`Mode::Train`] over B, H and W, of which there have to be at least two
    /// values to a channel.
    ///
    /// # Errors
    /// When shapes, types or devices do not fit together; the message names both shapes.
    pub fn forward(&self, x: &Tensor, mode: Mode, fuse: Fuse) -> Result<Tensor> {
        let dims = self.check(x, mode, fuse)?;
        by_dtype!(NAME, x, T => self.run::<T>(x, mode, fuse, dims))
    }

    fn check(&self, x: &Tensor, mode: Mode, fuse: Fuse) -> Result<(usize, usize, usize)> {
        check_inputs(NAME, &[x, &self.weight])?;
        let channels = self.weight.elem_count();
        let &[b, c, h, w] = x.dims() else {
            bail!("{NAME}: expected an input [B, {channels}, H, W], found {:?}", x.dims());
        };
        if c != channels {
            bail!("{NAME}: expected {channels} channels, found an input of shape {:?}", x.dims());
        }
        if let Some(residual) = fuse.residual {
            check_inputs(NAME, &[x, residual])?;
            if residual.dims() != x.dims() {
                bail!("{NAME}: input of shape {:?}, residual of shape {:?}", x.dims(), residual.dims());
            }
        }
        if mode == Mode::Train && b * h * w < 2 {
            bail!("{NAME}: training needs more than one value to a channel, found shape {:?}", x.dims());
        }
        Ok((b, c, h * w))
    }

    fn run<T: Element>(
        &self,
        x: &Tensor,
        mode: Mode,
        fuse: Fuse,
        (b, c, n): (usize, usize, usize),
    ) -> Result<Tensor> {
        let xp = plain(x)?;
        let xs = values::<T>(NAME, &xp)?;
        let (mean, var) = match mode {
            Mode::Train => moments(&xs, (b, c, n)),
            Mode::Eval => (
                values::<T>(NAME, &self.running_mean)?.to_vec(),
                values::<T>(NAME, &self.running_var)?.to_vec(),
            ),
        };
        let inv_std: Vec<T> = var.iter().map(|&v| T::one() / (v + T::from_f64(self.eps)).sqrt()).collect();
        let (weight, bias) = (values::<T>(NAME, &self.weight)?, values::<T>(NAME, &self.bias)?);
        let mut y = Vec::with_capacity(b * c * n);
        for (i, plane) in xs.chunks_exact(n).enumerate() {
            let ch = i % c;
            let scale = weight[ch] * inv_std[ch];
            let shift = bias[ch] - mean[ch] * scale;
            y.extend(plane.iter().map(|&v| v * scale + shift));
        }
        if let Some(residual) = fuse.residual {
            let residual = plain(residual)?;
            for (v, &r) in y.iter_mut().zip(values::<T>(NAME, &residual)?.iter()) {
                *v += r;
            }
        }
        if fuse.relu {
            y.iter_mut().for_each(|v| *v = Element::max(*v, T::zero()));
        }
        drop((weight, bias));
        if mode == Mode::Train {
            self.update_running(&mean, &var, b * n)?;
        }
        let mut inputs: Vec<&Tensor> = vec![x, &self.weight, &self.bias];
        inputs.extend(fuse.residual);
        let y = storage(y);
        if !autograd::needs_grad(&inputs) {
            return autograd::output(NAME, y, x.shape(), &inputs, None);
        }
        let out = fuse.relu.then(|| crate::element::tensor(y.clone(), x.shape()));
        let saved = Saved {
            x: xp.clone(),
            out,
            weight: self.weight.as_detached_tensor(),
            mean,
            inv_std,
            mode,
            residual: fuse.residual.is_some(),
        };
        autograd::output(NAME, y, x.shape(), &inputs, Some(Box::new(saved)))
    }

    fn update_running<T: Element>(&self, mean: &[T], var: &[T], count: usize) -> Result<()> {
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

/// Mean and biased variance of each channel.
fn moments<T: Element>(x: &[T], (b, c, n): (usize, usize, usize)) -> (Vec<T>, Vec<T>) {
    let count = T::from_usize(b * n);
    let over = |f: &dyn Fn(usize, T) -> T| -> Vec<T> {
        let mut sums = vec![T::zero(); c];
        for (i, plane) in x.chunks_exact(n).enumerate() {
            sums[i % c] += plane.iter().map(|&v| f(i % c, v)).sum();
        }
        sums.iter().map(|&s| s / count).collect()
    };
    let mean = over(&|_, v| v);
    let var = over(&|ch, v| (v - mean[ch]) * (v - mean[ch]));
    (mean, var)
}

struct Saved<T> {
    x: Tensor,
    out: Option<Tensor>,
    weight: Tensor,
    mean: Vec<T>,
    inv_std: Vec<T>,
    mode: Mode,
    residual: bool,
}

impl<T: Element> Backward for Saved<T> {
    fn backward(self: Box<Self>, grad: &Tensor, needs: &[bool]) -> Result<Vec<Option<Tensor>>> {
        let (b, c, h, w) = self.x.dims4()?;
        let n = h * w;
        let shape = self.x.shape();
        let mut g = values::<T>(NAME, &plain(grad)?)?.to_vec();
        if let Some(out) = &self.out {
            for (g, &y) in g.iter_mut().zip(values::<T>(NAME, out)?.iter()) {
                if y <= T::zero() {
                    *g = T::zero();
                }
            }
        }
        let xs = values::<T>(NAME, &self.x)?;
        let weight = values::<T>(NAME, &self.weight)?;
        let (mut dweight, mut dbias) = (vec![T::zero(); c], vec![T::zero(); c]);
        for (i, (gp, xp)) in g.chunks_exact(n).zip(xs.chunks_exact(n)).enumerate() {
            let ch = i % c;
            dbias[ch] += gp.iter().copied().sum();
            dweight[ch] += gp.iter().zip(xp).map(|(&g, &x)| g * (x - self.mean[ch]) * self.inv_std[ch]).sum();
        }
        let count = T::from_usize(b * n);
        let mut dx = Vec::with_capacity(g.len());
        for (i, (gp, xp)) in g.chunks_exact(n).zip(xs.chunks_exact(n)).enumerate() {
            let ch = i % c;
            let scale = weight[ch] * self.inv_std[ch];
            match self.mode {
                Mode::Eval => dx.extend(gp.iter().map(|&g| g * scale)),
                Mode::Train => dx.extend(gp.iter().zip(xp).map(|(&g, &x)| {
                    let normal = (x - self.mean[ch]) * self.inv_std[ch];
                    scale * (g - (dbias[ch] + normal * dweight[ch]) / count)
                })),
            }
        }
        let mut grads = vec![
            needs[0].then(|| from_vec(dx, shape)),
            needs[1].then(|| from_vec(dweight, c)),
            needs[2].then(|| from_vec(dbias, c)),
        ];
        if self.residual {
            grads.push(needs[3].then(|| from_vec(g, shape)));
        }
        Ok(grads)
    }
}

#[cfg(test)]
mod tests;
