use super::*;
use crate::testing::{check_gradients, message, random, to_vec, var};

fn distribution(seed: u64, b: usize, n: usize) -> Tensor {
    let t = random(seed, (b, n)).relu().unwrap();
    t.broadcast_div(&t.sum_keepdim(1).unwrap()).unwrap()
}

#[test]
fn the_value_is_the_definition_and_gradients_are_difference_quotients() {
    let (z, target) = (var(1, (3, 7)), distribution(2, 3, 7));
    let (zs, ts) = (to_vec(&z), to_vec(&target));
    let mut expected = 0.0;
    for (z, t) in zs.chunks(7).zip(ts.chunks(7)) {
        let total: f64 = z.iter().map(|z| z.exp()).sum();
        expected += t
            .iter()
            .zip(z)
            .filter(|(t, _)| **t > 0.0)
            .map(|(t, z)| t * (t / (z.exp() / total)).ln())
            .sum::<f64>();
    }
    let found = to_vec(&softmax_kl(&z, &target).unwrap())[0];
    assert!((found - expected / 3.0).abs() < 1e-14);
    check_gradients(&[&z], || softmax_kl(&z, &target));
    // a target whose sum is as far from 1 as it may be
    let rounded = (target * 1.0009).unwrap();
    check_gradients(&[&z], || softmax_kl(&z, &rounded));
}

#[test]
fn logits_equal_to_the_targets_logarithm_cost_nothing() {
    let target = random(1, (2, 9)).exp().unwrap();
    let target = target.broadcast_div(&target.sum_keepdim(1).unwrap()).unwrap();
    let shifted = (target.log().unwrap() + 300.0).unwrap();
    assert!(to_vec(&softmax_kl(&shifted, &target).unwrap())[0].abs() < 1e-12);
}

#[test]
fn a_target_that_is_no_distribution_is_refused() {
    let z = random(1, (2, 3));
    let target = |v: [f64; 6]| Tensor::from_slice(&v, (2, 3), z.device()).unwrap();
    assert!(message(softmax_kl(&z, &target([0.5, 0.5, 0.0, 1.0, 1.0, 0.0]))).contains("sum 2 in row 1"));
    assert!(message(softmax_kl(&z, &target([0.5, 0.5, 0.0, 1.5, -0.5, 0.0]))).contains("row 1"));
    assert!(message(softmax_kl(&z, &target([f64::NAN; 6]))).contains("row 0"));
    assert!(message(softmax_kl(&z, &random(1, (3, 2)))).contains("[3, 2]"));
}
