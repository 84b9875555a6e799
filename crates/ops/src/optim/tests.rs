use candle_core::{DType, Device};

use super::*;
use crate::testing::{message, random, to_vec};
use crate::{Init, ParamStore, backward};

fn store() -> ParamStore {
    let store = ParamStore::new(1, DType::F64, &Device::Cpu);
    store.scope().param("fc.weight", (3, 2), Init::Normal { std: 1.0 }).unwrap();
    store.scope().param("fc.bias", 3, Init::Normal { std: 1.0 }).unwrap();
    store
}

/// A loss with the gradient `weights * p`.
fn grads(store: &ParamStore, seed: u64) -> GradStore {
    let mut loss = Tensor::zeros((), DType::F64, &Device::Cpu).unwrap();
    for (_, p) in store.params() {
        let term = (p.sqr().unwrap() * random(seed, p.shape())).unwrap().sum_all().unwrap();
        loss = (loss + (term * 0.5).unwrap()).unwrap();
    }
    backward(&loss).unwrap()
}

fn all(store: &ParamStore) -> Vec<f64> {
    store.params().iter().flat_map(|(_, p)| to_vec(p)).collect()
}

fn all_grads(store: &ParamStore, grads: &GradStore) -> Vec<f64> {
    store.params().iter().flat_map(|(_, p)| to_vec(grads.get(p).unwrap())).collect()
}

#[test]
fn sgd_is_the_formula() {
    let store = store();
    let config = SgdConfig { momentum: 0.9, weight_decay: 0.1, decay_on: DecayOn::All };
    let mut sgd = Sgd::new(store.params(), config).unwrap();
    let (mut p, mut u) = (all(&store), vec![0.0; 9]);
    for step in 0..3 {
        let grads = grads(&store, step);
        for ((p, u), g) in p.iter_mut().zip(&mut u).zip(all_grads(&store, &grads)) {
            *u = 0.9 * *u + (0.5 * g + 0.1 * *p);
            *p -= 0.01 * *u;
        }
        sgd.step(&grads, 0.01, 0.5).unwrap();
    }
    assert_eq!(all(&store), p);
}

#[test]
fn adamw_is_the_formula_and_spares_biases() {
    let store = store();
    let config = AdamWConfig { weight_decay: 0.1, ..AdamWConfig::default() };
    let mut adamw = AdamW::new(store.params(), config).unwrap();
    let (mut p, mut m, mut v) = (all(&store), vec![0.0; 9], vec![0.0; 9]);
    for step in 1..4 {
        let grads = grads(&store, step);
        for (i, g) in all_grads(&store, &grads).into_iter().enumerate() {
            // fc.bias comes first in the order of names.
            let decay = if i < 3 { 0.0 } else { 0.1 };
            m[i] = 0.9 * m[i] + 0.1 * g;
            v[i] = 0.999 * v[i] + 0.001 * g * g;
            let (mean, square) =
                (m[i] / (1.0 - 0.9f64.powi(step as i32)), v[i] / (1.0 - 0.999f64.powi(step as i32)));
            p[i] = p[i] * (1.0 - 0.01 * decay) - 0.01 * mean / (square.sqrt() + 1e-8);
        }
        adamw.step(&grads, 0.01, 1.0).unwrap();
    }
    assert!(all(&store).iter().zip(&p).all(|(a, b)| (a - b).abs() < 1e-14), "{:?} {p:?}", all(&store));
}

fn continues_exactly(make: impl Fn(&ParamStore) -> Box<dyn Optimizer>) {
    let (one, two) = (store(), store());
    let (mut a, mut b) = (make(&one), make(&two));
    a.step(&grads(&one, 1), 0.01, 1.0).unwrap();
    b.step(&grads(&two, 1), 0.01, 1.0).unwrap();
    let mut b = {
        let mut fresh = make(&two);
        fresh.load_state(&b.state().unwrap()).unwrap();
        fresh
    };
    a.step(&grads(&one, 2), 0.01, 1.0).unwrap();
    b.step(&grads(&two, 2), 0.01, 1.0).unwrap();
    assert_eq!(all(&one), all(&two));
}

#[test]
fn a_run_that_is_resumed_goes_on_exactly() {
    continues_exactly(|s| Box::new(Sgd::new(s.params(), SgdConfig::default()).unwrap()));
    continues_exactly(|s| Box::new(AdamW::new(s.params(), AdamWConfig::default()).unwrap()));
}

#[test]
fn state_that_does_not_fit_is_refused_by_name() {
    let mut sgd = Sgd::new(store().params(), SgdConfig::default()).unwrap();
    let mut state = sgd.state().unwrap();
    state.remove("velocity.fc.bias");
    state.insert("velocity.conv1.weight".into(), random(1, 3));
    state.insert("velocity.fc.weight".into(), random(1, (2, 3)));
    let error = message(sgd.load_state(&state));
    for part in
        ["missing [velocity.fc.bias]", "surplus [velocity.conv1.weight]", "expected [3, 2], found [2, 3]"]
    {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn the_norm_is_that_of_all_gradients_together() {
    let store = store();
    let grads = grads(&store, 4);
    let expected = all_grads(&store, &grads).iter().map(|g| g * g).sum::<f64>().sqrt();
    let norm = global_norm(&store.params(), &grads).unwrap();
    assert!((norm - expected).abs() < 1e-14);
    assert_eq!(clip_scale(norm, 1e9), 1.0);
    assert!((clip_scale(norm, 0.5) * norm - 0.5).abs() < 1e-5);
}

#[test]
fn a_parameter_without_gradient_stays() {
    let store = store();
    let before = all(&store);
    let mut sgd = Sgd::new(store.params(), SgdConfig::default()).unwrap();
    sgd.step(&GradStore::default(), 0.1, 1.0).unwrap();
    assert_eq!(all(&store), before);
}
