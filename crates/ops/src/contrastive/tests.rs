use super::*;
use crate::testing::{check_gradients, message, random, to_vec, var};

/// Eq. 2 with exponentials as written, for pairs whose margin is above the smallest.
fn slow(v: &Tensor, s: &Tensor, hard: &Tensor) -> f64 {
    let (b, d) = v.dims2().unwrap();
    let rows = |t: &Tensor| to_vec(t).chunks(d).map(<[f64]>::to_vec).collect::<Vec<_>>();
    let (v, s, hard) = (rows(v), rows(s), rows(hard));
    let sim = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut total = 0.0;
    for i in 0..b {
        let top = sim(&v[i], &s[i]).exp() - sim(&v[i], &hard[i]).exp();
        let others = v.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, v)| v).chain(&s).chain(&hard);
        total -= (top / others.map(|k| sim(&v[i], k).exp()).sum::<f64>()).ln();
    }
    total / b as f64
}

#[test]
fn the_value_is_eq_2_where_the_hard_negative_scores_lower() {
    let (v, s) = (random(1, (4, 6)), random(1, (4, 6)));
    let hard = (&s * 0.3).unwrap();
    let (loss, clamped) = paper_contrastive(&v, &s, &hard, 1e-3).unwrap();
    assert_eq!(clamped, 0);
    assert!((to_vec(&loss)[0] - slow(&v, &s, &hard)).abs() < 1e-13);
}

#[test]
fn gradients_are_difference_quotients_with_and_without_clamping() {
    let (v, s, hard) = (var(1, (5, 6)), var(2, (5, 6)), var(3, (5, 6)));
    let (_, clamped) = paper_contrastive(&v, &s, &hard, 0.05).unwrap();
    assert!(clamped > 0 && clamped < 5, "the test needs both kinds of pairs, found {clamped} clamped");
    check_gradients(&[&v, &s, &hard], || Ok(paper_contrastive(&v, &s, &hard, 0.05)?.0));
}

#[test]
fn unbounded_similarities_stay_finite() {
    let v = (random(1, (3, 4)).to_dtype(candle_core::DType::F32).unwrap() * 1e3).unwrap();
    let (loss, _) = paper_contrastive(&v, &v, &v.neg().unwrap(), 1e-3).unwrap();
    assert!(to_vec(&loss)[0].is_finite());
    let (loss, clamped) = paper_contrastive(&v, &v, &v, 1e-3).unwrap();
    assert!(to_vec(&loss)[0].is_finite() && clamped == 3);
}

#[test]
fn shapes_and_margins_that_do_not_fit_are_named() {
    let z = random(1, (3, 4));
    assert!(message(paper_contrastive(&z, &z, &random(1, (3, 5)), 0.1)).contains("[3, 5]"));
    assert!(message(paper_contrastive(&z, &z, &z, 0.0)).contains("above 0"));
}
