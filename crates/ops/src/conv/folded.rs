//! A convolution and the batch normalisation after it.

use candle_core::{Result, Tensor, bail};

use super::{Conv2dSpec, Dims, Finish, NAME, conv2d, forward};
use crate::autograd;
use crate::batch_norm::cpu::Affine;
use crate::batch_norm::{BatchNorm2d, Fuse, Mode};
use crate::element::{Element, by_dtype, check_inputs, plain, storage, values};

/// `norm(conv2d(x, w))`, and ReLU where `relu` says so.
///
/// In evaluation without gradients the normalisation becomes part of the weights (their product with its scale) and of
/// what the sums start from, and costs no pass over memory.
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
    if mode == Mode::Train || recorded {
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
        let (weights, bias) = fold::<T>(&values(NAME, &w)?, norm)?;
        let y = forward::<T>(&values(NAME, &x)?, &weights, &dims, Some(&Finish { bias, relu }));
        autograd::output(NAME, storage(y), (dims.b, dims.oh, dims.ow, dims.o), &[], None)
    })
}

/// Weights times the normalisation's scale, and its shift.
fn fold<T: Element>(w: &[T], norm: &BatchNorm2d) -> Result<(Vec<T>, Vec<T>)> {
    let mean = values::<T>(NAME, &norm.running_mean)?.to_vec();
    let (weight, bias) = (values::<T>(NAME, &norm.weight)?, values::<T>(NAME, &norm.bias)?);
    let affine = Affine::new(&weight, &bias, mean, &values::<T>(NAME, &norm.running_var)?, norm.eps);
    let kernel = w.len() / affine.scale.len();
    let scaled = w.chunks_exact(kernel).zip(&affine.scale);
    let weights = scaled.flat_map(|(w, &scale)| w.iter().map(move |&w| w * scale)).collect();
    Ok((weights, affine.shift))
}
