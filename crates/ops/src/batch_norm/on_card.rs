//! Batch normalisation of tensors on a CUDA device.

use std::marker::PhantomData;

use candle_core::{Result, Tensor};

use super::{BatchNorm2d, Fuse, MOMENTUM, Mode, NAME};
use crate::autograd::{self, Backward};
use crate::cuda::batch_norm::{self, Mask, Statistics, Sums};
use crate::cuda::geometry::MapDims;
use crate::cuda::{Gpu, MapElement, by_map_type, dense, gpu, lend, storage};

/// As [`BatchNorm2d::forward`], of checked tensors.
pub(super) fn forward(norm: &BatchNorm2d, x: &Tensor, mode: Mode, fuse: Fuse) -> Result<Tensor> {
    by_map_type!(NAME, x, T => run::<T>(norm, x, mode, fuse))
}

/// Images, pixels and channels of a map `[B, H, W, C]`.
pub(crate) fn map_dims(x: &Tensor) -> Result<MapDims> {
    let (images, height, width, channels) = x.dims4()?;
    Ok(MapDims { images, rows: height * width, channels })
}

fn run<T: MapElement>(norm: &BatchNorm2d, x: &Tensor, mode: Mode, fuse: Fuse) -> Result<Tensor> {
    let gpu = gpu(NAME, x)?;
    let dims = map_dims(x)?;
    let xp = dense(x)?;
    let residual = fuse.residual.map(dense).transpose()?;
    let (y, statistics) = {
        let x = lend(&xp);
        let x = x.view::<T>(NAME)?;
        let statistics = match mode {
            Mode::Train => train(&gpu, norm, &batch_norm::sums(&gpu, &x, dims.flat())?)?,
            Mode::Eval => eval(&gpu, norm)?,
        };
        let residual = residual.as_ref().map(lend);
        let residual = residual.as_ref().map(|r| r.view(NAME)).transpose()?;
        let bias = lend(&norm.bias);
        let y =
            batch_norm::apply(&gpu, &x, residual.as_ref(), &statistics, &bias.view(NAME)?, fuse.relu, dims)?;
        (y, statistics)
    };
    let mut inputs: Vec<&Tensor> = vec![x, &norm.weight, &norm.bias];
    inputs.extend(fuse.residual);
    let saved = autograd::needs_grad(&inputs).then(|| {
        let bias = norm.bias.as_detached_tensor();
        let has_residual = residual.is_some();
        Box::new(Saved::<T> {
            x: xp.clone(),
            output: None,
            bias,
            statistics,
            mode,
            relu: fuse.relu,
            has_residual,
            element: PhantomData,
        }) as Box<dyn Backward>
    });
    autograd::output(NAME, storage::storage(&gpu, y), x.shape(), &inputs, saved)
}

/// Statistics of the batch, mixed into the running ones.
pub(crate) fn train<A: crate::cuda::Param>(
    gpu: &Gpu,
    norm: &BatchNorm2d,
    sums: &Sums<A>,
) -> Result<Statistics<A>> {
    let weight = lend(&norm.weight);
    let weight = weight.view(NAME)?;
    storage::write(NAME, &norm.running_mean, |mean, mean_l| {
        storage::write(NAME, &norm.running_var, |var, var_l| {
            let mean = &mut storage::view_mut(NAME, mean, mean_l)?;
            let var = &mut storage::view_mut(NAME, var, var_l)?;
            batch_norm::train(gpu, sums, &weight, Some((mean, var)), norm.eps, MOMENTUM)
        })
    })
}

/// The running statistics.
pub(crate) fn eval<A: crate::cuda::Param>(gpu: &Gpu, norm: &BatchNorm2d) -> Result<Statistics<A>> {
    let (weight, mean, var) = (lend(&norm.weight), lend(&norm.running_mean), lend(&norm.running_var));
    batch_norm::eval(gpu, &weight.view(NAME)?, &mean.view(NAME)?, &var.view(NAME)?, norm.eps)
}

struct Saved<T: MapElement> {
    x: Tensor,
    /// Where a residual was added before the ReLU: elsewhere the input tells what the ReLU let through.
    output: Option<Tensor>,
    bias: Tensor,
    statistics: Statistics<T::Acc>,
    mode: Mode,
    relu: bool,
    has_residual: bool,
    element: PhantomData<T>,
}

impl<T: MapElement> Backward for Saved<T> {
    fn keep_output(&mut self, output: Tensor) {
        self.output = (self.relu && self.has_residual).then_some(output);
    }

    fn backward(self: Box<Self>, grad: &Tensor, needs: &[bool]) -> Result<Vec<Option<Tensor>>> {
        let gpu = gpu(NAME, grad)?;
        let (shape, dims) = (self.x.shape(), map_dims(&self.x)?);
        let grad = dense(grad)?;
        let (grad, x, bias) = (lend(&grad), lend(&self.x), lend(&self.bias));
        let output = self.output.as_ref().map(lend);
        let output = output.as_ref().map(|y| y.view::<T>(NAME)).transpose()?;
        let mask = match (&output, self.relu) {
            (Some(y), _) => Mask::Output(y),
            (None, true) => Mask::Input,
            (None, false) => Mask::None,
        };
        let grads = batch_norm::backward(
            &gpu,
            &grad.view(NAME)?,
            &x.view(NAME)?,
            mask,
            &self.statistics,
            &bias.view(NAME)?,
            self.mode == Mode::Train,
            self.has_residual && needs[3],
            dims,
        )?;
        let mut all = vec![
            needs[0].then(|| storage::tensor(&gpu, grads.input, shape)),
            needs[1].then(|| storage::tensor(&gpu, grads.weight, dims.channels)),
            needs[2].then(|| storage::tensor(&gpu, grads.bias, dims.channels)),
        ];
        if self.has_residual {
            all.push(grads.residual.map(|values| storage::tensor(&gpu, values, shape)));
        }
        Ok(all)
    }
}
