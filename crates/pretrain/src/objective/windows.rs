//! Several speech windows to an interval, joined into one similarity to a frame.
//!
//! Narration speaks of a plane before and after it is seen (first-findings.md: lags of 0 to 4 s), so an interval may have W
//! windows. With c_w the cosine of a frame and window w:
//! `max`: `c = max_w c_w`; `attention`: `c = sum_w a_w c_w, a = softmax(c / t)`.
//! Both are ours; the first is the multiple-instance reading (Miech et al., CVPR 2020, sum over candidates instead of the
//! maximum), the second its soft form. With one window both are the cosine.
//!
//! # Shapes
//! frames `[P, D]`, speech `[Q, W, D]`.

use candle_core::{D, Result, Tensor};

use super::weighted::log_sum_exp;
use crate::{Join, PairConfig};

/// How windows are joined.
#[derive(Clone, Copy, Debug)]
pub struct Windows {
    join: Join,
    temperature: f64,
}

impl Windows {
    /// As the recipe says.
    pub fn new(config: &PairConfig) -> Self {
        Self { join: config.join, temperature: config.window_temperature }
    }

    /// Similarity of every frame to every interval's speech: `[P, Q]`, cosines.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn similarity(&self, video: &Tensor, speech: &Tensor) -> Result<Tensor> {
        let (count, windows, width) = speech.dims3()?;
        let flat = unit(speech)?.reshape((count * windows, width))?;
        let cosines = unit(video)?.matmul(&flat.t()?)?.reshape((video.dim(0)?, count, windows))?;
        self.joined_cosine(&cosines)
    }

    /// Similarity of every frame to the speech of its own row: frames `[P, D]`, speech `[P, W, D]`, to `[P]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn own(&self, video: &Tensor, speech: &Tensor) -> Result<Tensor> {
        self.joined_cosine(&own_cosines(video, speech)?)
    }

    /// One embedding to a pair: the chosen window's, or the mean by attention; `[P, W, D]` to `[P, D]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn embedding(&self, video: &Tensor, speech: &Tensor) -> Result<Tensor> {
        let (count, windows, width) = speech.dims3()?;
        if windows == 1 {
            return speech.squeeze(1);
        }
        let cosines = own_cosines(video, speech)?;
        match self.join {
            Join::Max => {
                let best = cosines.detach().argmax(D::Minus1)?.reshape((count, 1, 1))?;
                speech.gather(&best.broadcast_as((count, 1, width))?.contiguous()?, 1)?.squeeze(1)
            }
            Join::Attention => speech.broadcast_mul(&self.attention(&cosines)?.unsqueeze(2)?)?.sum(1),
        }
    }

    /// Over the last axis.
    fn joined_cosine(&self, cosines: &Tensor) -> Result<Tensor> {
        match self.join {
            _ if cosines.dim(D::Minus1)? == 1 => cosines.squeeze(D::Minus1),
            Join::Max => cosines.max(D::Minus1),
            Join::Attention => (cosines * self.attention(cosines)?)?.sum(D::Minus1),
        }
    }

    fn attention(&self, cosines: &Tensor) -> Result<Tensor> {
        let logits = (cosines / self.temperature)?;
        logits.broadcast_sub(&log_sum_exp(&logits)?.unsqueeze(D::Minus1)?)?.exp()
    }
}

/// Cosines of frames `[P, D]` with the windows of their own rows `[P, W, D]`: `[P, W]`.
fn own_cosines(video: &Tensor, speech: &Tensor) -> Result<Tensor> {
    unit(speech)?.broadcast_mul(&unit(video)?.unsqueeze(1)?)?.sum(D::Minus1)
}

/// Rows at length one over the last axis; a row of zeros stays zero.
///
/// # Errors
/// When a tensor operation fails.
pub fn unit(z: &Tensor) -> Result<Tensor> {
    // below the root, since the root's gradient at zero is infinite
    z.broadcast_div(&z.sqr()?.sum_keepdim(D::Minus1)?.maximum(1e-24)?.sqrt()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::testing::{check_gradients, random, values, var};

    fn windows(join: Join) -> Windows {
        Windows { join, temperature: 0.2 }
    }

    fn cosine(a: &[f64], b: &[f64]) -> f64 {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    #[test]
    fn similarities_are_the_definition() {
        let (video, speech) = (random(1, &[2, 4]), random(2, &[3, 5, 4]));
        let (rows, others) = (values(&video), values(&speech));
        for join in [Join::Max, Join::Attention] {
            let found = values(&windows(join).similarity(&video, &speech).expect("similarities"));
            for (at, found) in found.into_iter().enumerate() {
                let (i, j) = (at / 3, at % 3);
                let of =
                    |w: usize| cosine(&rows[4 * i..4 * i + 4], &others[20 * j + 4 * w..20 * j + 4 * w + 4]);
                let all: Vec<f64> = (0..5).map(of).collect();
                let weights: Vec<f64> = all.iter().map(|c| (c / 0.2).exp()).collect();
                let expected = match join {
                    Join::Max => all.iter().copied().fold(-1.0, f64::max),
                    Join::Attention => {
                        all.iter().zip(&weights).map(|(c, w)| c * w).sum::<f64>()
                            / weights.iter().sum::<f64>()
                    }
                };
                assert!((found - expected).abs() < 1e-12, "{join:?}: {found} {expected}");
            }
        }
    }

    #[test]
    fn own_similarities_are_the_diagonal_and_one_window_is_the_cosine() {
        let (video, speech) = (random(1, &[3, 4]), random(2, &[3, 2, 4]));
        for join in [Join::Max, Join::Attention] {
            let all = values(&windows(join).similarity(&video, &speech).expect("all"));
            let own = values(&windows(join).own(&video, &speech).expect("own"));
            assert!((0..3).all(|i| (all[4 * i] - own[i]).abs() < 1e-14));
            let one = speech.narrow(1, 0, 1).expect("one window");
            let found = values(&windows(join).own(&video, &one).expect("own"));
            assert!((found[1] - cosine(&values(&video)[4..8], &values(&one)[4..8])).abs() < 1e-14);
        }
    }

    #[test]
    fn the_joined_embedding_is_a_window_or_lies_between_them() {
        let (video, speech) = (random(1, &[2, 4]), random(2, &[2, 3, 4]));
        let chosen = windows(Join::Max).embedding(&video, &speech).expect("chosen");
        let best = windows(Join::Max).own(&video, &speech).expect("own");
        let again = windows(Join::Max).own(&video, &chosen.unsqueeze(1).expect("one")).expect("own");
        assert_eq!(values(&best), values(&again));
        let equal = speech.narrow(1, 0, 1).and_then(|one| one.repeat((1, 3, 1))).expect("equal windows");
        let mean = windows(Join::Attention).embedding(&video, &equal).expect("mean");
        let expected = values(&equal.narrow(1, 0, 1).expect("one"));
        assert!(values(&mean).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12));
    }

    #[test]
    fn gradients_are_difference_quotients() {
        let (video, speech) = (var(1, &[2, 3]), var(2, &[2, 2, 3]));
        for join in [Join::Max, Join::Attention] {
            check_gradients(&[&video, &speech], || {
                windows(join).similarity(&video, &speech)?.sqr()?.sum_all()
            });
            check_gradients(&[&video, &speech], || {
                windows(join).embedding(&video, &speech)?.sqr()?.sum_all()
            });
        }
    }
}
