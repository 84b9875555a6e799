//! L_cont: contrast across the batch.
//!
//! `paper` (Jiao et al., MICCAI 2020, Eq. 2, sim(a, b) = a.b):
//! `L = -1/P sum_i ln [ (exp sim(v_i, s_i) - exp sim(v_i, s'_i)) / sum_{k != v_i} exp sim(v_i, k) ]`, evaluated as
//! `sim(v_i, s_i) + ln(1 - exp(-m_i))` with the margin `m_i = sim(v_i, s_i) - sim(v_i, s'_i)` clamped from below, since the
//! logarithm is undefined where the hard negative scores at least as high; clamped pairs are counted. What k runs over is
//! not stated: all other embeddings of the batch (ours).
//!
//! `paper-cosine` (ours): the same with sim(a, b) the cosine of a and b.
//!
//! `info-nce` (ours; van den Oord et al. 2018, symmetric as in Radford et al. 2021): with cosines c and a learned
//! temperature t, `L = 1/2P sum_i [ -ln softmax_j(c(v_i, s_j)/t, c(v_i, s'_i)/t)_i - ln softmax_k(c(v_k, s_i)/t)_i ]`; the
//! hard negative is an extra column of its own frame's row. Pairs of one interval (K > 1) are no negatives of each other: they
//! are left out of each other's sums.
//!
//! Unweighted and with one window both come from `ops`, fused. With self-paced weights w the mean over i is
//! `sum w_i L_i / sum w_i`; a pair of low weight still serves the others as a negative. Weights carry no gradient.
//!
//! # Shapes
//! frames `[P, D]`, speech `[P, W, D]`. Chance level of InfoNCE: (ln(P + 1) + ln P) / 2 with a hard negative, ln P without, where
//! every pair has an interval to itself.

use candle_core::{Result, Tensor};
use sonovox_ops::{info_nce, paper_contrastive};

use super::weighted::{log_sum_exp, weighted_mean};
use super::windows::{Windows, unit};
use crate::Contrastive;

/// How a batch is contrasted.
#[derive(Clone, Copy, Debug)]
pub struct Contrast {
    /// By which formula.
    pub kind: Contrastive,
    /// How windows are joined.
    pub windows: Windows,
    /// Smallest margin of Eq. 2.
    pub smallest_margin: f64,
}

/// What a batch is contrasted by.
pub struct Pairs<'a> {
    /// `[P, D]`.
    pub video: &'a Tensor,
    /// `[P, W, D]`.
    pub positive: &'a Tensor,
    /// `[P, W, D]`; `None` where negatives are other pairs of the batch anyway.
    pub hard: Option<&'a Tensor>,
    /// Interval of every pair, `P` of them; InfoNCE alone looks at it.
    pub intervals: &'a [usize],
}

impl Pairs<'_> {
    /// What is added to `[P, P]` logits so that pairs of one interval leave each other's sums; `None` where every pair has an
    /// interval to itself.
    fn left_out(&self) -> Result<Option<Tensor>> {
        let count = self.intervals.len();
        let same = |i: usize, j: usize| i != j && self.intervals[i] == self.intervals[j];
        let each: Vec<f64> =
            (0..count * count).map(|at| if same(at / count, at % count) { LEFT_OUT } else { 0.0 }).collect();
        let any = each.iter().any(|&value| value != 0.0);
        let make =
            || Tensor::from_vec(each, (count, count), self.video.device())?.to_dtype(self.video.dtype());
        any.then(make).transpose()
    }
}

/// A logit whose exponential is 0.
const LEFT_OUT: f64 = -1e9;

/// The loss and, for Eq. 2, the number of clamped pairs.
///
/// # Errors
/// When shapes do not fit, when Eq. 2 has no hard negative, or InfoNCE no temperature.
pub fn loss(
    how: Contrast,
    pairs: &Pairs<'_>,
    log_inv_temperature: Option<&Tensor>,
    weights: Option<&[f64]>,
) -> Result<(Tensor, Option<usize>)> {
    match how.kind {
        Contrastive::Paper | Contrastive::PaperCosine => {
            let Some(hard) = pairs.hard else { candle_core::bail!("Eq. 2 needs a negative to every pair") };
            let compared =
                |z: &Tensor| if how.kind == Contrastive::PaperCosine { unit(z) } else { Ok(z.clone()) };
            let (video, positive) = (compared(pairs.video)?, compared(&pairs.positive.squeeze(1)?)?);
            let hard = compared(&hard.squeeze(1)?)?;
            let (loss, clamped) = paper(&video, &positive, &hard, how.smallest_margin, weights)?;
            Ok((loss, Some(clamped)))
        }
        Contrastive::InfoNce => {
            let Some(log_inv) = log_inv_temperature else {
                candle_core::bail!("InfoNCE needs a temperature")
            };
            let left_out = pairs.left_out()?;
            let fused = pairs.positive.dim(1)? == 1 && weights.is_none() && left_out.is_none();
            let loss = if fused {
                plain(pairs, log_inv)?
            } else {
                joined(pairs, left_out.as_ref(), how.windows, log_inv, weights)?
            };
            Ok((loss, None))
        }
    }
}

/// InfoNCE of embeddings that are all equal; `has_hard`: each frame has a hard negative.
pub fn chance(intervals: &[usize], has_hard: bool) -> f64 {
    let of = |interval: &usize| {
        // pairs of one interval leave each other's sums
        let compared =
            (intervals.len() + 1 - intervals.iter().filter(|other| *other == interval).count()) as f64;
        ((compared + f64::from(u8::from(has_hard))).ln() + compared.ln()) / 2.0
    };
    intervals.iter().map(of).sum::<f64>() / intervals.len() as f64
}

fn plain(pairs: &Pairs<'_>, log_inv: &Tensor) -> Result<Tensor> {
    info_nce(pairs.video, &pairs.positive.squeeze(1)?, pairs.hard, log_inv)
}

/// InfoNCE over joined windows, with or without weights.
fn joined(
    pairs: &Pairs<'_>,
    left_out: Option<&Tensor>,
    windows: Windows,
    log_inv: &Tensor,
    weights: Option<&[f64]>,
) -> Result<Tensor> {
    let count = pairs.video.dim(0)?;
    let scale = log_inv.exp()?;
    let logits = windows.similarity(pairs.video, pairs.positive)?.broadcast_mul(&scale)?;
    let logits = match left_out {
        Some(left_out) => (logits + left_out)?,
        None => logits,
    };
    let own = windows.own(pairs.video, pairs.positive)?.broadcast_mul(&scale)?;
    let row = match pairs.hard {
        Some(hard) => {
            let hard = windows.own(pairs.video, hard)?.broadcast_mul(&scale)?;
            Tensor::cat(&[&logits, &hard.unsqueeze(1)?], 1)?
        }
        None => logits.clone(),
    };
    let rows = (log_sum_exp(&row)? - &own)?;
    let columns = (log_sum_exp(&logits.t()?.contiguous()?)? - own)?;
    let each = ((rows + columns)? * 0.5)?;
    match weights {
        Some(weights) => weighted_mean(&each, weights),
        None => each.sum_all()? / count as f64,
    }
}

/// Eq. 2, fused where there are no weights.
fn paper(
    v: &Tensor,
    s: &Tensor,
    hard: &Tensor,
    smallest: f64,
    weights: Option<&[f64]>,
) -> Result<(Tensor, usize)> {
    let Some(weights) = weights else { return paper_contrastive(v, s, hard, smallest) };
    let count = v.dim(0)?;
    let own = (v * s)?.sum(1)?;
    let margin = (&own - (v * hard)?.sum(1)?)?;
    let free = margin.detach().ge(smallest)?;
    let clamped = count - free.to_dtype(candle_core::DType::F64)?.sum_all()?.to_scalar::<f64>()? as usize;
    let margin = margin.maximum(smallest)?;
    let gap = ((margin.neg()?.exp()?.neg()? + 1.0)?).log()?;
    // the frame itself takes no part in the denominator
    let itself = (Tensor::eye(count, v.dtype(), v.device())? * -1e30)?;
    let others = [(v.matmul(&v.t()?)? + itself)?, v.matmul(&s.t()?)?, v.matmul(&hard.t()?)?];
    let norm = log_sum_exp(&Tensor::cat(&others, 1)?)?;
    Ok((weighted_mean(&((norm - own)? - gap)?, weights)?, clamped))
}

/// Takes the mean speech embedding of a recording within the batch off each of its embeddings: frames of one recording are
/// then told apart by what its windows do not have in common. A recording that gives fewer than two intervals stays as it
/// is, since nothing would be left of it. The gradient flows through the mean.
///
/// `speech` `[P, W, D]` (positives) and, where given, hard negatives of the same shape count alike; `recordings` and
/// `intervals` are those of the pairs.
///
/// # Errors
/// When a tensor operation fails.
pub fn centre_by_recording(
    positive: &Tensor,
    hard: Option<&Tensor>,
    recordings: &[usize],
    intervals: &[usize],
) -> Result<(Tensor, Option<Tensor>)> {
    let count = recordings.len();
    let of = |at: usize| {
        let mut own: Vec<usize> = (0..count).filter(|&i| recordings[i] == recordings[at]).collect();
        own.sort_by_key(|&i| intervals[i]);
        own.dedup_by_key(|i| intervals[*i]);
        own.len()
    };
    let shared: Vec<bool> = (0..count).map(|at| of(at) >= 2).collect();
    // row i of the matrix averages over the rows of its recording
    let mut average = vec![0.0; count * count];
    for i in (0..count).filter(|&i| shared[i]) {
        let own: Vec<usize> = (0..count).filter(|&j| recordings[j] == recordings[i]).collect();
        own.iter().for_each(|&j| average[i * count + j] = 1.0 / own.len() as f64);
    }
    let average = Tensor::from_vec(average, (count, count), positive.device())?.to_dtype(positive.dtype())?;
    let mean_of = |speech: &Tensor| average.matmul(&speech.mean(1)?);
    let mean = match hard {
        Some(hard) => ((mean_of(positive)? + mean_of(hard)?)? * 0.5)?,
        None => mean_of(positive)?,
    }
    .unsqueeze(1)?;
    let centred = |speech: &Tensor| speech.broadcast_sub(&mean);
    Ok((centred(positive)?, hard.map(centred).transpose()?))
}

#[cfg(test)]
mod tests;
