//! Cross-modal retrieval: does a query find its partner among all candidates?
//!
//! `similarity` is a square matrix of `count` queries (rows) by `count` candidates (columns), row after row, higher
//! meaning more alike; query i belongs to candidate i. A candidate that ties with the partner counts as half before
//! it, so that embeddings which are all equal score at chance and not at 1. A similarity that is not a number is
//! never alike. The other direction (candidates as queries) is the transposed matrix.

/// Share of queries whose partner is among the `k` most similar candidates, 0 to 1; a tie at the border counts by the
/// chance of falling inside. Chance level: `k / count`.
///
/// # Panics
/// When `similarity` has not `count * count` values or `count` is 0.
pub fn recall_at_k(similarity: &[f32], count: usize, k: usize) -> f64 {
    mean_over_queries(similarity, count, |before, tied| {
        let places = (k as f64 - before as f64).clamp(0.0, (tied + 1) as f64);
        places / (tied + 1) as f64
    })
}

/// Mean share of other candidates that rank behind the partner: the area under the curve of true against false
/// partners, query by query. Chance level: one half.
///
/// # Panics
/// As [`recall_at_k`]; also when `count` is below 2.
pub fn retrieval_auc(similarity: &[f32], count: usize) -> f64 {
    assert!(count >= 2, "no other candidate to compare with");
    mean_over_queries(similarity, count, |before, tied| {
        1.0 - (before as f64 + 0.5 * tied as f64) / (count - 1) as f64
    })
}

fn mean_over_queries(similarity: &[f32], count: usize, score: impl Fn(usize, usize) -> f64) -> f64 {
    assert!(
        count > 0 && similarity.len() == count * count,
        "{} similarities of {count} pairs",
        similarity.len()
    );
    let of_query = |(query, row): (usize, &[f32])| {
        let own = row[query];
        let others =
            || row.iter().enumerate().filter(move |(candidate, _)| *candidate != query).map(|(_, s)| *s);
        if own.is_nan() {
            return score(count - 1, 0);
        }
        let before = others().filter(|&other| other > own).count();
        let tied = others().filter(|&other| other == own).count();
        score(before, tied)
    };
    similarity.chunks_exact(count).enumerate().map(of_query).sum::<f64>() / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partner_is_ranked_among_all() {
        // ranks of the partner: 1, 2, 3
        let similarity = [0.9, 0.1, 0.2, 0.8, 0.5, 0.1, 0.7, 0.6, 0.0];
        assert!((recall_at_k(&similarity, 3, 1) - 1.0 / 3.0).abs() < 1e-12);
        assert!((recall_at_k(&similarity, 3, 2) - 2.0 / 3.0).abs() < 1e-12);
        assert!((recall_at_k(&similarity, 3, 3) - 1.0).abs() < 1e-12);
        assert!((retrieval_auc(&similarity, 3) - (1.0 + 0.5 + 0.0) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn equal_embeddings_score_at_chance() {
        let same = [0.3; 25];
        for k in 1..=5 {
            assert!((recall_at_k(&same, 5, k) - k as f64 / 5.0).abs() < 1e-12, "k {k}");
        }
        assert!((retrieval_auc(&same, 5) - 0.5).abs() < 1e-12);
        assert_eq!(recall_at_k(&[f32::NAN; 25], 5, 1), 0.0);
    }
}
