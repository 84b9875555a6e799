//! The heads against PyTorch, and what their forms promise.

use std::collections::BTreeMap;

use candle_core::{DType, Result, Tensor};
use sonovox_model::{
    Fusion, FusionConfig, GazeHead, GazeHeadConfig, OrderHead, OrderHeadConfig, PlaneHead, PlaneHeadConfig,
    Projection, ProjectionConfig,
};
use sonovox_ops::{Mode, ParamStore, Scope};

use crate::support::{device, difference, fill, golden, values};

/// Sizes of `golden/heads.py`.
const WIDTH: usize = 6;
const EMBEDDING: usize = 4;
const HIDDEN: usize = 5;
const PLANES: usize = 3;

/// A head with the formula's weights.
fn made<T>(new: impl FnOnce(&Scope) -> Result<T>) -> T {
    let store = ParamStore::new(1, DType::F64, device());
    let head = new(&store.scope()).expect("a head");
    let tensors: BTreeMap<String, Tensor> = store
        .to_tensors()
        .into_iter()
        .map(|(name, t)| (name.clone(), fill::tensor(fill::parameter(&name, t.dims()), t.dims(), DType::F64)))
        .collect();
    store.set_strict(&tensors, "formula").expect("the formula fits");
    head
}

fn uniform(name: &str, dims: &[usize]) -> Tensor {
    fill::tensor(fill::uniform(name).take(dims.iter().product()).collect(), dims, DType::F64)
}

fn map() -> Tensor {
    let map = fill::image([2, WIDTH, 5, 8], DType::F64);
    map.permute((0, 2, 3, 1)).and_then(|map| map.contiguous()).expect("a map")
}

fn assert_golden(found: &Result<Tensor>, name: &str) {
    let found = found.as_ref().expect("a result");
    let expected = &golden("heads.safetensors")[name];
    assert_eq!(found.dims(), expected.dims(), "{name}");
    let error = difference(&values(found), &values(expected));
    assert!(error < 1e-12, "{name} differs by {error:e}");
}

fn fusion(linear: bool) -> Fusion {
    made(|scope| Fusion::new(&FusionConfig { linear, hidden: None }, EMBEDDING, scope))
}

#[test]
fn of_vectors_give_pytorchs_values() {
    let config = ProjectionConfig { hidden: None, embedding: EMBEDDING, batch_norm: false };
    let projection = made(|scope| Projection::new(&config, WIDTH, scope));
    assert_golden(&projection.forward(&uniform("features", &[2, WIDTH]), Mode::Eval), "projection");
    let config = ProjectionConfig { batch_norm: true, ..config };
    let projection = made(|scope| Projection::new(&config, WIDTH, scope));
    let features = uniform("normalised", &[5, WIDTH]);
    assert_golden(&projection.forward(&features, Mode::Eval), "projection.norm.eval");
    assert_golden(&projection.forward(&features, Mode::Train), "projection.norm.train");
    let (video, speech) = (uniform("z_video", &[3, EMBEDDING]), uniform("z_speech", &[3, EMBEDDING]));
    assert_golden(&fusion(false).forward(&video, &speech), "fusion");
    assert_golden(&fusion(true).forward(&video, &speech), "fusion.linear");
    let order = made(|scope| OrderHead::new(&OrderHeadConfig { hidden: HIDDEN }, WIDTH, scope));
    assert_golden(&order.forward(&uniform("frames", &[2, 4, WIDTH])), "order");
}

#[test]
fn of_maps_give_pytorchs_values() {
    let plane = |batch_norm| {
        made(|scope| PlaneHead::new(&PlaneHeadConfig { hidden: HIDDEN, batch_norm }, WIDTH, PLANES, scope))
    };
    assert_golden(&plane(false).forward(&map(), Mode::Eval), "plane.bias");
    assert_golden(&plane(true).forward(&map(), Mode::Eval), "plane.norm.eval");
    assert_golden(&plane(true).forward(&map(), Mode::Train), "plane.norm.train");
    let gaze = |batch_norm| {
        made(|scope| GazeHead::new(&GazeHeadConfig { hidden: HIDDEN, batch_norm }, WIDTH, scope))
    };
    assert_golden(&gaze(false).forward(&map(), Mode::Eval), "gaze.bias");
    assert_golden(&gaze(true).forward(&map(), Mode::Eval), "gaze.norm.eval");
    assert_golden(&gaze(true).forward(&map(), Mode::Train), "gaze.norm.train");
}

/// Why the default fusion has a hidden layer: with one linear layer, exchanging the speech changes the logits by the
/// same amount whatever the frame.
#[test]
fn linear_fusion_cannot_see_whether_a_pair_fits() -> Result<()> {
    let (video, speech) = (uniform("z_video", &[2, EMBEDDING]), uniform("z_speech", &[2, EMBEDDING]));
    let twice = |row: &Tensor| row.narrow(0, 0, 1)?.broadcast_as((2, EMBEDDING))?.contiguous();
    let (speech, other) = (twice(&speech)?, twice(&speech.narrow(0, 1, 1)?)?);
    let interaction = |linear| -> Result<f64> {
        let fusion = fusion(linear);
        let change = (fusion.forward(&video, &speech)? - fusion.forward(&video, &other)?)?;
        Ok(values(&(change.get(0)? - change.get(1)?)?)[0].abs())
    };
    assert!(interaction(true)? < 1e-12);
    assert!(interaction(false)? > 1e-2);
    Ok(())
}

#[test]
fn plane_logits_are_the_means_of_the_class_maps() -> Result<()> {
    let head = made(|scope| PlaneHead::new(&PlaneHeadConfig::default(), WIDTH, PLANES, scope));
    let maps = head.class_maps(&map(), Mode::Eval)?;
    assert_eq!(maps.dims(), [2, 5, 8, PLANES]);
    let logits = head.forward(&map(), Mode::Eval)?;
    assert!(difference(&values(&maps.mean((1, 2))?), &values(&logits)) < 1e-12);
    Ok(())
}
