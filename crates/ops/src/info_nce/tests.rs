use candle_core::{DType, Device, Var};

use super::*;
use crate::testing::{check_gradients, message, random, to_vec, var};

fn temperature(inverse: f64) -> Var {
    Var::new(inverse.ln(), &Device::Cpu).unwrap()
}

/// The definition, one term after the other.
fn slow(v: &Tensor, s: &Tensor, hard: Option<&Tensor>, scale: f64) -> f64 {
    let (b, d) = v.dims2().unwrap();
    let rows = |t: &Tensor| to_vec(t).chunks(d).map(<[f64]>::to_vec).collect::<Vec<_>>();
    let cosine = |a: &[f64], b: &[f64]| {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    };
    let (v, s, hard) = (rows(v), rows(s), hard.map(rows).unwrap_or_default());
    let h = hard.len() / b;
    let term = |positive: f64, all: Vec<f64>| {
        -(positive * scale).exp().ln() + all.iter().map(|z| (z * scale).exp()).sum::<f64>().ln()
    };
    let mut total = 0.0;
    for i in 0..b {
        let mut all: Vec<f64> = s.iter().map(|s| cosine(&v[i], s)).collect();
        all.extend((0..h).map(|k| cosine(&v[i], &hard[i * h + k])));
        total += term(cosine(&v[i], &s[i]), all);
        total += term(cosine(&v[i], &s[i]), v.iter().map(|v| cosine(v, &s[i])).collect());
    }
    total / (2 * b) as f64
}

#[test]
fn the_value_is_the_definition_and_gradients_are_difference_quotients() {
    let (v, s, hard, t) = (var(1, (5, 8)), var(2, (5, 8)), var(3, (5, 2, 8)), temperature(10.0));
    let value = |hard| to_vec(&info_nce(&v, &s, hard, &t).unwrap())[0];
    assert!((value(None) - slow(&v, &s, None, 10.0)).abs() < 1e-12);
    assert!((value(Some(&hard)) - slow(&v, &s, Some(&hard), 10.0)).abs() < 1e-12);
    check_gradients(&[&v, &s, &t], || info_nce(&v, &s, None, &t));
    check_gradients(&[&v, &s, &t, &hard], || info_nce(&v, &s, Some(&hard), &t));
}

#[test]
fn equal_embeddings_are_at_chance() {
    let z = random(1, (1, 4)).broadcast_as((7, 4)).unwrap().contiguous().unwrap();
    let found = to_vec(&info_nce(&z, &z, None, &temperature(14.3)).unwrap())[0];
    assert!((found - 7f64.ln()).abs() < 1e-12);
}

#[test]
fn the_order_of_pairs_does_not_matter_nor_which_view_is_which() {
    let (v, s, t) = (random(1, (4, 6)), random(2, (4, 6)), temperature(5.0));
    let order = Tensor::new(&[2u32, 0, 3, 1], v.device()).unwrap();
    let value = |v: &Tensor, s: &Tensor| to_vec(&info_nce(v, s, None, &t).unwrap())[0];
    let expected = value(&v, &s);
    let shuffled = value(&v.index_select(&order, 0).unwrap(), &s.index_select(&order, 0).unwrap());
    assert!((shuffled - expected).abs() < 1e-14 && (value(&s, &v) - expected).abs() < 1e-14);
    assert!((value(&(v.clone() * 3.0).unwrap(), &s) - expected).abs() < 1e-14);
}

#[test]
fn a_zero_embedding_gives_a_number() {
    let z = Tensor::zeros((3, 4), DType::F64, &Device::Cpu).unwrap();
    assert!((to_vec(&info_nce(&z, &z, None, &temperature(5.0)).unwrap())[0] - 3f64.ln()).abs() < 1e-12);
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let t = temperature(1.0);
    let error = message(info_nce(&random(1, (4, 6)), &random(1, (5, 6)), None, &t));
    assert!(error.contains("info_nce") && error.contains("[4, 6]") && error.contains("[5, 6]"), "{error}");
    let error = message(info_nce(&random(1, (4, 6)), &random(1, (4, 6)), Some(&random(1, (4, 1, 5))), &t));
    assert!(error.contains("[4, 1, 5]"), "{error}");
}
