//! The Euclidean length of all gradients together, for clipping.

use candle_core::backprop::GradStore;
use candle_core::{Result, Var};
use rayon::prelude::*;

use crate::element::{Element, by_dtype, plain, values};

/// Elements to a partial sum; fixed, so that the sum does not depend on the number of threads.
const CHUNK: usize = 1 << 14;

/// Square root of the sum of squares of the gradients of all `params`; those without a gradient count as 0. NaN or
/// infinite when a gradient is.
///
/// # Errors
/// When a gradient is not f32 or f64 on a device that has kernels. On a card this waits for it.
pub fn global_norm(params: &[(String, Var)], grads: &GradStore) -> Result<f64> {
    #[cfg(feature = "cuda")]
    if super::on_card::is_there(params) {
        return super::on_card::global_norm(params, grads);
    }
    let mut total = 0.0;
    for (name, var) in params {
        let Some(grad) = grads.get(var) else { continue };
        let grad = plain(grad)?;
        total += by_dtype!(name, grad, T => sum_of_squares::<T>(&values(name, &grad)?));
    }
    Ok(total.sqrt())
}

fn sum_of_squares<T: Element>(values: &[T]) -> f64 {
    let parts: Vec<f64> =
        values.par_chunks(CHUNK).map(|c| c.iter().map(|v| v.to_f64() * v.to_f64()).sum()).collect();
    parts.iter().sum()
}

/// The factor that brings gradients of length `norm` down to `max_norm`; 1 where they are shorter. PyTorch's
/// `clip_grad_norm_` adds the same 1e-6.
pub fn clip_scale(norm: f64, max_norm: f64) -> f64 {
    (max_norm / (norm + 1e-6)).min(1.0)
}
