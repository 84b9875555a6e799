//! The ways to compute, and the comparison of each with f64 on the CPU.

use std::sync::OnceLock;

use candle_core::{DType, Device, Result, Shape, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sonovox_ops::{Place, backward};

/// The first card. Where there is none, a word on standard error says why a test skips it.
pub fn card() -> Option<Device> {
    static CARD: OnceLock<Option<Device>> = OnceLock::new();
    CARD.get_or_init(|| match Place::Cuda(0).open() {
        Ok(device) => Some(device),
        Err(e) => {
            eprintln!("skipped on a card: {e}");
            None
        }
    })
    .clone()
}

/// A device and its number types, and how far from f64 its results may be.
#[derive(Clone)]
pub struct Way {
    pub name: &'static str,
    pub device: Device,
    pub maps: DType,
    pub params: DType,
    pub tf32: bool,
    pub tolerance: f64,
}

impl Way {
    fn new(name: &'static str, device: &Device, maps: DType, params: DType, tolerance: f64) -> Self {
        Self { name, device: device.clone(), maps, params, tf32: name == "card tf32", tolerance }
    }

    pub fn cpu_f64() -> Self {
        Self::new("cpu f64", &Device::Cpu, DType::F64, DType::F64, 0.0)
    }

    /// Every way there is here for operations on maps.
    pub fn of_maps() -> Vec<Self> {
        let mut ways = Self::of_numbers();
        if let Some(card) = card() {
            ways.push(Self::new("card tf32", &card, DType::F32, DType::F32, 3e-3));
            ways.push(Self::new("card bf16", &card, DType::BF16, DType::F32, 2e-2));
        }
        ways
    }

    /// Those that keep all bits.
    pub fn of_numbers() -> Vec<Self> {
        let mut ways = vec![Self::new("cpu f32", &Device::Cpu, DType::F32, DType::F32, 3e-5)];
        if let Some(card) = card() {
            ways.push(Self::new("card f64", &card, DType::F64, DType::F64, 1e-10));
            ways.push(Self::new("card f32", &card, DType::F32, DType::F32, 3e-5));
        }
        ways
    }
}

/// What an input is made of.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Map,
    Param,
}

/// Uniform values in -1..1, f64 on the CPU, the same for the same seed.
pub fn random(seed: u64, shape: impl Into<Shape>) -> Tensor {
    let shape = shape.into();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f64> = (0..shape.elem_count()).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).expect("a tensor")
}

/// All values in f64.
pub fn values(t: &Tensor) -> Vec<f64> {
    t.to_dtype(DType::F64).and_then(|t| t.flatten_all()?.to_vec1()).expect("values")
}

/// Euclidean length of the difference, relative to that of `expected`.
pub fn distance(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.dims(), expected.dims());
    let (found, expected) = (values(found), values(expected));
    let length = |v: &mut dyn Iterator<Item = f64>| v.map(|v| v * v).sum::<f64>().sqrt();
    let off = length(&mut found.iter().zip(&expected).map(|(f, e)| f - e));
    off / length(&mut expected.iter().copied()).max(1e-30)
}

/// A result, with the variables and buffers that were made for it.
pub struct Made {
    pub y: Tensor,
    pub params: Vec<(String, Var)>,
    pub buffers: Vec<(String, Var)>,
}

impl From<Tensor> for Made {
    fn from(y: Tensor) -> Self {
        Self { y, params: Vec::new(), buffers: Vec::new() }
    }
}

/// Runs `f` and the backward pass of its result, weighted by random numbers, in every way and in f64 on the CPU, from
/// the same (rounded) inputs, and compares results, gradients and buffers.
pub fn same_everywhere<M: Into<Made>>(
    what: &str,
    ways: &[Way],
    inputs: &[(Kind, Tensor)],
    f: impl Fn(&Way, &[Var]) -> Result<M>,
) {
    for way in ways {
        let rounded: Vec<Tensor> = inputs
            .iter()
            .map(|(kind, t)| t.to_dtype(if *kind == Kind::Map { way.maps } else { way.params }))
            .collect::<Result<_>>()
            .expect("rounded inputs");
        let run = |on: &Way, wide: bool, weights: &dyn Fn(&Tensor) -> Tensor| -> Result<_> {
            let var = |t: &Tensor| -> Result<Var> {
                let t = if wide { t.to_dtype(DType::F64)? } else { t.clone() };
                Var::from_tensor(&t.to_device(&on.device)?)
            };
            let vars: Vec<Var> = rounded.iter().map(var).collect::<Result<_>>()?;
            let made: Made = f(on, &vars)?.into();
            let grads = backward(&(&made.y * weights(&made.y))?.sum_all()?)?;
            let named = vars.into_iter().enumerate().map(|(i, var)| (format!("input {i}"), var));
            let mut results = vec![("result".to_owned(), made.y)];
            for (name, var) in named.chain(made.params) {
                let grad = grads.get(&var).unwrap_or_else(|| panic!("{what}: no gradient of {name}"));
                assert_eq!(grad.dtype(), var.dtype(), "{what} on {}: gradient of {name}", on.name);
                results.push((format!("gradient of {name}"), grad.clone()));
            }
            results.extend(made.buffers.into_iter().map(|(name, var)| (name, var.as_tensor().clone())));
            Ok(results)
        };
        let of_way = |y: &Tensor| -> Tensor {
            let weights = random(99, y.shape()).to_dtype(y.dtype());
            weights.and_then(|w| w.to_device(y.device())).expect("weights")
        };
        let found = run(way, false, &of_way).unwrap_or_else(|e| panic!("{what} on {}: {e}", way.name));
        let dtype = found[0].1.dtype();
        let as_rounded = |y: &Tensor| -> Tensor {
            let weights = random(99, y.shape()).to_dtype(dtype).and_then(|w| w.to_dtype(DType::F64));
            weights.expect("weights")
        };
        let expected = run(&Way::cpu_f64(), true, &as_rounded).expect("the reference");
        assert_eq!(found.len(), expected.len());
        for ((name, found), (_, expected)) in found.iter().zip(&expected) {
            let off = distance(found, expected);
            assert!(off <= way.tolerance, "{what} on {}: {name} is {off:e} off", way.name);
        }
    }
}
