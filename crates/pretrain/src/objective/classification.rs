//! L_cls: do this frame and this speech belong together?
//!
//! `L_cls = -1/(2P) sum_i [ ln p(1 | v_i, s_i) + ln p(0 | v_i, s'_i) ]`, p the softmax of two logits of the concatenated
//! embeddings, s the hard positive, s' the hard negative (Jiao et al., MICCAI 2020, "Cross-modal contrastive learning":
//! two-way cross-entropy on concatenated features). With self-paced weights the mean is a weighted one, a pair's weight
//! counting for its positive and its negative alike.
//!
//! # Shapes
//! `v`, `s`, `s'` `[P, D]`; chance level ln 2.

use candle_core::{Result, Tensor};
use sonovox_ops::cross_entropy;

use super::weighted::{cross_entropy_rows, weighted_mean};

/// The loss of logits that tell nothing.
pub fn chance() -> f64 {
    std::f64::consts::LN_2
}

/// Frames and speech `[2 P, D]` as the classifier sees them: all positives, then all negatives.
///
/// # Errors
/// When shapes do not fit.
pub fn rows(video: &Tensor, positive: &Tensor, negative: &Tensor) -> Result<(Tensor, Tensor)> {
    Ok((Tensor::cat(&[video, video], 0)?, Tensor::cat(&[positive, negative], 0)?))
}

/// The loss of logits `[2 P, 2]` in the order of [`rows`], and the labels u32 `[2 P]`.
///
/// # Errors
/// When there are not as many weights as pairs.
pub fn loss(logits: &Tensor, weights: Option<&[f64]>) -> Result<(Tensor, Tensor)> {
    let count = logits.dim(0)?;
    let labels: Vec<u32> = (0..count).map(|row| u32::from(row < count / 2)).collect();
    let labels = Tensor::new(labels, logits.device())?;
    let loss = match weights {
        Some(weights) => weighted_mean(&cross_entropy_rows(logits, &labels)?, &[weights, weights].concat())?,
        None => cross_entropy(logits, &labels)?,
    };
    Ok((loss, labels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::testing::{check_gradients, random, scalar, values, var};

    /// Row by row, with exponentials as written.
    fn slow(logits: &Tensor, weights: &[f64]) -> f64 {
        let logits = values(logits);
        let pairs = weights.len();
        let term = |row: usize, label: usize| {
            let (none, both) = (logits[2 * row].exp(), logits[2 * row + 1].exp());
            -([none, both][label] / (none + both)).ln()
        };
        let total: f64 = (0..pairs).map(|i| weights[i] * (term(i, 1) + term(pairs + i, 0))).sum();
        total / (2.0 * weights.iter().sum::<f64>())
    }

    #[test]
    fn the_value_is_the_definition_with_and_without_weights() {
        let logits = random(1, &[6, 2]);
        let value = |weights: Option<&[f64]>| scalar(&loss(&logits, weights).expect("a loss").0);
        assert!((value(None) - slow(&logits, &[1.0; 3])).abs() < 1e-12);
        assert!((value(Some(&[0.2, 1.0, 0.7])) - slow(&logits, &[0.2, 1.0, 0.7])).abs() < 1e-12);
        let undecided = Tensor::zeros((6, 2), logits.dtype(), logits.device()).expect("zeros");
        assert!((scalar(&loss(&undecided, None).expect("a loss").0) - 2f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn gradients_are_difference_quotients() {
        let logits = var(2, &[4, 2]);
        check_gradients(&[&logits], || Ok(loss(&logits, None)?.0));
        check_gradients(&[&logits], || Ok(loss(&logits, Some(&[0.1, 0.9]))?.0));
    }

    #[test]
    fn positives_stand_before_negatives() {
        let (v, s, n) = (random(1, &[2, 3]), random(2, &[2, 3]), random(3, &[2, 3]));
        let (video, speech) = rows(&v, &s, &n).expect("rows");
        assert_eq!(values(&video), [values(&v), values(&v)].concat());
        assert_eq!(values(&speech), [values(&s), values(&n)].concat());
        let (_, labels) = loss(&random(4, &[4, 2]), None).expect("a loss");
        assert_eq!(labels.to_vec1::<u32>().expect("labels"), [1, 1, 0, 0]);
    }
}
