//! The heads of the methods that ours is compared with, against what their formulas say.

use std::collections::BTreeMap;

use candle_core::{DType, Result, Tensor};
use sonovox_model::{
    AffineHead, AffineHeadConfig, CoAttention, CoAttentionConfig, TemporalGraph, TemporalGraphConfig,
};
use sonovox_ops::{ParamStore, Scope};

use crate::support::{device, difference, fill, values};

const CHANNELS: usize = 3;
const WIDTH: usize = 4;

/// A head with the formula's weights.
fn made<T>(new: impl FnOnce(&Scope) -> Result<T>) -> (T, BTreeMap<String, Tensor>) {
    let store = ParamStore::new(1, DType::F64, device());
    let head = new(&store.scope()).expect("a head");
    let tensors: BTreeMap<String, Tensor> = store
        .to_tensors()
        .into_iter()
        .map(|(name, t)| (name.clone(), fill::tensor(fill::parameter(&name, t.dims()), t.dims(), DType::F64)))
        .collect();
    store.set_strict(&tensors, "formula").expect("the formula fits");
    (head, tensors)
}

fn uniform(name: &str, dims: &[usize]) -> Tensor {
    fill::tensor(fill::uniform(name).take(dims.iter().product()).collect(), dims, DType::F64)
}

/// `W x + b` by loops.
fn dense(weights: &BTreeMap<String, Tensor>, layer: &str, x: &[f64]) -> Vec<f64> {
    let weight = values(&weights[&format!("{layer}.weight")]);
    let bias = weights.get(&format!("{layer}.bias")).map(values);
    let row = |(out, row): (usize, &[f64])| {
        row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + bias.as_ref().map_or(0.0, |bias| bias[out])
    };
    weight.chunks(x.len()).enumerate().map(row).collect()
}

fn relu(x: Vec<f64>) -> Vec<f64> {
    x.into_iter().map(|value| value.max(0.0)).collect()
}

/// Weights over `to` and what `from` gets, token by token.
fn attend(
    weights: &BTreeMap<String, Tensor>,
    (asking, from): (&str, &[Vec<f64>]),
    (answering, to): (&str, &[Vec<f64>]),
) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let of = |token: &Vec<f64>| {
        let query = dense(weights, &format!("{asking}.query"), token);
        let score = |other: &Vec<f64>| {
            let key = dense(weights, &format!("{answering}.key"), other);
            (query.iter().zip(&key).map(|(q, k)| q * k).sum::<f64>() / (WIDTH as f64).sqrt()).exp()
        };
        let scores: Vec<f64> = to.iter().map(score).collect();
        let total: f64 = scores.iter().sum();
        let shares: Vec<f64> = scores.iter().map(|score| score / total).collect();
        let mut got = vec![0.0; WIDTH];
        for (share, other) in shares.iter().zip(to) {
            let value = dense(weights, &format!("{answering}.value"), other);
            got.iter_mut().zip(value).for_each(|(sum, value)| *sum += share * value);
        }
        (shares, got)
    };
    from.iter().map(of).unzip()
}

#[test]
fn co_attention_is_its_formula_and_its_heat_map_the_speechs_weights() -> Result<()> {
    let (head, weights) =
        made(|scope| CoAttention::new(&CoAttentionConfig { width: WIDTH }, CHANNELS, scope));
    // two frames of 2 x 3 places; two windows to a frame, 2 bands by 2 columns
    let (video, speech) = (uniform("video", &[2, 2, 3, CHANNELS]), uniform("speech", &[4, 2, 2, CHANNELS]));
    let (found, heat) = (values(&head.forward(&video, &speech)?), values(&head.heat_map(&video, &speech)?));
    let columns = values(&speech.mean(1)?);
    for pair in 0..2 {
        let tokens = |stream: &str, flat: &[f64]| -> Vec<Vec<f64>> {
            let token = |x: &[f64]| relu(dense(&weights, &format!("{stream}.token"), x));
            flat.chunks(CHANNELS).map(token).collect()
        };
        let seen = tokens("video", &values(&video)[18 * pair..18 * (pair + 1)]);
        let heard = tokens("speech", &columns[12 * pair..12 * (pair + 1)]);
        let (_, looked) = attend(&weights, ("video", &seen), ("speech", &heard));
        let (shares, listened) = attend(&weights, ("speech", &heard), ("video", &seen));
        let pooled = |own: &[Vec<f64>], got: &[Vec<f64>]| -> Vec<f64> {
            let sum = |d: usize| own.iter().zip(got).map(|(a, b)| a[d] + b[d]).sum::<f64>();
            (0..WIDTH).map(|d| sum(d) / own.len() as f64).collect()
        };
        let both = [pooled(&seen, &looked), pooled(&heard, &listened)].concat();
        let logit = dense(&weights, "fc2", &relu(dense(&weights, "fc1", &both)))[0];
        assert!((found[pair] - logit).abs() < 1e-12, "{} {logit}", found[pair]);
        let map = &heat[6 * pair..6 * (pair + 1)];
        assert!((map.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let mean = |place: usize| shares.iter().map(|row| row[place]).sum::<f64>() / shares.len() as f64;
        assert!((0..6).all(|place| (map[place] - mean(place)).abs() < 1e-12), "{map:?}");
    }
    assert!(
        head.forward(&video, &uniform("odd", &[3, 2, 2, CHANNELS])).is_err(),
        "no whole number of windows"
    );
    Ok(())
}

#[test]
fn nodes_of_a_graph_without_edges_know_themselves_only() -> Result<()> {
    let (head, weights) =
        made(|scope| TemporalGraph::new(&TemporalGraphConfig { width: WIDTH }, CHANNELS, scope));
    let features = uniform("frames", &[24, CHANNELS]);
    let eye = |count: usize, nodes: usize| -> Result<Tensor> {
        Tensor::eye(nodes, DType::F64, device())?.unsqueeze(0)?.repeat((count, 1, 1))
    };
    let nodes = head.nodes(&features, &eye(6, 4)?, &eye(2, 3)?)?;
    let of = |x: &[f64]| relu(dense(&weights, "intra", x));
    let intra: Vec<f64> = values(&features).chunks(CHANNELS).flat_map(of).collect();
    assert!(difference(&values(&nodes.intra), &intra) < 1e-12);
    let snippet = |frames: &[f64]| {
        let mean: Vec<f64> =
            (0..WIDTH).map(|d| frames.iter().skip(d).step_by(WIDTH).sum::<f64>() / 4.0).collect();
        relu(dense(&weights, "inter", &mean))
    };
    let inter: Vec<f64> = intra.chunks(4 * WIDTH).flat_map(snippet).collect();
    assert!(difference(&values(&nodes.inter), &inter) < 1e-12);
    assert_eq!(head.order(&nodes.inter)?.dims(), [2, 6]);
    assert!(head.nodes(&uniform("odd", &[23, CHANNELS]), &eye(6, 4)?, &eye(2, 3)?).is_err());
    Ok(())
}

#[test]
fn the_affine_head_sees_both_frames() -> Result<()> {
    let (head, weights) = made(|scope| AffineHead::new(&AffineHeadConfig { hidden: WIDTH }, CHANNELS, scope));
    let (frame, copy) = (uniform("frame", &[1, CHANNELS]), uniform("copy", &[1, CHANNELS]));
    let both = [values(&frame), values(&copy)].concat();
    let expected = dense(&weights, "fc2", &relu(dense(&weights, "fc1", &both)));
    assert!(difference(&values(&head.forward(&frame, &copy)?), &expected) < 1e-12);
    assert!(head.forward(&frame, &uniform("copies", &[2, CHANNELS])).is_err());
    Ok(())
}
