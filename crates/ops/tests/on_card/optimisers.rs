//! Optimisers, the norm of gradients, and stores of parameters.

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Result, Tensor, Var};
use sonovox_ops::optim::{AdamW, AdamWConfig, Optimizer, Sgd, SgdConfig, global_norm};
use sonovox_ops::{Init, ParamStore, backward};

use crate::support::{Way, card, distance, random, values};

/// Lengths below, at and above the piece that a block works on, and one that is left out of every step.
fn store(way: &Way) -> ParamStore {
    let store = ParamStore::new(1, way.params, &way.device);
    for (name, shape) in
        [("a", vec![3]), ("b", vec![16_384]), ("c", vec![129, 257]), ("d", vec![1, 1]), ("unused", vec![5])]
    {
        store.scope().param(name, shape, Init::Normal { std: 1.0 }).expect("a parameter");
    }
    store
}

/// Gradients that depend on the parameters and on the step.
fn grads(store: &ParamStore, step: u64) -> Result<GradStore> {
    let mut loss = Tensor::zeros((), store.dtype(), store.device())?;
    for (name, p) in store.params().iter().filter(|(name, _)| name != "unused") {
        let seed = step * 31 + u64::from(name.as_bytes()[0]);
        let factor = random(seed, p.shape()).to_dtype(p.dtype())?.to_device(p.device())?;
        loss = (loss + (p.sqr()? * factor)?.sum_all()?)?;
    }
    backward(&loss)
}

type Make = fn(Vec<(String, Var)>) -> Result<Box<dyn Optimizer>>;

const OPTIMISERS: [Make; 2] = [
    |params| Ok(Box::new(Sgd::new(params, SgdConfig::default())?)),
    |params| Ok(Box::new(AdamW::new(params, AdamWConfig::default())?)),
];

/// The parameters after `steps`, and the norm of the last gradients. With `reload`, the optimiser is made anew before
/// the last step, from its saved state.
fn run(way: &Way, make: Make, steps: u64, reload: bool) -> Result<(Vec<(String, Var)>, f64)> {
    let store = store(way);
    let mut optimiser = make(store.params())?;
    let mut norm = 0.0;
    for step in 0..steps {
        if reload && step + 1 == steps {
            let state = optimiser.state()?;
            assert!(state.keys().any(|name| name.ends_with(".c")), "{:?}", state.keys());
            optimiser = make(store.params())?;
            optimiser.load_state(&state)?;
        }
        let grads = grads(&store, step)?;
        norm = global_norm(&store.params(), &grads)?;
        optimiser.step(&grads, 1e-2, 0.5)?;
    }
    Ok((store.params(), norm))
}

#[test]
fn steps_are_those_of_the_cpu() {
    for make in OPTIMISERS {
        let (expected, norm) = run(&Way::cpu_f64(), make, 4, false).expect("the reference");
        for way in Way::of_numbers() {
            let (found, found_norm) = run(&way, make, 4, false).expect("steps");
            for ((name, found), (_, expected)) in found.iter().zip(&expected) {
                let off = distance(found, expected);
                assert!(off <= way.tolerance, "{name} on {}: {off:e}", way.name);
            }
            let off = (found_norm / norm - 1.0).abs();
            assert!(off <= way.tolerance, "norm on {}: {off:e}", way.name);
        }
    }
}

#[test]
fn saved_state_goes_on_with_the_same_bits() {
    for make in OPTIMISERS {
        for way in Way::of_numbers() {
            let (straight, _) = run(&way, make, 3, false).expect("steps");
            let (reloaded, _) = run(&way, make, 3, true).expect("steps");
            for ((name, a), (_, b)) in straight.iter().zip(&reloaded) {
                assert_eq!(values(a), values(b), "{name} on {}", way.name);
            }
        }
    }
}

#[test]
fn a_store_starts_and_is_saved_alike_everywhere() {
    let Some(card) = card() else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let files = [Device::Cpu, card].map(|device| {
        let store = ParamStore::new(7, DType::F32, &device);
        let scope = store.scope().pp("conv");
        scope.param("weight", (8, 4, 3, 3), Init::KaimingNormalFanOut).expect("a parameter");
        scope.param("bias", 8, Init::Const(0.1)).expect("a parameter");
        scope.buffer("running_var", 8, Init::Ones).expect("a buffer");
        let path = dir.path().join(format!("{:?}.safetensors", device.location()));
        store.save(&path).expect("saved");
        store.load_strict(&path).expect("its own file fits");
        std::fs::read(&path).expect("bytes")
    });
    assert_eq!(files[0], files[1]);
}
