//! L_aff: how was this frame transformed?
//!
//! `L_aff = 1/(5 K) sum_k |p(f_k, A_k f_k) - u_k|^2`, p the head's prediction from the features of a frame and of its
//! transformed copy, u the transform's five parameters (rotation, scale, shear, two shifts), each in units of its range.
//!
//! Stated by the source (Jiao et al., ISBI 2020, arXiv 2003.00105, as far as we could read of it): a second task beside
//! frame order is to predict the parameters of an affine transform (rotation, scale, shear) of the clip, by a network with
//! shared weights, trained together. Ours: a pair of one frame and its copy instead of a whole clip (the clip's frames
//! share one transform, so that more of them tell little more), the squared error, ranges, the unit of the parameters, and
//! edges filled by mirroring, so that black corners do not tell the transform.
//!
//! # Shapes
//! predicted and drawn parameters `[K, 5]`. Chance level: parameters are drawn evenly from -1 to 1, whose variance is 1/3,
//! so predicting 0 costs 1/3 (times the share of the parameters that are drawn at all).

use candle_core::{Result, Tensor};

use crate::AffineConfig;

/// The loss, mean over pairs and parameters.
///
/// # Errors
/// When shapes do not fit.
pub fn loss(predicted: &Tensor, drawn: &Tensor) -> Result<Tensor> {
    (predicted - drawn)?.sqr()?.mean_all()
}

/// The loss of a head that always predicts the middle of the ranges.
pub fn chance(ranges: &AffineConfig) -> f64 {
    ranges.active_share() / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::testing::{check_gradients, random, scalar, values, var};
    use crate::warp::{PARAMETERS, Warp};
    use rand::SeedableRng;

    #[test]
    fn the_value_is_the_mean_square_and_gradients_are_difference_quotients() {
        let (predicted, drawn) = (var(1, &[3, 5]), random(2, &[3, 5]));
        let expected: f64 =
            values(&predicted).iter().zip(values(&drawn)).map(|(p, u)| (p - u) * (p - u)).sum::<f64>() / 15.0;
        assert!((scalar(&loss(&predicted, &drawn).expect("a loss")) - expected).abs() < 1e-14);
        check_gradients(&[&predicted], || loss(&predicted, &drawn));
    }

    #[test]
    fn predicting_nothing_costs_the_chance_level() {
        for ranges in [AffineConfig::default(), AffineConfig { shift: 0.0, ..AffineConfig::default() }] {
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
            let drawn: Vec<f64> =
                (0..4000).flat_map(|_| Warp::draw(&ranges, &mut rng).1.map(f64::from)).collect();
            let drawn =
                Tensor::from_vec(drawn, (4000, PARAMETERS), &candle_core::Device::Cpu).expect("drawn");
            let found = scalar(&loss(&drawn.zeros_like().expect("zeros"), &drawn).expect("a loss"));
            assert!((found - chance(&ranges)).abs() < 0.01, "{found} {}", chance(&ranges));
        }
    }
}
