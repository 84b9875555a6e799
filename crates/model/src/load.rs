//! Reading timm's checkpoints.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Error, Result, Tensor};
use sonovox_ops::ParamStore;

/// Tensors of a timm checkpoint that an encoder has no use for: the classifier, and BatchNorm's count of batches,
/// which PyTorch keeps for a momentum that falls with it.
pub fn is_ignorable(name: &str) -> bool {
    matches!(name, "fc.weight" | "fc.bias") || name.ends_with(".num_batches_tracked")
}

/// Sets an encoder's store from a safetensors file with timm's names, whatever its float type.
///
/// # Errors
/// When the file cannot be read, and when its names or shapes, but for the [ignorable](is_ignorable) ones, are not
/// the store's. Then nothing is changed, and the message names every tensor that is missing, surplus or of another
/// shape.
pub fn load_timm(store: &ParamStore, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let mut tensors = read(path, store.device())?;
    tensors.retain(|name, _| !is_ignorable(name));
    store.set_strict(&tensors, &path.display().to_string())
}

/// All tensors of a safetensors file.
pub(crate) fn read(path: &Path, device: &Device) -> Result<BTreeMap<String, Tensor>> {
    let origin = path.display();
    let bytes = std::fs::read(path).map_err(|e| Error::Msg(format!("{origin}: {e}")))?;
    let tensors = candle_core::safetensors::load_buffer(&bytes, device)
        .map_err(|e| Error::Msg(format!("{origin}: not a readable safetensors file: {e}")))?;
    Ok(tensors.into_iter().collect())
}
