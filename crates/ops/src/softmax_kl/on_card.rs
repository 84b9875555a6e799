//! `KL(target || softmax(logits))` of tensors on a CUDA device.

use candle_core::{Result, Tensor, bail};

use super::{NAME, SUM_TOLERANCE};
use crate::cuda::scalar_loss::{read, scalar_loss};
use crate::cuda::{Param, dense, gpu, lend, softmax_kl as kernels};
use crate::element::by_dtype;

/// As [`super::softmax_kl`], of checked tensors.
pub(super) fn softmax_kl(logits: &Tensor, target: &Tensor) -> Result<Tensor> {
    by_dtype!(NAME, logits, T => run::<T>(logits, target))
}

fn run<A: Param>(logits: &Tensor, target: &Tensor) -> Result<Tensor> {
    let gpu = gpu(NAME, logits)?;
    let (lp, tp) = (dense(logits)?, dense(target)?);
    let found = {
        let (l, t) = (lend(&lp), lend(&tp));
        kernels::softmax_kl::<A>(&gpu, &l.view(NAME)?, &t.view(NAME)?, logits.dims2()?, SUM_TOLERANCE)?
    };
    let fault = read(&gpu, &found.fault.as_view())?;
    if fault >= 0 {
        bail!("{NAME}: expected a distribution in every row of the target, found none in row {fault}");
    }
    scalar_loss(NAME, &gpu, found.loss, &[logits], vec![Some(found.grad)])
}
