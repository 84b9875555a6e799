//! Does a score tell two groups apart?

/// Area under the receiver operating characteristic: the chance that a positive scores higher than a negative, ties as
/// half (the Mann-Whitney statistic over the number of pairs). Chance level: one half. A score that is not a number is below
/// all others. `None` where either group is empty.
pub fn binary_auc(positives: &[f32], negatives: &[f32]) -> Option<f64> {
    if positives.is_empty() || negatives.is_empty() {
        return None;
    }
    let order = |score: &f32| if score.is_nan() { f32::NEG_INFINITY } else { *score };
    let mut sorted: Vec<f32> = negatives.iter().map(order).collect();
    sorted.sort_by(f32::total_cmp);
    let wins = |score: &f32| {
        let score = order(score);
        let below = sorted.partition_point(|&other| other < score);
        let not_above = sorted.partition_point(|&other| other <= score);
        (below + not_above) as f64 / 2.0
    };
    let sum: f64 = positives.iter().map(wins).sum();
    Some(sum / (positives.len() * negatives.len()) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_share_of_pairs_in_order() {
        let (positives, negatives) = ([0.9, 0.4, 0.4, 0.0], [0.4, 0.1, -1.0]);
        let mut sum = 0.0;
        for positive in positives {
            for negative in negatives {
                sum +=
                    if positive > negative { 1.0 } else { f64::from(u8::from(positive == negative)) / 2.0 };
            }
        }
        assert!((binary_auc(&positives, &negatives).expect("both") - sum / 12.0).abs() < 1e-12);
        assert_eq!(binary_auc(&[1.0], &[0.0]), Some(1.0));
        assert_eq!(binary_auc(&[0.3; 5], &[0.3; 7]), Some(0.5));
        assert_eq!(binary_auc(&[f32::NAN], &[0.0, 1.0]), Some(0.0));
        assert_eq!(binary_auc(&[], &[0.0]), None);
    }
}
