//! How well a saliency map predicts where somebody looked: the metrics of Bylinskii, Judd, Oliva, Torralba and Durand, "What
//! do different evaluation metrics tell us about saliency models?", TPAMI 2019 (arXiv 1604.03605, 2018), in the details
//! (regularisation, ties) as pysaliency 0.2.22 has them.
//!
//! A map is a slice of cells, row after row; targets are maps, fixations are cell indices (an index that occurs twice counts
//! twice). KL, CC and SIM hold a prediction against a target map, NSS and AUC against fixations. [`kl`] and [`sim`] bring
//! both maps to sum 1 (after raising a map with negative values by its least one); a map without any mass counts as
//! uniform. A cell that is not a number counts as 0.
//!
//! | | flat prediction | no fixations | every cell fixated |
//! |---|---|---|---|
//! | KL, SIM | as any other | target counts as uniform | as any other |
//! | CC | 0 (flat target too) | 0 | 0 where the target is flat |
//! | NSS | 0 | 0 | 0 |
//! | AUC-Judd | 0.5 | 0.5 | 0.5 |

mod auc;
mod density;
mod pointwise;

pub use auc::auc_judd;
pub use density::{kl, sim};
pub use pointwise::{cc, nss};

/// A map in f64, what is not a number as 0.
fn finite(map: &[f32]) -> Vec<f64> {
    map.iter().map(|&value| if value.is_finite() { f64::from(value) } else { 0.0 }).collect()
}

/// Checks that two maps have the same cells.
fn assert_same_cells(target: &[f32], prediction: &[f32]) {
    assert_eq!(target.len(), prediction.len(), "cells of the target and of the prediction");
}

/// Checks that fixations lie on the map.
fn assert_on_map(fixations: &[usize], cells: usize) {
    if let Some(outside) = fixations.iter().find(|&&cell| cell >= cells) {
        panic!("fixation at cell {outside} of a map of {cells} cells");
    }
}
