//! L_clu: which cluster of the other stream does this belong to?
//!
//! `L = -1/N sum_i ln p(c_i | f_i)`, p the softmax of a linear layer on pooled features f, c_i the cluster of the other stream's
//! features of the same interval (XDC, Alwassel et al., NeurIPS 2020). With self-paced weights the mean is a weighted one. The
//! clusters are numbers: no gradient flows to the stream that they are of.
//!
//! # Shapes
//! logits `[N, K]`, clusters `[N]`; chance level the entropy of the clusters' sizes, at most ln K.

use candle_core::{Result, Tensor};
use sonovox_ops::cross_entropy;

use super::weighted::{cross_entropy_rows, weighted_mean};

/// The loss, and the labels u32 `[N]`.
///
/// # Errors
/// When there are not as many clusters, or weights, as rows.
pub fn loss(logits: &Tensor, clusters: &[u32], weights: Option<&[f64]>) -> Result<(Tensor, Tensor)> {
    let labels = Tensor::new(clusters, logits.device())?;
    let loss = match weights {
        Some(weights) => weighted_mean(&cross_entropy_rows(logits, &labels)?, weights)?,
        None => cross_entropy(logits, &labels)?,
    };
    Ok((loss, labels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::testing::{check_gradients, random, scalar, values, var};

    const CLUSTERS: [u32; 4] = [2, 0, 0, 4];

    /// Row by row, with exponentials as written.
    fn slow(logits: &Tensor, weights: &[f64]) -> f64 {
        let logits = values(logits);
        let term = |row: usize| {
            let all: f64 = (0..5).map(|cluster| logits[5 * row + cluster].exp()).sum();
            -(logits[5 * row + CLUSTERS[row] as usize].exp() / all).ln()
        };
        (0..4).map(|row| weights[row] * term(row)).sum::<f64>() / weights.iter().sum::<f64>()
    }

    #[test]
    fn the_value_is_the_definition_and_chance_that_of_undecided_logits() {
        let logits = random(1, &[4, 5]);
        let value = |weights: Option<&[f64]>| scalar(&loss(&logits, &CLUSTERS, weights).expect("a loss").0);
        assert!((value(None) - slow(&logits, &[1.0; 4])).abs() < 1e-12);
        let weights = [0.2, 1.0, 0.0, 0.7];
        assert!((value(Some(&weights)) - slow(&logits, &weights)).abs() < 1e-12);
        let undecided = Tensor::zeros((4, 5), logits.dtype(), logits.device()).expect("zeros");
        assert!((scalar(&loss(&undecided, &CLUSTERS, None).expect("a loss").0) - 5f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let logits = var(2, &[4, 5]);
        check_gradients(&[&logits], || Ok(loss(&logits, &CLUSTERS, None)?.0));
        check_gradients(&[&logits], || Ok(loss(&logits, &CLUSTERS, Some(&[0.2, 1.0, 0.0, 0.7]))?.0));
    }
}
