//! Cross-entropy between logits and class numbers.

#[cfg(feature = "cuda")]
mod on_card;

use candle_core::{DType, Result, Tensor, bail};

use crate::element::{Element, by_dtype, check_inputs, plain, values};
use crate::place;
use crate::scalar_loss::scalar_loss;
use crate::softmax_kl::log_sum_exp;

const NAME: &str = "cross_entropy";

/// `-ln softmax(logits)[label]` in nats, mean over the batch: `logits` `[B, N]`, `labels` u32 `[B]` below N.
///
/// # Errors
/// When shapes do not fit, labels are not u32, or a label is N or more.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    check_inputs(NAME, &[logits])?;
    let (&[b, n], &[labelled]) = (logits.dims(), labels.dims()) else {
        bail!(
            "{NAME}: expected logits [B, N] and labels [B], found {:?} and {:?}",
            logits.dims(),
            labels.dims()
        );
    };
    if b != labelled || b * n == 0 {
        bail!("{NAME}: logits of shape {:?}, labels of shape {:?}", logits.dims(), labels.dims());
    }
    if labels.dtype() != DType::U32 || !labels.device().same_device(logits.device()) {
        bail!(
            "{NAME}: expected labels of dtype u32 beside the logits, found {:?} of shape {:?} on {} (logits {:?} on {})",
            labels.dtype(),
            labels.dims(),
            place::word(labels.device()),
            logits.dims(),
            place::word(logits.device())
        );
    }
    #[cfg(feature = "cuda")]
    if logits.device().is_cuda() {
        return on_card::cross_entropy(logits, labels);
    }
    let labels = labels.to_vec1::<u32>()?;
    if let Some(label) = labels.iter().find(|&&label| label as usize >= n) {
        bail!("{NAME}: expected labels below {n}, found {label} (logits {:?})", logits.dims());
    }
    by_dtype!(NAME, logits, T => {
        let lp = plain(logits)?;
        let (value, grad) = rows::<T>(&values(NAME, &lp)?, &labels, n);
        scalar_loss(NAME, value, &[logits], vec![Some(grad)])
    })
}

fn rows<T: Element>(logits: &[T], labels: &[u32], n: usize) -> (T, Vec<T>) {
    let share = T::one() / T::from_usize(labels.len());
    let mut total = T::zero();
    let mut grad = Vec::with_capacity(logits.len());
    for (row, &label) in logits.chunks_exact(n).zip(labels) {
        let norm = log_sum_exp(row);
        total += norm - row[label as usize];
        let start = grad.len();
        grad.extend(row.iter().map(|&z| (z - norm).exp() * share));
        grad[start + label as usize] -= share;
    }
    (total * share, grad)
}

#[cfg(test)]
mod tests;
