//! What the tests of losses share: seeded tensors of f64 and difference quotients.

use candle_core::{Device, Result, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Values in -1..1.
pub fn random(seed: u64, dims: &[usize]) -> Tensor {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f64> = (0..dims.iter().product()).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::from_vec(values, dims, &Device::Cpu).expect("as many values as the shape has")
}

pub fn var(seed: u64, dims: &[usize]) -> Var {
    Var::from_tensor(&random(seed, dims)).expect("a variable")
}

pub fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().and_then(|flat| flat.to_vec1()).expect("f64")
}

pub fn scalar(tensor: &Tensor) -> f64 {
    values(tensor)[0]
}

/// Compares the gradient of `f` for every element of `vars` with a central difference.
pub fn check_gradients(vars: &[&Var], f: impl Fn() -> Result<Tensor>) {
    const STEP: f64 = 1e-5;
    let gradients = sonovox_ops::backward(&f().expect("a loss")).expect("backward");
    for (number, var) in vars.iter().enumerate() {
        let start = var.as_detached_tensor().copy().expect("a copy");
        let found = gradients.get(var).map(values).unwrap_or_else(|| vec![0.0; start.elem_count()]);
        let top = found.iter().fold(1e-3f64, |top, value| top.max(value.abs()));
        for at in 0..start.elem_count() {
            let shifted = |step: f64| {
                let mut moved = values(&start);
                moved[at] += step;
                var.set(&Tensor::from_vec(moved, start.shape(), &Device::Cpu).expect("values")).expect("set");
                scalar(&f().expect("a loss"))
            };
            let expected = (shifted(STEP) - shifted(-STEP)) / (2.0 * STEP);
            assert!(
                (found[at] - expected).abs() < 1e-6 * top.max(expected.abs()),
                "variable {number} element {at}: gradient {}, difference quotient {expected}",
                found[at]
            );
        }
        var.set(&start).expect("set back");
    }
}
