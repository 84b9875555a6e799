//! The paper's contrastive loss of tensors on a CUDA device.

use candle_core::{Result, Tensor};

use super::NAME;
use crate::cuda::scalar_loss::{read, scalar_loss};
use crate::cuda::{Param, contrastive as kernels, dense, gpu, lend};
use crate::element::by_dtype;

/// As [`super::paper_contrastive`], of checked tensors.
pub(super) fn paper_contrastive(inputs: [&Tensor; 3], min_margin: f64) -> Result<(Tensor, usize)> {
    by_dtype!(NAME, inputs[0], T => run::<T>(inputs, min_margin))
}

fn run<A: Param>(inputs: [&Tensor; 3], min_margin: f64) -> Result<(Tensor, usize)> {
    let gpu = gpu(NAME, inputs[0])?;
    let [video, speech, hard] = [dense(inputs[0])?, dense(inputs[1])?, dense(inputs[2])?];
    let found = {
        let (video, speech, hard) = (lend(&video), lend(&speech), lend(&hard));
        let (video, speech, hard) = (video.view::<A>(NAME)?, speech.view(NAME)?, hard.view(NAME)?);
        kernels::paper_contrastive(&gpu, &video, &speech, &hard, min_margin, inputs[0].dims2()?)?
    };
    let clamped = read(&gpu, &found.clamped.as_view())?;
    let grads = found.grads.into_iter().map(Some).collect();
    Ok((scalar_loss(NAME, &gpu, found.loss, &inputs, grads)?, clamped as usize))
}
