//! The fused end of a bottleneck for tensors on a CUDA device. The gate is in `tensor_gate.rs`.

use std::marker::PhantomData;

use candle_core::cuda_backend::cudarc::driver::CudaSlice;
use candle_core::{Result, Tensor, Var};

use super::tensor_gate::Gate;
use super::{NAME, SqueezeExcite};
use crate::autograd::{self, Backward};
use crate::batch_norm::on_card::{eval, map_dims, train};
use crate::batch_norm::{BatchNorm2d, Mode};
use crate::cuda::batch_norm::{Statistics, sums};
use crate::cuda::{MapElement, by_map_type, dense, gpu, lend, se_batch_norm as kernels, storage};

/// As [`SqueezeExcite::forward`], of checked tensors.
pub(super) fn forward(
    se: &SqueezeExcite,
    norm: &BatchNorm2d,
    x: &Tensor,
    residual: &Tensor,
    mode: Mode,
) -> Result<Tensor> {
    by_map_type!(NAME, x, T => run::<T>(se, norm, x, residual, mode))
}

fn run<T: MapElement>(
    se: &SqueezeExcite,
    norm: &BatchNorm2d,
    x: &Tensor,
    residual: &Tensor,
    mode: Mode,
) -> Result<Tensor> {
    let (gpu, dims) = (gpu(NAME, x)?, map_dims(x)?);
    let (xp, rp) = (dense(x)?, dense(residual)?);
    let layers = se.layers.each_ref().map(Var::as_detached_tensor);
    let bias = norm.bias.as_detached_tensor();
    let (y, gate, statistics, centred) = {
        let (x, residual, bias) = (lend(&xp), lend(&rp), lend(&bias));
        let (x, bias) = (x.view::<T>(NAME)?, bias.view(NAME)?);
        // by image: the means that the gate wants come from the sums that the statistics want
        let sums = sums(&gpu, &x, dims)?;
        let statistics = match mode {
            Mode::Train => train(&gpu, norm, &sums)?,
            Mode::Eval => eval(&gpu, norm)?,
        };
        let pooled = kernels::pool(&gpu, &sums, &statistics, &bias)?;
        let gate = Gate::new(storage::tensor(&gpu, pooled.pooled, (dims.images, dims.channels)), layers)?;
        let values = lend(&gate.values);
        let y =
            kernels::forward(&gpu, &x, &values.view(NAME)?, &residual.view(NAME)?, &statistics, &bias, dims)?;
        drop(values);
        (y, gate, statistics, pooled.centred)
    };
    let mut inputs = vec![x, residual, norm.weight.as_tensor(), norm.bias.as_tensor()];
    inputs.extend(se.layers.iter().map(Var::as_tensor));
    let saved = autograd::needs_grad(&inputs).then(|| {
        let (x, output, element) = (xp.clone(), None, PhantomData);
        Box::new(Saved::<T> { x, output, bias, statistics, centred, gate, mode, element })
            as Box<dyn Backward>
    });
    autograd::output(NAME, storage::storage(&gpu, y), x.shape(), &inputs, saved)
}

struct Saved<T: MapElement> {
    x: Tensor,
    /// Tells what the ReLU let through.
    output: Option<Tensor>,
    /// Of the batch normalisation.
    bias: Tensor,
    statistics: Statistics<T::Acc>,
    /// Mean of `x - mean` over each image, `[B, C]`.
    centred: CudaSlice<T::Acc>,
    gate: Gate,
    mode: Mode,
    element: PhantomData<T>,
}

impl<T: MapElement> Backward for Saved<T> {
    fn keep_output(&mut self, output: Tensor) {
        self.output = Some(output);
    }

    fn backward(self: Box<Self>, grad: &Tensor, needs: &[bool]) -> Result<Vec<Option<Tensor>>> {
        let (gpu, dims, shape) = (gpu(NAME, grad)?, map_dims(&self.x)?, self.x.shape());
        let grad = dense(grad)?;
        let output = self.output.as_ref().expect("kept when it was made");
        let (grad, output, x, bias) = (lend(&grad), lend(output), lend(&self.x), lend(&self.bias));
        let (dout, out, x) = (grad.view::<T>(NAME)?, output.view(NAME)?, x.view(NAME)?);
        let (sums, dgate) =
            kernels::gate_backward(&gpu, &dout, &out, &x, &self.statistics, &bias.view(NAME)?, dims)?;
        let dgate = storage::tensor(&gpu, dgate, (dims.images, dims.channels));
        let (dlayers, dpooled) = self.gate.backward(&dgate)?;
        let (gate, dpooled) = (lend(&self.gate.values), lend(&dpooled));
        let grads = kernels::backward(
            &gpu,
            &dout,
            &out,
            &x,
            &gate.view(NAME)?,
            &sums,
            &dpooled.view(NAME)?,
            &self.centred.as_view(),
            &self.statistics,
            self.mode == Mode::Train,
            dims,
        )?;
        let mut all = vec![
            needs[0].then(|| storage::tensor(&gpu, grads.input, shape)),
            needs[1].then(|| storage::tensor(&gpu, grads.residual, shape)),
            needs[2].then(|| storage::tensor(&gpu, grads.weight, dims.channels)),
            needs[3].then(|| storage::tensor(&gpu, grads.bias, dims.channels)),
        ];
        for (grad, &needed) in dlayers.into_iter().zip(&needs[4..]) {
            let grad = match *grad.dims() {
                [outputs, inputs] => grad.reshape((outputs, inputs, 1, 1))?,
                _ => grad,
            };
            all.push(needed.then_some(grad));
        }
        Ok(all)
    }
}
