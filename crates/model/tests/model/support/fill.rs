//! The closed formula of `golden/fill.py`: weights and inputs from name and index. See there.

use candle_core::{DType, Tensor};

use super::device::device;

const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// 64-bit values of the stream called `name`.
fn mix(name: &str) -> impl Iterator<Item = u64> {
    let hash = name
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325, |h: u64, byte| (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
    (1..).map(move |i: u64| {
        let z = hash.wrapping_add(i.wrapping_mul(GAMMA));
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}

/// Uniform in [-1, 1).
pub fn uniform(name: &str) -> impl Iterator<Item = f64> {
    mix(name).map(|z| (z >> 11) as f64 * 2f64.powi(-52) - 1.0)
}

/// Positions below `below`: which values of a large tensor a golden file keeps.
pub fn indices(name: &str, count: usize, below: usize) -> Vec<usize> {
    mix(name).take(count).map(|z| (z % below as u64) as usize).collect()
}

/// A weight or a running statistic.
pub fn parameter(name: &str, dims: &[usize]) -> Vec<f64> {
    let count = dims.iter().product();
    let (center, spread) = if dims.len() >= 2 {
        (0.0, (6.0 / dims[1..].iter().product::<usize>() as f64).sqrt())
    } else if name.ends_with("running_var") {
        (1.5, 0.5)
    } else if name.ends_with("bn3.weight") {
        (0.5, 0.3)
    } else if name.ends_with(".weight") {
        (1.0, 0.3)
    } else {
        (0.0, 0.2)
    };
    uniform(name).take(count).map(|u| center + spread * u).collect()
}

/// Noise of zero mean and unit variance.
pub fn image(dims: [usize; 4], dtype: DType) -> Tensor {
    let values = uniform("input").take(dims.iter().product()).map(|u| u * 3f64.sqrt()).collect();
    tensor(values, &dims, dtype)
}

pub fn tensor(values: Vec<f64>, dims: &[usize], dtype: DType) -> Tensor {
    Tensor::from_vec(values, dims, &candle_core::Device::Cpu)
        .and_then(|t| t.to_dtype(dtype)?.to_device(device()))
        .expect("a tensor")
}
