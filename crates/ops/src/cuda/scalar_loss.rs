//! Losses on the card whose gradients are at hand when their value is: backward only scales.

use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView, DeviceRepr};
use candle_core::{Result, Tensor};

use super::elementwise;
use super::launch::Gpu;
use super::{Param, dense, gpu, lend, storage};
use crate::autograd::{self, Backward};

/// A scalar loss over `inputs` with the gradient of each (`None`: none flows there).
pub(crate) fn scalar_loss<A: Param>(
    name: &'static str,
    gpu: &Gpu,
    value: CudaSlice<A>,
    inputs: &[&Tensor],
    grads: Vec<Option<CudaSlice<A>>>,
) -> Result<Tensor> {
    let saved = autograd::needs_grad(inputs).then(|| {
        let shapes = inputs.iter().map(|input| input.shape().clone());
        let grads = grads
            .into_iter()
            .zip(shapes)
            .map(|(grad, shape)| Some(storage::tensor(gpu, grad?, shape)))
            .collect();
        Box::new(Saved::<A> { name, grads, element: std::marker::PhantomData }) as Box<dyn Backward>
    });
    autograd::output(name, storage::storage(gpu, value), (), inputs, saved)
}

/// The one value of an array. Waits for the card.
pub(crate) fn read<T: DeviceRepr + Copy>(gpu: &Gpu, array: &CudaView<T>) -> Result<T> {
    Ok(gpu.device.clone_dtoh(array)?[0])
}

struct Saved<A> {
    name: &'static str,
    grads: Vec<Option<Tensor>>,
    element: std::marker::PhantomData<A>,
}

impl<A: Param> Backward for Saved<A> {
    fn backward(self: Box<Self>, grad: &Tensor, needs: &[bool]) -> Result<Vec<Option<Tensor>>> {
        let (name, gpu) = (self.name, gpu(self.name, grad)?);
        let factor = dense(grad)?;
        let factor = lend(&factor);
        let factor = factor.view::<A>(name)?;
        let scaled = |grad: Tensor| -> Result<Tensor> {
            let scaled = elementwise::scale::<A>(&gpu, &lend(&grad).view(name)?, &factor)?;
            Ok(storage::tensor(&gpu, scaled, grad.shape()))
        };
        let pairs = self.grads.into_iter().zip(needs);
        pairs.map(|(grad, needed)| grad.filter(|_| *needed).map(scaled).transpose()).collect()
    }
}
