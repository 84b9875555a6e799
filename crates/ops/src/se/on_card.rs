//! The end of a bottleneck for tensors on a CUDA device.

use std::marker::PhantomData;

use candle_core::{Result, Tensor};

use super::NAME;
use crate::autograd::{self, Backward};
use crate::batch_norm::on_card::map_dims;
use crate::cuda::{MapElement, by_map_type, dense, gpu, lend, se, storage};

/// As [`super::se_scale_add_relu`], of checked tensors.
pub(super) fn se_scale_add_relu(x: &Tensor, gate: &Tensor, residual: &Tensor) -> Result<Tensor> {
    by_map_type!(NAME, x, T => run::<T>(x, gate, residual))
}

fn run<T: MapElement>(x: &Tensor, gate: &Tensor, residual: &Tensor) -> Result<Tensor> {
    let gpu = gpu(NAME, x)?;
    let (xp, gp, rp) = (dense(x)?, dense(gate)?, dense(residual)?);
    let y = {
        let (x, gate, residual) = (lend(&xp), lend(&gp), lend(&rp));
        se::forward::<T>(&gpu, &x.view(NAME)?, &gate.view(NAME)?, &residual.view(NAME)?, map_dims(&xp)?)?
    };
    let inputs = [x, gate, residual];
    let saved = autograd::needs_grad(&inputs).then(|| {
        Box::new(Saved::<T> { x: xp.clone(), gate: gp, output: None, element: PhantomData })
            as Box<dyn Backward>
    });
    autograd::output(NAME, storage::storage(&gpu, y), x.shape(), &inputs, saved)
}

struct Saved<T> {
    x: Tensor,
    gate: Tensor,
    /// Tells what the ReLU let through.
    output: Option<Tensor>,
    element: PhantomData<T>,
}

impl<T: MapElement> Backward for Saved<T> {
    fn keep_output(&mut self, output: Tensor) {
        self.output = Some(output);
    }

    fn backward(self: Box<Self>, grad: &Tensor, needs: &[bool]) -> Result<Vec<Option<Tensor>>> {
        let gpu = gpu(NAME, grad)?;
        let grad = dense(grad)?;
        let output = self.output.as_ref().expect("kept when it was made");
        let grads = {
            let (grad, output, x, gate) = (lend(&grad), lend(output), lend(&self.x), lend(&self.gate));
            let (grad, output) = (grad.view::<T>(NAME)?, output.view(NAME)?);
            se::backward(&gpu, &grad, &output, &x.view(NAME)?, &gate.view(NAME)?, map_dims(&self.x)?)?
        };
        Ok(vec![
            needs[0].then(|| storage::tensor(&gpu, grads.input, self.x.shape())),
            needs[1].then(|| storage::tensor(&gpu, grads.gate, self.gate.shape())),
            needs[2].then(|| storage::tensor(&gpu, grads.residual, self.x.shape())),
        ])
    }
}
