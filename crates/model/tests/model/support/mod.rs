//! Golden files, and encoders with the weights they were made with.

pub mod device;
pub mod fill;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
pub use device::device;
use sonovox_model::{Encoder, EncoderConfig, Preset};
use sonovox_ops::{ParamStore, Precision};

/// The golden files of this crate; a test program that was built elsewhere is told by CARGO_MANIFEST_DIR where it is.
pub fn golden_path(name: &str) -> PathBuf {
    let crate_dir = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into());
    PathBuf::from(crate_dir).join("tests/golden").join(name)
}

pub fn golden(name: &str) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(golden_path(name), &Device::Cpu).expect("a golden file")
}

/// The name of a preset in golden files and in recipes.
pub fn name(preset: Preset) -> &'static str {
    match preset {
        Preset::Full => "full",
        Preset::Half => "half",
        Preset::Small => "small",
        Preset::Tiny => "tiny",
        Preset::EfficientNetLite0 => "efficientnet-lite0",
    }
}

/// The name of a form in golden files.
pub fn form(dilated: bool) -> &'static str {
    if dilated { "dilated" } else { "plain" }
}

/// An encoder filled by the formula of `golden/fill.py`.
pub fn filled(config: &EncoderConfig, dtype: DType) -> (Encoder, ParamStore) {
    let (encoder, store) = fresh(config, dtype);
    let tensors: BTreeMap<String, Tensor> = store
        .to_tensors()
        .into_iter()
        .map(|(name, t)| {
            let value = fill::tensor(fill::parameter(&name, t.dims()), t.dims(), dtype);
            (name, value)
        })
        .collect();
    store.set_strict(&tensors, "formula").expect("the formula fits its own net");
    (encoder, store)
}

/// What the device can compute in.
pub fn precisions() -> &'static [Precision] {
    if device().is_cuda() { &[Precision::F32, Precision::Tf32, Precision::Bf16] } else { &[Precision::F32] }
}

/// An encoder as training starts with it.
pub fn fresh(config: &EncoderConfig, dtype: DType) -> (Encoder, ParamStore) {
    fresh_in(config, dtype, Precision::F32)
}

/// The same in a precision; it starts from the same parameters.
pub fn fresh_in(config: &EncoderConfig, dtype: DType, precision: Precision) -> (Encoder, ParamStore) {
    let store =
        ParamStore::new(1, dtype, device()).with_precision(precision).expect("a precision of the device");
    let encoder = Encoder::new(config, &store.scope()).expect("an encoder");
    (encoder, store)
}

/// All values, in f64.
pub fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).and_then(|t| t.flatten_all()).and_then(|t| t.to_vec1()).expect("values")
}

/// The largest difference, relative to the largest expected value.
pub fn difference(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0.0, |top: f64, v| top.max(v.abs()));
    let error = found.iter().zip(expected).fold(0.0, |top: f64, (a, b)| top.max((a - b).abs()));
    assert!(found.iter().all(|v| v.is_finite()) && scale > 0.0);
    error / scale
}

/// A map `[B, H, W, C]` with timm's axes, `[B, C, H, W]`.
pub fn timm_axes(map: &Tensor) -> Tensor {
    map.permute((0, 3, 1, 2)).and_then(|map| map.contiguous()).expect("a map")
}
