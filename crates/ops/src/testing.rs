//! Gradient checks and random tensors for the tests of this crate.

use candle_core::{DType, Device, Result, Shape, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::backward;
use crate::element::Element;
use crate::simd::{FORCED, Isa, Kernel, Lanes};

/// Uniform values in -1..1, the same for the same seed.
pub(crate) fn random(seed: u64, shape: impl Into<Shape>) -> Tensor {
    let shape = shape.into();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f64> = (0..shape.elem_count()).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

pub(crate) fn var(seed: u64, shape: impl Into<Shape>) -> Var {
    Var::from_tensor(&random(seed, shape)).unwrap()
}

pub(crate) fn to_vec(t: &Tensor) -> Vec<f64> {
    t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// Largest distance between elements, relative to the largest magnitude in `expected`.
pub(crate) fn distance(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.dims(), expected.dims());
    let (found, expected) = (to_vec(found), to_vec(expected));
    let top = expected.iter().fold(1e-30, |m: f64, v| m.max(v.abs()));
    let apart = found.iter().zip(&expected).map(|(a, b)| (a - b).abs() / top);
    // the largest, and NaN where one is
    apart.fold(0.0, |m: f64, v| if m.is_nan() || v <= m { m } else { v })
}

/// Compares the gradients of `f`, weighted by random numbers and summed, with central differences in f64 at up to
/// `PROBES` places of every variable.
pub(crate) fn check_gradients(vars: &[&Var], f: impl Fn() -> Result<Tensor>) {
    const PROBES: usize = 24;
    const STEP: f64 = 1e-6;
    let weights = random(99, f().unwrap().shape());
    let loss = || (f().unwrap() * &weights).unwrap().sum_all().unwrap();
    let value = || loss().to_scalar::<f64>().unwrap();
    let grads = backward(&loss()).unwrap();
    for (i, var) in vars.iter().enumerate() {
        let found = to_vec(grads.get(var).unwrap_or_else(|| panic!("no gradient for variable {i}")));
        let before = to_vec(var);
        let top = found.iter().fold(1e-3, |m: f64, v| m.max(v.abs()));
        let mut rng = ChaCha8Rng::seed_from_u64(i as u64);
        for _ in 0..PROBES.min(before.len() * 2) {
            let at = rng.random_range(0..before.len());
            let shifted = |by: f64| {
                let mut values = before.clone();
                values[at] += by;
                var.set(&Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap()).unwrap();
                value()
            };
            let expected = (shifted(STEP) - shifted(-STEP)) / (2.0 * STEP);
            shifted(0.0);
            assert!(
                (found[at] - expected).abs() < 1e-7 * top,
                "variable {i} element {at}: gradient {}, difference quotient {expected}",
                found[at]
            );
        }
    }
}

/// Multiples of 1/256 in -1..1: products of two of them and sums of a few such products are exact in f32, so that f32 and
/// f64 agree about which side of zero they lie on.
pub(crate) fn coarse(seed: u64, shape: impl Into<Shape>) -> Tensor {
    ((random(seed, shape) * 256.0).unwrap().round().unwrap() / 256.0).unwrap()
}

/// Compares the result of `f` and the gradients of the variables that it names, in f32 with every instruction set, with
/// those in f64: by [`distance`] at most `tolerance`. AVX2 and AVX-512 have to give the same bits.
pub(crate) fn check_instruction_sets(tolerance: f64, f: impl Fn(DType) -> Result<(Tensor, Vec<Var>)> + Sync) {
    let run = |dtype| {
        let (y, leaves) = f(dtype).unwrap();
        if leaves.is_empty() {
            return vec![y];
        }
        let weighted = (&y * coarse(98, y.shape()).to_dtype(dtype).unwrap()).unwrap();
        let grads = backward(&weighted.sum_all().unwrap()).unwrap();
        [y].into_iter().chain(leaves.iter().map(|leaf| grads.get(leaf).unwrap().clone())).collect::<Vec<_>>()
    };
    let expected = run(DType::F64);
    let mut of_x86: Vec<Vec<Vec<f64>>> = Vec::new();
    for isa in Isa::available() {
        let (single, double) = with_isa(isa, || (run(DType::F32), run(DType::F64)));
        for (i, expected) in expected.iter().enumerate() {
            let apart = distance(&single[i], expected);
            assert!(apart <= tolerance, "{isa:?}: result or gradient {i} in f32 is {apart:e} apart");
            let apart = distance(&double[i], expected);
            assert!(apart <= 1e-12, "{isa:?}: result or gradient {i} in f64 is {apart:e} apart");
        }
        if isa != Isa::Portable {
            of_x86.push(single.iter().map(to_vec).collect());
        }
    }
    assert!(of_x86.windows(2).all(|pair| pair[0] == pair[1]), "AVX-512 and AVX2 differ");
}

/// Runs `f` with one instruction set: on the only thread of a pool, so that the work it hands out stays there too.
pub(crate) fn with_isa<R: Send>(isa: Isa, f: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| {
        FORCED.set(Some(isa));
        let registers: Vec<&str> = (0..3).into_par_iter().map(|_| f32::run(Registers)).collect();
        let expected = format!("{isa:?}");
        assert!(registers.iter().all(|used| used.contains(&expected)), "{registers:?}, not {expected}");
        f()
    })
}

/// Asks which registers a kernel of f32 gets.
struct Registers;

#[allow(unsafe_code)]
impl Kernel<f32> for Registers {
    type Output = &'static str;

    #[inline(always)]
    unsafe fn run<V: Lanes<Elem = f32>>(self) -> &'static str {
        std::any::type_name::<V>()
    }
}

/// The message of an error.
pub(crate) fn message<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("expected an error"),
        Err(error) => error.to_string(),
    }
}
