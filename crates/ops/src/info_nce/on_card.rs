//! InfoNCE of tensors on a CUDA device.

use candle_core::{Result, Tensor};

use super::NAME;
use crate::cuda::scalar_loss::scalar_loss;
use crate::cuda::{Param, dense, gpu, info_nce as kernels, lend};
use crate::element::by_dtype;

/// As [`super::info_nce`], of checked tensors: video, speech, temperature and perhaps hard negatives.
pub(super) fn info_nce(inputs: &[&Tensor], sizes: (usize, usize, usize)) -> Result<Tensor> {
    by_dtype!(NAME, inputs[0], T => run::<T>(inputs, sizes))
}

fn run<A: Param>(inputs: &[&Tensor], (b, d, h): (usize, usize, usize)) -> Result<Tensor> {
    let gpu = gpu(NAME, inputs[0])?;
    let inputs_dense = inputs.iter().map(|t| dense(t)).collect::<Result<Vec<_>>>()?;
    let found = {
        let lent: Vec<_> = inputs_dense.iter().map(lend).collect();
        let (video, speech, log_t) = (lent[0].view::<A>(NAME)?, lent[1].view(NAME)?, lent[2].view(NAME)?);
        let hard = lent.get(3).filter(|_| h > 0).map(|hard| hard.view(NAME)).transpose()?;
        kernels::info_nce(&gpu, &video, &speech, hard.as_ref(), &log_t, (b, d, h))?
    };
    let mut grads = vec![Some(found.dvideo), Some(found.dspeech), Some(found.dlog_inv_temperature)];
    grads.resize_with(inputs.len(), || None);
    if let (Some(slot), Some(dhard)) = (grads.get_mut(3), found.dhard) {
        *slot = Some(dhard);
    }
    scalar_loss(NAME, &gpu, found.loss, inputs, grads)
}
