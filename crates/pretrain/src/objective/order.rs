//! L_ord: in which order were these four frames?
//!
//! `L_ord = -1/M sum_m ln p(c_m)`, c one of 4!/2 = 12 orders, forward and backward counting as one (Jiao et al., MICCAI
//! 2020, after arXiv 2003.00105). It sees all video, silent or not, and has no self-paced weights (paper: affinity concerns
//! L_cls and L_cont only). `crate::order` numbers the classes.
//!
//! # Shapes
//! logits `[M, 12]`, classes u32 `[M]`; chance level ln 12.

use candle_core::{Result, Tensor};
use sonovox_ops::cross_entropy;

use crate::order::ORDERS;

/// The loss, mean over the tuples.
///
/// # Errors
/// When shapes do not fit or a class is 12 or more.
pub fn loss(logits: &Tensor, classes: &Tensor) -> Result<Tensor> {
    cross_entropy(logits, classes)
}

/// The loss of an undecided head.
pub fn chance() -> f64 {
    (ORDERS as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::testing::{check_gradients, random, scalar, values, var};

    #[test]
    fn the_value_is_the_definition_and_chance_is_that_of_equal_logits() {
        let (logits, labels) = (random(1, &[3, 12]), [4u32, 0, 11]);
        let classes = Tensor::new(&labels, logits.device()).expect("classes");
        let rows: Vec<Vec<f64>> = values(&logits).chunks(12).map(<[f64]>::to_vec).collect();
        let term = |row: &Vec<f64>, label: u32| {
            -(row[label as usize].exp() / row.iter().map(|z| z.exp()).sum::<f64>()).ln()
        };
        let expected = rows.iter().zip(labels).map(|(row, label)| term(row, label)).sum::<f64>() / 3.0;
        assert!((scalar(&loss(&logits, &classes).expect("a loss")) - expected).abs() < 1e-12);
        let equal = Tensor::zeros((3, 12), logits.dtype(), logits.device()).expect("zeros");
        assert!((scalar(&loss(&equal, &classes).expect("a loss")) - chance()).abs() < 1e-12);
    }

    #[test]
    fn gradients_are_difference_quotients() {
        let logits = var(2, &[2, 12]);
        let classes = Tensor::new(&[7u32, 3], logits.device()).expect("classes");
        check_gradients(&[&logits], || loss(&logits, &classes));
    }
}
