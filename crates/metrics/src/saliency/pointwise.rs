//! NSS and CC: maps are standardised to zero mean and unit variance.

use super::{assert_on_map, assert_same_cells, finite};

/// Normalised scanpath saliency: mean over the fixations of the standardised map's value there. 0 is chance, higher is
/// better. 0 for a flat map and without fixations.
///
/// # Panics
/// When a fixation lies outside of the map.
pub fn nss(prediction: &[f32], fixations: &[usize]) -> f64 {
    assert_on_map(fixations, prediction.len());
    let map = standardised(prediction);
    fixations.iter().map(|&cell| map[cell]).sum::<f64>() / fixations.len().max(1) as f64
}

/// Pearson's correlation of both maps, -1 to 1, higher is better. 0 where either is flat.
///
/// # Panics
/// When the maps have not the same cells.
pub fn cc(target: &[f32], prediction: &[f32]) -> f64 {
    assert_same_cells(target, prediction);
    let (q, p) = (standardised(target), standardised(prediction));
    let products: f64 = q.iter().zip(&p).map(|(q, p)| q * p).sum();
    (products / q.len().max(1) as f64).clamp(-1.0, 1.0)
}

/// Zero mean, unit (population) variance; all zeros for a flat map.
///
/// A flat map's mean is exactly its value, and its deviations are exactly zero: sums of equal f32 values are exact in f64.
fn standardised(map: &[f32]) -> Vec<f64> {
    let map = finite(map);
    let count = map.len() as f64;
    let mean = map.iter().sum::<f64>() / count;
    let variance = map.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    let scale = variance.sqrt().max(f64::MIN_POSITIVE);
    map.iter().map(|value| (value - mean) / scale).collect()
}
