//! Initial values that depend on the seed and the parameter's full name only.

use candle_core::{DType, Device, Result, Shape, Tensor, bail};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How a parameter starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// All zero.
    Zeros,
    /// All one.
    Ones,
    /// All the same.
    Const(f64),
    /// Normal with standard deviation sqrt(2 / (shape\[0\] x kernel size)): He et al. 2015, and timm's convolutions.
    /// As in PyTorch, a grouped convolution counts all its output channels.
    KaimingNormalFanOut,
    /// Uniform in +-1/sqrt(shape\[1\] x kernel size): PyTorch's default of linear and convolution weights.
    UniformFanIn,
    /// Uniform in `-bound..bound`.
    Uniform {
        /// Half the width of the range.
        bound: f64,
    },
    /// Normal around zero.
    Normal {
        /// Standard deviation.
        std: f64,
    },
}

impl Init {
    pub(super) fn tensor(
        self,
        seed: u64,
        name: &str,
        shape: &Shape,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let n = shape.elem_count();
        // made on the CPU, so that every device starts from the same bits
        let values = match self {
            Init::Zeros => return Tensor::zeros(shape, dtype, device),
            Init::Ones => return Tensor::ones(shape, dtype, device),
            Init::Const(value) => vec![value; n],
            Init::KaimingNormalFanOut => normal(seed, name, n, (2.0 / fan(name, shape, 0)?).sqrt()),
            Init::UniformFanIn => uniform(seed, name, n, fan(name, shape, 1)?.sqrt().recip()),
            Init::Uniform { bound } => uniform(seed, name, n, bound),
            Init::Normal { std } => normal(seed, name, n, std),
        };
        Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)?.to_device(device)
    }
}

/// Channels of one axis times the kernel's size.
fn fan(name: &str, shape: &Shape, axis: usize) -> Result<f64> {
    let dims = shape.dims();
    if dims.len() < 2 {
        bail!(
            "parameter {name}: expected a weight of two or more axes for this initialisation, found {dims:?}"
        );
    }
    let channels = dims[axis];
    Ok((channels * dims[2..].iter().product::<usize>()) as f64)
}

fn uniform(seed: u64, name: &str, n: usize, bound: f64) -> Vec<f64> {
    let mut rng = stream(seed, name);
    (0..n).map(|_| bound * (2.0 * rng.random::<f64>() - 1.0)).collect()
}

/// Box and Muller's transform, two values to a pair of draws.
fn normal(seed: u64, name: &str, n: usize, std: f64) -> Vec<f64> {
    let mut rng = stream(seed, name);
    let mut values = Vec::with_capacity(n + 1);
    while values.len() < n {
        // In (0, 1], so that the logarithm is finite.
        let radius = std * (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * rng.random::<f64>()).sin_cos();
        values.push(radius * cos);
        values.push(radius * sin);
    }
    values.truncate(n);
    values
}

/// One generator to a name: the key is the seed and three 64-bit FNV-1a hashes of the name.
fn stream(seed: u64, name: &str) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    for (i, part) in key[8..].chunks_exact_mut(8).enumerate() {
        part.copy_from_slice(&fnv1a(i as u8, name).to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

fn fnv1a(salt: u8, name: &str) -> u64 {
    std::iter::once(salt)
        .chain(name.bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
