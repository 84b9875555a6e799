//! Cross-entropy of tensors on a CUDA device.

use candle_core::{Result, Tensor, bail};

use super::NAME;
use crate::cuda::scalar_loss::{read, scalar_loss};
use crate::cuda::{Param, cross_entropy as kernels, dense, gpu, lend};
use crate::element::by_dtype;

/// As [`super::cross_entropy`], of checked tensors.
pub(super) fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    by_dtype!(NAME, logits, T => run::<T>(logits, labels))
}

fn run<A: Param>(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let gpu = gpu(NAME, logits)?;
    let (rows, n) = logits.dims2()?;
    let (logits_dense, labels) = (dense(logits)?, dense(labels)?);
    let found = {
        let (logits, labels) = (lend(&logits_dense), lend(&labels));
        kernels::cross_entropy::<A>(&gpu, &logits.view(NAME)?, &labels.view(NAME)?, (rows, n))?
    };
    let fault = read(&gpu, &found.fault.as_view())?;
    if fault >= 0 {
        bail!(
            "{NAME}: expected labels below {n}, found a larger one in row {fault} (logits {:?})",
            logits.dims()
        );
    }
    scalar_loss(NAME, &gpu, found.loss, &[logits], vec![Some(found.grad)])
}
