//! Reading and writing tensors as one safetensors file, and comparing its names with a model's.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use candle_core::{Device, Error, Result, Tensor, Var};

pub(super) fn read(path: &Path, device: &Device) -> Result<BTreeMap<String, Tensor>> {
    let bytes = fs::read(path).map_err(|e| Error::Msg(format!("{}: {e}", path.display())))?;
    let tensors = candle_core::safetensors::load_buffer(&bytes, device)
        .map_err(|e| Error::Msg(format!("{}: not a readable safetensors file: {e}", path.display())))?;
    Ok(tensors.into_iter().collect())
}

/// safetensors sorts by type and name and there is no metadata, so equal tensors give equal bytes.
pub(super) fn write(path: &Path, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
    let failed = |e: &dyn std::fmt::Display| Error::Msg(format!("{}: {e}", path.display()));
    let bytes = safetensors::serialize(tensors.iter(), None).map_err(|e| failed(&e))?;
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    let mut file = File::create(partial).map_err(|e| failed(&e))?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(|e| failed(&e))?;
    fs::rename(partial, path).map_err(|e| failed(&e))
}

/// One line to every kind of difference, naming all tensors concerned.
pub(super) fn faults(vars: &BTreeMap<&String, &Var>, found: &BTreeMap<String, Tensor>) -> Vec<String> {
    let missing: Vec<_> = vars.keys().filter(|n| !found.contains_key(**n)).map(|n| n.as_str()).collect();
    let surplus: Vec<_> = found.keys().filter(|n| !vars.contains_key(n)).map(String::as_str).collect();
    let shapes: Vec<_> = vars
        .iter()
        .filter_map(|(name, var)| Some((name, var.dims(), found.get(*name)?.dims())))
        .filter(|(_, expected, found)| expected != found)
        .map(|(name, expected, found)| format!("{name} (expected {expected:?}, found {found:?})"))
        .collect();
    let integers: Vec<_> = vars
        .keys()
        .filter_map(|name| Some((name, found.get(*name)?.dtype())))
        .filter(|(_, dtype)| !dtype.is_float())
        .map(|(name, dtype)| format!("{name} (expected floats, found {dtype:?})"))
        .collect();
    let mut lines = Vec::new();
    if !missing.is_empty() {
        lines.push(format!("missing: {}", missing.join(", ")));
    }
    if !surplus.is_empty() {
        lines.push(format!("surplus: {}", surplus.join(", ")));
    }
    if !shapes.is_empty() {
        lines.push(format!("wrong shape: {}", shapes.join(", ")));
    }
    if !integers.is_empty() {
        lines.push(format!("wrong type: {}", integers.join(", ")));
    }
    lines
}
