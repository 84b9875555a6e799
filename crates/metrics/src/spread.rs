//! How far embeddings have spread out: the signs of collapse, where a loss falls while every input gets the same embedding
//! (or embeddings that differ in a few directions only).
//!
//! `embeddings` holds rows of `width` values everywhere here.

/// How spread out embeddings are: one minus the length of their mean over the mean of their lengths. 0: all point the
/// same way (collapsed); near 1: they point everywhere.
///
/// `embeddings` holds rows of `width` values. No rows, or rows of zeros only, give 0.
///
/// # Panics
/// When `embeddings` is no whole number of rows.
pub fn embedding_spread(embeddings: &[f32], width: usize) -> f64 {
    let rows = rows(embeddings, width);
    let lengths: f64 = rows.iter().map(|row| length(row)).sum();
    let sum = column_sums(&rows, width);
    if lengths > 0.0 { 1.0 - length(&sum) / lengths } else { 0.0 }
}

/// Mean cosine over all pairs of different rows, -1 to 1: 1 for a collapsed set, near 0 for one that is spread out.
/// Rows of zeros have cosine 0 to every other. Fewer than two rows give 0.
///
/// # Panics
/// When `embeddings` is no whole number of rows.
pub fn mean_pairwise_cosine(embeddings: &[f32], width: usize) -> f64 {
    let rows = rows(embeddings, width);
    let units: Vec<Vec<f64>> = rows
        .iter()
        .map(|row| {
            let length = length(row);
            row.iter().map(|value| if length > 0.0 { value / length } else { 0.0 }).collect()
        })
        .collect();
    if rows.len() < 2 {
        return 0.0;
    }
    // |sum of units|^2 holds every ordered pair and every row with itself
    let total = length(&column_sums(&units, width)).powi(2);
    let with_itself: f64 = units.iter().map(|unit| length(unit).powi(2)).sum();
    (total - with_itself) / (rows.len() * (rows.len() - 1)) as f64
}

/// Mean over the dimensions of the (population) standard deviation of the rows brought to length one; `1 / sqrt(width)` at
/// most for centred ones, 0 for a collapsed set (Chen and He 2021, "Exploring simple Siamese representation learning",
/// section 4.1, watch this figure). No rows give 0.
///
/// # Panics
/// When `embeddings` is no whole number of rows.
pub fn unit_std(embeddings: &[f32], width: usize) -> f64 {
    let mut rows = rows(embeddings, width);
    for row in &mut rows {
        let length = length(row).max(f64::MIN_POSITIVE);
        row.iter_mut().for_each(|value| *value /= length);
    }
    centre(&mut rows, width);
    let variance = |d: usize| rows.iter().map(|row| row[d] * row[d]).sum::<f64>() / rows.len().max(1) as f64;
    (0..width).map(|d| variance(d).sqrt()).sum::<f64>() / width as f64
}

/// Participation ratio of the rows' covariance `C`: `tr(C)^2 / tr(C^2)`, the number of directions that carry the variance: 1
/// where all lie on a line, up to `width` where all directions have the same. No variance at all gives 0.
///
/// Costs `rows * width^2`.
///
/// # Panics
/// When `embeddings` is no whole number of rows.
pub fn effective_rank(embeddings: &[f32], width: usize) -> f64 {
    let mut rows = rows(embeddings, width);
    centre(&mut rows, width);
    let (mut trace, mut trace_of_square) = (0.0, 0.0);
    for i in 0..width {
        for j in 0..=i {
            let covariance: f64 = rows.iter().map(|row| row[i] * row[j]).sum();
            trace_of_square += if i == j { 1.0 } else { 2.0 } * covariance * covariance;
            trace += if i == j { covariance } else { 0.0 };
        }
    }
    if trace_of_square > 0.0 { trace * trace / trace_of_square } else { 0.0 }
}

fn rows(embeddings: &[f32], width: usize) -> Vec<Vec<f64>> {
    assert!(
        width > 0 && embeddings.len().is_multiple_of(width),
        "{} values in rows of {width}",
        embeddings.len()
    );
    embeddings.chunks_exact(width).map(|row| row.iter().map(|&value| f64::from(value)).collect()).collect()
}

fn length(row: &[f64]) -> f64 {
    row.iter().map(|value| value * value).sum::<f64>().sqrt()
}

fn column_sums(rows: &[Vec<f64>], width: usize) -> Vec<f64> {
    (0..width).map(|d| rows.iter().map(|row| row[d]).sum()).collect()
}

/// Takes the mean row off every row; rows that are all equal become exactly zero.
fn centre(rows: &mut [Vec<f64>], width: usize) {
    let Some(first) = rows.first().cloned() else { return };
    // about the first row, so that equal rows leave no rounding behind
    rows.iter_mut().for_each(|row| row.iter_mut().zip(&first).for_each(|(value, first)| *value -= first));
    let sums = column_sums(rows, width);
    let count = rows.len() as f64;
    rows.iter_mut().for_each(|row| row.iter_mut().zip(&sums).for_each(|(value, sum)| *value -= sum / count));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_tells_collapse_from_all_directions() {
        assert!(embedding_spread(&[1.0, 0.0, 2.0, 0.0, 0.5, 0.0], 2).abs() < 1e-12);
        assert!((embedding_spread(&[1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 0.0, -1.0], 2) - 1.0).abs() < 1e-12);
        assert_eq!(embedding_spread(&[0.0; 6], 3), 0.0);
        assert_eq!(embedding_spread(&[], 3), 0.0);
    }

    /// Four rows along two axes, of any length.
    const CROSS: [f32; 8] = [2.0, 0.0, -3.0, 0.0, 0.0, 1.0, 0.0, -5.0];

    #[test]
    fn pairwise_cosine_is_that_of_the_pairs() {
        // six pairs: two opposite (-1), four at right angles (0)
        assert!((mean_pairwise_cosine(&CROSS, 2) + 2.0 / 6.0).abs() < 1e-12);
        assert!((mean_pairwise_cosine(&[1.0, 1.0, 2.0, 2.0, 0.1, 0.1], 2) - 1.0).abs() < 1e-12);
        assert!((mean_pairwise_cosine(&[1.0, 0.0, 1.0, 1.0], 2) - 0.5f64.sqrt()).abs() < 1e-12);
        assert_eq!(mean_pairwise_cosine(&[1.0, 2.0], 2), 0.0);
        assert_eq!(mean_pairwise_cosine(&[0.0; 8], 2), 0.0);
    }

    #[test]
    fn unit_std_is_that_of_unit_rows() {
        assert!((unit_std(&CROSS, 2) - 0.5f64.sqrt()).abs() < 1e-12);
        assert_eq!(unit_std(&[0.3; 12], 3), 0.0);
        assert_eq!(unit_std(&[], 3), 0.0);
        assert_eq!(unit_std(&[0.0; 6], 3), 0.0);
    }

    #[test]
    fn effective_rank_counts_directions() {
        assert!((effective_rank(&[1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 0.0, -1.0], 2) - 2.0).abs() < 1e-12);
        assert!((effective_rank(&[1.0, 2.0, 2.0, 4.0, -5.0, -10.0], 2) - 1.0).abs() < 1e-12);
        // variances 2 and 18 of a sum of 20
        assert!(
            (effective_rank(&[1.0, 0.0, -1.0, 0.0, 0.0, 3.0, 0.0, -3.0], 2) - 400.0 / 328.0).abs() < 1e-12
        );
        assert_eq!(effective_rank(&[0.7; 12], 3), 0.0);
        assert_eq!(effective_rank(&[], 3), 0.0);
    }
}
