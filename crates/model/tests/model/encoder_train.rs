//! Training: loss, gradients of every parameter and of the input, and running statistics of timm, in f64.

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Result, Tensor, Var};
use sonovox_model::{Encoder, EncoderConfig, Preset};
use sonovox_ops::{Mode, ParamStore, backward};

use crate::support::{difference, fill, filled, form, golden, name, timm_axes, values};

/// Dot products kept of every tensor, see `golden/encoder_train.py`.
const DOTS: usize = 4;
const TOLERANCE: f64 = 1e-9;

/// Loss, gradients and running statistics by timm's names.
fn run(encoder: &Encoder, store: &ParamStore, x: &Var) -> Result<(f64, BTreeMap<String, Tensor>)> {
    let features = encoder.forward(x, Mode::Train)?;
    let mut loss = weighted(&features.pooled, "pooled")?.sum_all()?;
    for (k, map) in features.stages.iter().enumerate() {
        loss = (loss + weighted(&timm_axes(map), &format!("stage{}", k + 1))?.mean_all()?)?;
    }
    let grads = backward(&loss)?;
    let gradient = |var: &Var| grads.get(var).expect("a gradient").clone();
    let mut found = BTreeMap::from([("input".to_string(), gradient(x))]);
    found.extend(store.params().into_iter().map(|(name, var)| (name, gradient(&var))));
    found.extend(store.buffers().into_iter().map(|(name, var)| (name, var.as_tensor().clone())));
    Ok((loss.to_scalar()?, found))
}

fn weighted(x: &Tensor, name: &str) -> Result<Tensor> {
    let probe = fill::uniform(&format!("probe.{name}")).take(x.elem_count()).collect();
    x * fill::tensor(probe, x.dims(), DType::F64)
}

fn check(preset: Preset, dilated: bool, dims: [usize; 4]) {
    check_with("encoder_train.safetensors", preset, dilated, dims);
}

/// One form of an encoder against a golden file.
pub fn check_with(file: &str, preset: Preset, dilated: bool, dims: [usize; 4]) {
    let golden = golden(file);
    let key = format!("{}.{}", name(preset), form(dilated));
    let config = EncoderConfig { preset, in_channels: dims[1], dilated };
    let (encoder, store) = filled(&config, DType::F64);
    let x = Var::from_tensor(&fill::image(dims, DType::F64)).expect("an input");
    let (loss, found) = run(&encoder, &store, &x).expect("a training step");
    let error = difference(&[loss], &values(&golden[&format!("{key}.loss")]));
    assert!(error < TOLERANCE, "{key}: the loss differs by {error:e}");
    match golden.get(&format!("{key}.summary")) {
        Some(rows) => check_summary(&key, &found, &rows.to_vec2().expect("rows")),
        None => check_values(&key, &found, &golden),
    }
}

fn check_values(key: &str, found: &BTreeMap<String, Tensor>, golden: &HashMap<String, Tensor>) {
    for (name, tensor) in found {
        let expected = &golden[&format!("{key}.{name}")];
        assert_eq!(tensor.dims(), expected.dims(), "{key}: {name}");
        let error = difference(&values(tensor), &values(expected));
        assert!(error < TOLERANCE, "{key}: {name} differs by {error:e}");
    }
}

fn check_summary(key: &str, found: &BTreeMap<String, Tensor>, rows: &[Vec<f64>]) {
    assert_eq!(found.len(), rows.len(), "{key}");
    for ((name, tensor), row) in found.iter().zip(rows) {
        let values = values(tensor);
        let dot = |j| fill::uniform(&format!("dot{j}.{name}")).zip(&values).map(|(u, v)| u * v).sum::<f64>();
        let norm = values.iter().map(|v| v * v).sum::<f64>().sqrt();
        // A dot product may be small by chance: the measure is the tensor's norm.
        for (found, expected) in [norm].into_iter().chain((0..DOTS).map(dot)).zip(row) {
            // a shift with nothing but a 1x1 convolution between it and a batch normalisation has no gradient (EfficientNet)
            let error = (found - expected).abs() / row[0].max(1e-3);
            assert!(error < TOLERANCE, "{key}: {name} differs by {error:e}");
        }
    }
}

#[test]
fn tiny() {
    check(Preset::Tiny, false, [3, 1, 33, 49]);
    check(Preset::Tiny, true, [3, 2, 33, 49]);
}

#[test]
fn small() {
    check(Preset::Small, false, [3, 1, 64, 80]);
}

#[test]
fn half_width() {
    check(Preset::Half, false, [2, 1, 65, 96]);
}

#[test]
fn full_width() {
    check(Preset::Full, false, [2, 3, 65, 96]);
}

#[test]
fn full_width_dilated() {
    check(Preset::Full, true, [2, 1, 48, 65]);
}
