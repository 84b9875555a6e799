//! Area under the curve after Judd, Ehinger, Durand and Torralba, "Learning to predict where humans look", ICCV 2009.

use super::{assert_on_map, finite};

/// AUC-Judd: the map as a classifier of fixated against unfixated cells. The curve has a point for each fixation's value as
/// the threshold (hits: fixations with at least that value; false alarms: unfixated cells with at least that value) and
/// straight lines between. 0.5 for a flat map, without fixations and where every cell is fixated; higher is better.
///
/// The MIT benchmark's code breaks ties by adding random jitter; here ties get what the straight line gives them (as
/// pysaliency's `AUC_Judd(jitter=False)`), which needs no chance.
///
/// Judd's curve flatters maps where there are few fixations: a map that has nothing to do with them scores
/// `0.5 + 0.5 / (n + 1)` on average with `n` fixations on cells of different value (.75 with one, .625 with three). Compare
/// maps with each other, on the same fixations, and not with 0.5.
///
/// # Panics
/// When a fixation lies outside of the map.
pub fn auc_judd(prediction: &[f32], fixations: &[usize]) -> f64 {
    assert_on_map(fixations, prediction.len());
    let map = finite(prediction);
    let mut is_fixated = vec![false; map.len()];
    fixations.iter().for_each(|&cell| is_fixated[cell] = true);
    let hits = descending(fixations.iter().map(|&cell| map[cell]));
    let others =
        descending(map.iter().zip(&is_fixated).filter(|(_, fixated)| !**fixated).map(|(value, _)| *value));
    if hits.is_empty() || others.is_empty() {
        return 0.5;
    }
    let (mut area, mut hit_rate, mut alarm_rate) = (0.0, 0.0, 0.0);
    let mut line_to = |hit: f64, alarm: f64| {
        area += (alarm - alarm_rate) * (hit + hit_rate) / 2.0;
        (hit_rate, alarm_rate) = (hit, alarm);
    };
    for &threshold in &hits {
        line_to(share_from(&hits, threshold), share_from(&others, threshold));
    }
    line_to(1.0, 1.0);
    area
}

fn descending(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(|a, b| b.total_cmp(a));
    values
}

/// Share of `descending` values that are at least `threshold`.
fn share_from(descending: &[f64], threshold: f64) -> f64 {
    descending.partition_point(|&value| value >= threshold) as f64 / descending.len() as f64
}
