//! L_sync: are this frame and this speech in step, judged by co-attention?
//!
//! `L_sync = -1/(2P) sum_i [ ln sigma(z_i) + ln(1 - sigma(z'_i)) ]`, z the logit of a frame with its speech, z' with a negative's
//! (Cheng et al., ACM MM 2020, arXiv 2008.05789: binary cross-entropy). Negatives are other recordings' speech first and
//! time-shifted speech of the same recording later; when to change over is ours (`sync.easy_share`), and so is that the change is
//! sudden. The time-shifted negative is the pair's hard negative. The head is `sonovox_model::CoAttention`.
//!
//! # Shapes
//! logits `[P]`; chance level ln 2.

use candle_core::{Result, Tensor};
use sonovox_ops::cross_entropy;

use super::weighted::{cross_entropy_rows, weighted_mean};

/// The loss of logits that tell nothing.
pub fn chance() -> f64 {
    std::f64::consts::LN_2
}

/// The loss of logits of positives and of negatives.
///
/// # Errors
/// When shapes do not fit, or there are not as many weights as pairs.
pub fn loss(positive: &Tensor, negative: &Tensor, weights: Option<&[f64]>) -> Result<Tensor> {
    let count = positive.dim(0)?;
    let all = Tensor::cat(&[positive, negative], 0)?;
    // a logit against 0 is a softmax of two
    let logits = Tensor::stack(&[&all.zeros_like()?, &all], 1)?;
    let labels: Vec<u32> = (0..2 * count).map(|row| u32::from(row < count)).collect();
    let labels = Tensor::new(labels, logits.device())?;
    match weights {
        Some(weights) => weighted_mean(&cross_entropy_rows(&logits, &labels)?, &[weights, weights].concat()),
        None => cross_entropy(&logits, &labels),
    }
}

/// Share of (positive, negative) pairs of logits in which the positive is higher: the area under the curve.
///
/// # Errors
/// When a tensor operation fails.
pub fn auc(positive: &Tensor, negative: &Tensor) -> Result<f64> {
    let of = |logits: &Tensor| logits.detach().to_dtype(candle_core::DType::F64)?.to_vec1::<f64>();
    let (positive, negative) = (of(positive)?, of(negative)?);
    let above = |p: &f64, n: &f64| if p > n { 1.0 } else { 0.5 * f64::from(u8::from(p == n)) };
    let total: f64 = positive.iter().map(|p| negative.iter().map(|n| above(p, n)).sum::<f64>()).sum();
    Ok(total / (positive.len() * negative.len()) as f64)
}

/// For every pair another one of another recording, the next in the batch; `None` where a pair has none.
pub fn easy_partners(recordings: &[usize]) -> Option<Vec<u32>> {
    let count = recordings.len();
    let next =
        |at: usize| (1..count).map(|step| (at + step) % count).find(|&to| recordings[to] != recordings[at]);
    (0..count).map(|at| next(at).map(|to| to as u32)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::testing::{check_gradients, random, scalar, values, var};

    #[test]
    fn the_value_is_binary_cross_entropy() {
        let (p, n) = (random(1, &[3]), random(2, &[3]));
        let sigma = |z: f64| 1.0 / (1.0 + (-z).exp());
        let slow = |weights: [f64; 3]| {
            let each = values(&p).into_iter().zip(values(&n)).zip(weights);
            let total: f64 = each.map(|((p, n), w)| -w * (sigma(p).ln() + (1.0 - sigma(n)).ln())).sum();
            total / (2.0 * weights.iter().sum::<f64>())
        };
        assert!((scalar(&loss(&p, &n, None).expect("a loss")) - slow([1.0; 3])).abs() < 1e-12);
        let weights = [0.2, 0.9, 0.5];
        assert!((scalar(&loss(&p, &n, Some(&weights)).expect("a loss")) - slow(weights)).abs() < 1e-12);
        let zero = p.zeros_like().expect("zeros");
        assert!((scalar(&loss(&zero, &zero, None).expect("a loss")) - 2f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn gradients_are_difference_quotients() {
        let (p, n) = (var(1, &[3]), var(2, &[3]));
        check_gradients(&[&p, &n], || loss(&p, &n, None));
        check_gradients(&[&p, &n], || loss(&p, &n, Some(&[0.1, 1.0, 0.4])));
    }

    #[test]
    fn the_area_under_the_curve_counts_pairs_and_ties_half() {
        let of = |values: &[f64]| Tensor::new(values, &candle_core::Device::Cpu).expect("logits");
        assert_eq!(auc(&of(&[1.0, 0.0]), &of(&[0.0, -1.0])).expect("auc"), 3.5 / 4.0);
    }

    #[test]
    fn easy_partners_are_of_other_recordings() {
        assert_eq!(easy_partners(&[4, 4, 5, 6]), Some(vec![2, 2, 3, 0]));
        assert_eq!(easy_partners(&[4, 4]), None);
    }
}
