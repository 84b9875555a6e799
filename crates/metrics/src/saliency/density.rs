//! KL divergence and similarity: both maps are taken as densities.

use super::{assert_same_cells, finite};

/// Keeps logarithm and quotient finite: MATLAB's `eps` in the MIT benchmark's code.
const EPSILON: f64 = 2.2204e-16;

/// Kullback-Leibler divergence from `target` (Q) to `prediction` (P), in nats: `sum Q ln(eps + Q / (P + eps))`. 0 where
/// they are equal, lower is better; about 36 at most.
///
/// # Panics
/// When the maps have not the same cells.
pub fn kl(target: &[f32], prediction: &[f32]) -> f64 {
    assert_same_cells(target, prediction);
    let (q, p) = (density(target), density(prediction));
    q.iter().zip(&p).map(|(q, p)| q * (EPSILON + q / (p + EPSILON)).ln()).sum()
}

/// Similarity, or histogram intersection: `sum min(P, Q)`, 0 to 1, higher is better.
///
/// # Panics
/// When the maps have not the same cells.
pub fn sim(target: &[f32], prediction: &[f32]) -> f64 {
    assert_same_cells(target, prediction);
    density(target).iter().zip(&density(prediction)).map(|(q, p)| q.min(*p)).sum()
}

/// The map with sum 1; uniform where it has no mass.
fn density(map: &[f32]) -> Vec<f64> {
    let mut map = finite(map);
    let least = map.iter().copied().fold(0.0, f64::min);
    map.iter_mut().for_each(|value| *value -= least);
    let sum: f64 = map.iter().sum();
    let uniform = 1.0 / map.len() as f64;
    map.iter_mut().for_each(|value| *value = if sum > 0.0 { *value / sum } else { uniform });
    map
}
