//! A convolution and the batch normalisation after it.

use candle_core::{Result, Tensor, bail};

use super::{Conv2dSpec, Dims, NAME, conv2d, forward};
use crate::autograd;
use crate::batch_norm::cpu::Affine;
use crate::batch_norm::{BatchNorm2d, Fuse, Mode};
use crate::element::{Element, by_dtype, check_inputs, plain, storage, values};
use crate::gemm::Finish;

/// `norm(conv2d(x, w))`, and ReLU where `relu` says so.
///
/// In evaluation without gradients the normalisation is applied to the sums while they are still in registers, and costs
/// no pass over memory.
///
/// # Shapes
/// As [`conv2d`]; `norm` is of O channels.
///
/// # Errors
/// When shapes, types or devices do not fit together; the message names the shapes.
pub fn conv2d_norm(
    x: &Tensor,
    w: &Tensor,
    spec: Conv2dSpec,
    norm: &BatchNorm2d,
    mode: Mode,
    relu: bool,
) -> Result<Tensor> {
    let recorded = autograd::needs_grad(&[x, w, &norm.weight, &norm.bias]);
    // a card normalises in a pass of its own: cuDNN's weights stay those of training
    if mode == Mode::Train || recorded || x.device().is_cuda() {
        return norm.forward(&conv2d(x, w, spec)?, mode, Fuse { relu, residual: None });
    }
    check_inputs(NAME, &[x, w, &norm.weight])?;
    let dims = Dims::new(x, w, spec)?;
    if norm.weight.elem_count() != dims.o {
        bail!(
            "{NAME}: a weight of shape {:?} before a norm of {} channels",
            w.dims(),
            norm.weight.elem_count()
        );
    }
    by_dtype!(NAME, x, T => {
        let (x, w) = (plain(x)?, plain(w)?);
        let affine = evaluated::<T>(norm)?;
        let finish = Finish { scale: &affine.scale, shift: &affine.shift, relu };
        let y = forward::<T>(&values(NAME, &x)?, &values(NAME, &w)?, &dims, Some(finish));
        autograd::output(NAME, storage(y), (dims.b, dims.oh, dims.ow, dims.o), &[], None)
    })
}

/// The normalisation by running statistics.
fn evaluated<T: Element>(norm: &BatchNorm2d) -> Result<Affine<T>> {
    let mean = values::<T>(NAME, &norm.running_mean)?.to_vec();
    let (weight, bias) = (values::<T>(NAME, &norm.weight)?, values::<T>(NAME, &norm.bias)?);
    Ok(Affine::new(&weight, &bias, mean, &values::<T>(NAME, &norm.running_var)?, norm.eps))
}
