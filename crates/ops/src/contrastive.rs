//! The contrastive loss as the MICCAI 2020 paper writes it (Jiao et al., arXiv 2008.06607, Eq. 2), made computable.
//!
//! For a frame v with its speech s and a hard negative s', with sim(a, b) = a.b:
//! `-log [ (exp sim(v, s) - exp sim(v, s')) / sum over k != v of exp sim(v, k) ]`.
//! The difference is positive only where the hard negative scores below the positive. It is evaluated as
//! `sim(v, s) + log(1 - exp(-margin))` with `margin = sim(v, s) - sim(v, s')` clamped from below.

#[cfg(feature = "cuda")]
mod on_card;

use candle_core::{Result, Tensor, bail};

use crate::element::{Element, by_dtype, check_inputs, plain, values};
use crate::info_nce::{add_scaled, dot};
use crate::scalar_loss::scalar_loss;
use crate::softmax_kl::log_sum_exp;

const NAME: &str = "paper_contrastive";

/// Eq. 2, mean over the batch, and the number of pairs whose margin was below `min_margin`.
///
/// The paper does not spell out k: here it runs over every other embedding of the batch, that is all speech, all
/// hard negatives and the frames of the other pairs. A clamped pair sends no gradient through its margin, only
/// through `sim(v, s)` and the denominator. Embeddings are used as they are, without normalisation.
///
/// # Shapes
/// `z_video`, `z_speech` and `hard_speech` `[B, D]`; `min_margin` above 0.
///
/// # Errors
/// When shapes, types or devices do not fit together; the message names the shapes.
pub fn paper_contrastive(
    z_video: &Tensor,
    z_speech: &Tensor,
    hard_speech: &Tensor,
    min_margin: f64,
) -> Result<(Tensor, usize)> {
    let inputs = [z_video, z_speech, hard_speech];
    check_inputs(NAME, &inputs)?;
    if z_video.rank() != 2 || z_video.elem_count() == 0 || inputs.iter().any(|t| t.dims() != z_video.dims()) {
        bail!(
            "{NAME}: expected three tensors [B, D], found z_video {:?}, z_speech {:?}, hard_speech {:?}",
            z_video.dims(),
            z_speech.dims(),
            hard_speech.dims()
        );
    }
    if !(min_margin > 0.0 && min_margin.is_finite()) {
        bail!("{NAME}: expected a smallest margin above 0, found {min_margin}");
    }
    #[cfg(feature = "cuda")]
    if z_video.device().is_cuda() {
        return on_card::paper_contrastive(inputs, min_margin);
    }
    let d = z_video.dim(1)?;
    by_dtype!(NAME, z_video, T => {
        let (v, s, hard) = (plain(z_video)?, plain(z_speech)?, plain(hard_speech)?);
        let (v, s, hard) = (values::<T>(NAME, &v)?, values::<T>(NAME, &s)?, values::<T>(NAME, &hard)?);
        let (value, clamped, grads) = loss(&v, &s, &hard, d, min_margin as T);
        Ok((scalar_loss(NAME, value, &inputs, grads.into_iter().map(Some).collect())?, clamped))
    })
}

/// The loss, the clamped pairs and the gradients of the three inputs.
fn loss<T: Element>(v: &[T], s: &[T], hard: &[T], d: usize, min_margin: T) -> (T, usize, [Vec<T>; 3]) {
    let b = v.len() / d;
    let share = T::one() / T::from_usize(b);
    let others = [v, s, hard];
    let mut grads = [(); 3].map(|()| vec![T::zero(); b * d]);
    let (mut value, mut clamped) = (T::zero(), 0);
    for i in 0..b {
        let row = i * d..(i + 1) * d;
        let vi = &v[row.clone()];
        // Column j of part p is sim(v_i, others[p]_j); the frame itself takes no part.
        let mut sims: Vec<T> = others.iter().flat_map(|z| z.chunks_exact(d)).map(|z| dot(vi, z)).collect();
        sims[i] = T::from_f64(f64::NEG_INFINITY);
        let margin = sims[b + i] - sims[2 * b + i];
        let is_clamped = margin < min_margin;
        clamped += usize::from(is_clamped);
        // 1 - exp(-margin), without losing digits where the margin is small.
        let gap = -(-Element::max(margin, min_margin)).exp_m1();
        let norm = log_sum_exp(&sims);
        value += share * (norm - sims[b + i] - gap.ln());
        let mut dsims: Vec<T> = sims.iter().map(|&z| share * (z - norm).exp()).collect();
        dsims[b + i] -= share;
        if !is_clamped {
            let pull = share * (T::one() - gap) / gap;
            dsims[b + i] -= pull;
            dsims[2 * b + i] += pull;
        }
        for (j, &g) in dsims.iter().enumerate() {
            let (part, other) = (j / b, j % b);
            if j != i {
                let other = other * d..(other + 1) * d;
                add_scaled(&mut grads[0][row.clone()], g, &others[part][other.clone()]);
                add_scaled(&mut grads[part][other], g, vi);
            }
        }
    }
    (value, clamped, grads)
}

#[cfg(test)]
mod tests;
