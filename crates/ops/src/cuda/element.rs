//! The number types of the kernels.

use candle_core::cuda_backend::CudaDType;
use candle_core::cuda_backend::cudarc::cudnn::CudnnDataType;
use candle_core::cuda_backend::cudarc::driver::{DeviceRepr, ValidAsZeroBits};
use half::bf16;

/// What parameters, statistics and sums are made of.
pub(crate) trait Param: MapElement<Acc = Self> {}

/// What a map is made of.
pub(crate) trait MapElement:
    CudaDType + DeviceRepr + ValidAsZeroBits + CudnnDataType + Copy + Send + Sync + 'static
{
    /// The type of sums, statistics and parameters beside such maps.
    type Acc: Param;
    /// The end of an entry point's name.
    const NAME: &'static str;
    /// Values in 16 bytes, which one thread moves at once where the number of channels allows.
    const WIDTH: usize;
    /// From the host's number.
    fn from_f64(value: f64) -> Self;
}

impl Param for f32 {}
impl Param for f64 {}

impl MapElement for f32 {
    type Acc = f32;
    const NAME: &'static str = "f32";
    const WIDTH: usize = 4;
    fn from_f64(value: f64) -> Self {
        value as f32
    }
}

impl MapElement for f64 {
    type Acc = f64;
    const NAME: &'static str = "f64";
    const WIDTH: usize = 2;
    fn from_f64(value: f64) -> Self {
        value
    }
}

impl MapElement for bf16 {
    type Acc = f32;
    const NAME: &'static str = "bf16";
    const WIDTH: usize = 8;
    fn from_f64(value: f64) -> Self {
        bf16::from_f64(value)
    }
}

/// Runs `$body` with `$t` bound to the Rust type of a map, or reports the dtype in `$name`'s name.
macro_rules! by_map_type {
    ($name:expr, $tensor:expr, $t:ident => $body:expr) => {
        match $tensor.dtype() {
            candle_core::DType::F32 => {
                type $t = f32;
                $body
            }
            candle_core::DType::F64 => {
                type $t = f64;
                $body
            }
            candle_core::DType::BF16 => {
                type $t = half::bf16;
                $body
            }
            other => candle_core::bail!("{}: expected maps of f32, f64 or bf16, found {:?}", $name, other),
        }
    };
}
pub(crate) use by_map_type;
