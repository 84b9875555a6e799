//! Losses per row and their weighted mean: what self-paced weights are applied to.
//!
//! The fused losses of `ops` give means over the batch. Where every pair has a weight of its own, the same formulas are
//! written here with candle's operations: the matrices are as small as the batch.

use candle_core::{D, Result, Tensor};

/// Below this sum of weights a batch has nothing to say; it keeps the division finite.
const LEAST_WEIGHT: f64 = 1e-6;

/// `ln(sum(exp(x)))` over the last axis, without overflow: `[..., N]` to `[...]`.
///
/// # Errors
/// When a tensor operation fails.
pub fn log_sum_exp(x: &Tensor) -> Result<Tensor> {
    let top = x.detach().max_keepdim(D::Minus1)?;
    x.broadcast_sub(&top)?.exp()?.sum(D::Minus1)?.log()? + top.squeeze(D::Minus1)?
}

/// Cross-entropy of every row in nats: logits `[N, C]`, labels u32 `[N]`, to `[N]`.
///
/// # Errors
/// When shapes do not fit.
pub fn cross_entropy_rows(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let own = logits.gather(&labels.unsqueeze(1)?, 1)?.squeeze(1)?;
    log_sum_exp(logits)? - own
}

/// `sum(w l) / sum(w)` over rows `[N]`. No gradient flows to the weights.
///
/// # Errors
/// When there are not as many weights as rows.
pub fn weighted_mean(rows: &Tensor, weights: &[f64]) -> Result<Tensor> {
    let total = weights.iter().sum::<f64>().max(LEAST_WEIGHT);
    let weights = Tensor::new(weights, rows.device())?.to_dtype(rows.dtype())?;
    (rows * (weights / total)?)?.sum_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::testing::{check_gradients, random, scalar, var};

    #[test]
    fn equal_weights_give_the_fused_loss_and_large_logits_do_not_overflow() {
        let logits = random(1, &[6, 4]);
        let labels = Tensor::new(&[0u32, 3, 2, 1, 1, 0], logits.device()).expect("labels");
        let rows = cross_entropy_rows(&logits, &labels).expect("rows");
        let fused = sonovox_ops::cross_entropy(&logits, &labels).expect("fused");
        assert!((scalar(&weighted_mean(&rows, &[0.3; 6]).expect("mean")) - scalar(&fused)).abs() < 1e-12);
        let large = log_sum_exp(&(logits * 1e4).expect("large")).expect("finite");
        assert!(large.to_vec1::<f64>().expect("values").iter().all(|value| value.is_finite()));
    }

    #[test]
    fn a_row_without_weight_has_no_say_and_no_gradient() {
        let logits = var(1, &[3, 4]);
        let labels = Tensor::new(&[0u32, 3, 2], logits.device()).expect("labels");
        let loss = || weighted_mean(&cross_entropy_rows(&logits, &labels)?, &[1.0, 0.0, 0.5]);
        check_gradients(&[&logits], loss);
        let gradients = sonovox_ops::backward(&loss().expect("loss")).expect("backward");
        let rows: Vec<Vec<f64>> = gradients.get(&logits).and_then(|g| g.to_vec2().ok()).expect("gradient");
        assert!(rows[1].iter().all(|&value| value == 0.0) && rows[0].iter().any(|&value| value != 0.0));
        assert_eq!(scalar(&weighted_mean(&random(2, &[2]), &[0.0, 0.0]).expect("nothing")), 0.0);
    }
}
