//! L_views: two views of one moment are more alike than views of different moments, within one stream.
//!
//! Ours, beyond the paper: NT-Xent (Chen et al., ICML 2020, Eq. 1) on two frames, or two speech windows, of the same interval,
//! `L = -1/2N sum_a ln [ exp(c(a, a')/t) / sum_{b != a} exp(c(a, b)/t) ]`, a' the other view of the interval of a, c the cosine.
//! Each stream then has features of its own to begin with; from fresh ones the pairs of frame and speech, most of which have
//! nothing to do with each other, teach nothing in any time that two cores have (docs/method.md). As in SLIP (Mu et al., ECCV 2022)
//! it has a projection of its own, so that what only tells moments apart stays out of the space that frames and speech share.
//!
//! # Shapes
//! `z` `[2 N, D]`, the two views of an interval in neighbouring rows. Chance level ln(2 N - 1).

use candle_core::{Result, Tensor};

use super::weighted::log_sum_exp;
use super::windows::unit;

/// Taken off the cosine of a view with itself, which takes no part.
const ITSELF: f64 = -1e9;

/// The loss of views `z` at `temperature`.
///
/// # Errors
/// When there is an odd number of them, or a tensor operation fails.
pub fn loss(z: &Tensor, temperature: f64) -> Result<Tensor> {
    let (rows, width) = z.dims2()?;
    if !rows.is_multiple_of(2) {
        candle_core::bail!("L_views: expected two views to an interval, found {rows} views");
    }
    let z = unit(z)?;
    let itself = (Tensor::eye(rows, z.dtype(), z.device())? * ITSELF)?;
    let all = log_sum_exp(&((z.matmul(&z.t()?)? / temperature)? + itself)?)?;
    let views = z.reshape((rows / 2, 2, width))?;
    let own = ((views.narrow(1, 0, 1)? * views.narrow(1, 1, 1)?)?.sum_all()? / temperature)?;
    (all.sum_all()? - (own * 2.0)?)? / rows as f64
}

/// The loss of views that tell nothing, `2 N` of them.
pub fn chance(views: usize) -> f64 {
    (views.saturating_sub(1).max(1) as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::testing::{check_gradients, random, scalar, values, var};

    /// View by view, with exponentials as written.
    fn slow(z: &Tensor, temperature: f64) -> f64 {
        let (rows, width) = z.dims2().expect("rows");
        let z = values(z);
        let row = |at: usize| &z[at * width..(at + 1) * width];
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let cosine =
            |a: usize, b: usize| dot(row(a), row(b)) / (dot(row(a), row(a)) * dot(row(b), row(b))).sqrt();
        let term = |a: usize| {
            let others: f64 = (0..rows).filter(|&b| b != a).map(|b| (cosine(a, b) / temperature).exp()).sum();
            -((cosine(a, a ^ 1) / temperature).exp() / others).ln()
        };
        (0..rows).map(term).sum::<f64>() / rows as f64
    }

    #[test]
    fn the_value_is_the_definition_and_chance_is_that_of_equal_views() {
        let z = random(1, &[6, 4]);
        assert!((scalar(&loss(&z, 0.3).expect("a loss")) - slow(&z, 0.3)).abs() < 1e-10);
        let equal = Tensor::ones((6, 4), z.dtype(), z.device()).expect("ones");
        assert!((scalar(&loss(&equal, 0.3).expect("a loss")) - chance(6)).abs() < 1e-10);
        assert!(loss(&random(1, &[5, 4]), 0.3).is_err());
    }

    #[test]
    fn gradients_are_difference_quotients() {
        let z = var(2, &[4, 3]);
        check_gradients(&[&z], || loss(&z, 0.5));
    }

    #[test]
    fn views_that_agree_cost_less_than_views_that_are_swapped() {
        let one = random(3, &[3, 4]);
        let agree = Tensor::stack(&[&one, &one], 1).and_then(|z| z.reshape((6, 4))).expect("views");
        let turned =
            Tensor::cat(&[&one.narrow(0, 1, 2).expect("two"), &one.narrow(0, 0, 1).expect("one")], 0);
        let swapped = Tensor::stack(&[one, turned.expect("turned")], 1).and_then(|z| z.reshape((6, 4)));
        let value = |z: &Tensor| scalar(&loss(z, 0.1).expect("a loss"));
        assert!(value(&agree) + 1.0 < value(&swapped.expect("views")));
    }
}
