//! Kullback-Leibler divergence from a target distribution to the softmax of logits, for saliency maps.

#[cfg(feature = "cuda")]
mod on_card;

use candle_core::{Result, Tensor, bail};

use crate::element::{Element, by_dtype, check_inputs, plain, values};
use crate::scalar_loss::scalar_loss;

const NAME: &str = "softmax_kl";

/// Largest distance of a target's sum from 1: well above the rounding of a sum of f32, well below a forgotten
/// normalisation.
const SUM_TOLERANCE: f64 = 1e-3;

/// `KL(target || softmax(logits))` in nats, mean over the batch. Both are `[B, N]`; every row of `target` is a
/// distribution (not negative, sum 1). No gradient flows to `target`.
///
/// # Errors
/// When shapes or types differ, or a row of `target` is no distribution.
pub fn softmax_kl(logits: &Tensor, target: &Tensor) -> Result<Tensor> {
    check_inputs(NAME, &[logits, target])?;
    let &[b, n] = logits.dims() else {
        bail!("{NAME}: expected logits [B, N], found {:?}", logits.dims());
    };
    if target.dims() != logits.dims() || b * n == 0 {
        bail!("{NAME}: logits of shape {:?}, target of shape {:?}", logits.dims(), target.dims());
    }
    #[cfg(feature = "cuda")]
    if logits.device().is_cuda() {
        return on_card::softmax_kl(logits, target);
    }
    by_dtype!(NAME, logits, T => {
        let (lp, tp) = (plain(logits)?, plain(target)?);
        let (value, grad) = rows::<T>(&values(NAME, &lp)?, &values(NAME, &tp)?, n)?;
        scalar_loss(NAME, value, &[logits], vec![Some(grad)])
    })
}

fn rows<T: Element>(logits: &[T], target: &[T], n: usize) -> Result<(T, Vec<T>)> {
    let share = T::one() / T::from_usize(logits.len() / n);
    let mut total = T::zero();
    let mut grad = Vec::with_capacity(logits.len());
    for (i, (row, target)) in logits.chunks_exact(n).zip(target.chunks_exact(n)).enumerate() {
        let mass: T = target.iter().copied().sum();
        if target.iter().any(|&t| t < T::zero())
            || mass.to_f64().is_nan()
            || (mass.to_f64() - 1.0).abs() > SUM_TOLERANCE
        {
            bail!("{NAME}: expected a distribution in every row of the target, found sum {mass} in row {i}");
        }
        let norm = log_sum_exp(row);
        for (&z, &t) in row.iter().zip(target) {
            if t > T::zero() {
                total += t * (t.ln() - (z - norm));
            }
            grad.push(((z - norm).exp() * mass - t) * share);
        }
    }
    Ok((total * share, grad))
}

/// `ln(sum(exp(z)))` without overflow.
pub(crate) fn log_sum_exp<T: Element>(z: &[T]) -> T {
    let top = z.iter().copied().fold(T::from_f64(f64::NEG_INFINITY), Element::max);
    if top == T::from_f64(f64::NEG_INFINITY) {
        return top;
    }
    top + z.iter().map(|&z| (z - top).exp()).sum::<T>().ln()
}

#[cfg(test)]
mod tests;
