//! Named parameters and buffers of a model: seeded initialisation, strict loading, one deterministic file.
//!
//! Names follow the checkpoint they are compatible with (`layer1.0.conv1.weight`). A parameter is trained; a buffer
//! (BatchNorm's running statistics) is saved and loaded with the parameters but belongs to no optimiser.

mod file;
mod init;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{DType, Device, Result, Shape, Tensor, Var, bail};

pub use init::Init;

use crate::precision::Precision;

/// What one store holds, by full name. Sorted, so that everything derived from it has one order.
#[derive(Default)]
struct Named {
    params: BTreeMap<String, Var>,
    buffers: BTreeMap<String, Var>,
}

/// The parameters and buffers of a model. Clones share them.
#[derive(Clone)]
pub struct ParamStore {
    named: Arc<Mutex<Named>>,
    seed: u64,
    dtype: DType,
    device: Device,
    precision: Precision,
}

impl ParamStore {
    /// An empty store. A parameter's initial value depends on `seed` and its full name only, not on the order in
    /// which a model asks for its parameters.
    pub fn new(seed: u64, dtype: DType, device: &Device) -> Self {
        let precision = Precision::default();
        Self { named: Arc::default(), seed, dtype, device: device.clone(), precision }
    }

    /// The same store for encoders that compute in `precision`; parameters stay as they are.
    ///
    /// # Errors
    /// When the store's device cannot compute in it.
    pub fn with_precision(self, precision: Precision) -> Result<Self> {
        precision.check(&self.device)?;
        Ok(Self { precision, ..self })
    }

    /// The top of the tree of names.
    pub fn scope(&self) -> Scope {
        Scope { store: self.clone(), prefix: String::new() }
    }

    /// Type of every parameter.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Where every parameter lives.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The trained parameters, sorted by name.
    pub fn params(&self) -> Vec<(String, Var)> {
        self.named().params.iter().map(|(name, var)| (name.clone(), var.clone())).collect()
    }

    /// The buffers, sorted by name.
    pub fn buffers(&self) -> Vec<(String, Var)> {
        self.named().buffers.iter().map(|(name, var)| (name.clone(), var.clone())).collect()
    }

    /// Parameters and buffers, without graph, by name. The tensors share memory with the store: copy them to keep
    /// them through a training step.
    pub fn to_tensors(&self) -> BTreeMap<String, Tensor> {
        let named = self.named();
        named.params.iter().chain(&named.buffers).map(|(k, v)| (k.clone(), v.as_detached_tensor())).collect()
    }

    /// Number of trained values.
    pub fn count(&self) -> usize {
        self.named().params.values().map(|v| v.elem_count()).sum()
    }

    /// Sets every parameter and buffer from a safetensors file; float types are converted to the store's.
    ///
    /// # Errors
    /// When the file cannot be read, and when names or shapes differ; then nothing is changed, and the message names
    /// every tensor that is missing, surplus or of another shape.
    pub fn load_strict(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let tensors = file::read(path, &self.device)?;
        self.set_strict(&tensors, &path.display().to_string())
    }

    /// The same from tensors in memory; `origin` names where they come from in messages.
    ///
    /// # Errors
    /// As [`ParamStore::load_strict`].
    pub fn set_strict(&self, tensors: &BTreeMap<String, Tensor>, origin: &str) -> Result<()> {
        let named = self.named();
        let vars: BTreeMap<&String, &Var> = named.params.iter().chain(&named.buffers).collect();
        let faults = file::faults(&vars, tensors);
        if !faults.is_empty() {
            bail!("{origin}: does not fit the model: {}", faults.join("; "));
        }
        for (name, var) in vars {
            var.set(&tensors[name].to_dtype(self.dtype)?.to_device(&self.device)?)?;
        }
        Ok(())
    }

    /// Writes parameters and buffers into one safetensors file. Equal values give equal bytes; the file appears
    /// under its name only when it is complete.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        file::write(path.as_ref(), &self.to_tensors())
    }

    fn named(&self) -> MutexGuard<'_, Named> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the tree of names, where a layer makes its parameters.
#[derive(Clone)]
pub struct Scope {
    store: ParamStore,
    prefix: String,
}

impl Scope {
    /// The scope `name` inside this one (`a.b` from `a`).
    pub fn pp(&self, name: impl std::fmt::Display) -> Self {
        Self { store: self.store.clone(), prefix: self.full(&name.to_string()) }
    }

    /// Type of every parameter made here.
    pub fn dtype(&self) -> DType {
        self.store.dtype
    }

    /// Where every parameter made here lives.
    pub fn device(&self) -> &Device {
        &self.store.device
    }

    /// How precisely an encoder made here computes.
    pub fn precision(&self) -> Precision {
        self.store.precision
    }

    /// The full name of what is called `name` here.
    pub fn name(&self, name: &str) -> String {
        self.full(name)
    }

    /// Makes a trained parameter.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn param(&self, name: &str, shape: impl Into<Shape>, init: Init) -> Result<Var> {
        self.make(name, &shape.into(), init, true)
    }

    /// Makes a buffer.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn buffer(&self, name: &str, shape: impl Into<Shape>, init: Init) -> Result<Var> {
        self.make(name, &shape.into(), init, false)
    }

    fn make(&self, name: &str, shape: &Shape, init: Init, trained: bool) -> Result<Var> {
        let full = self.full(name);
        let mut named = self.store.named();
        if named.params.contains_key(&full) || named.buffers.contains_key(&full) {
            bail!("parameter {full}: the name is already taken");
        }
        let value = init.tensor(self.store.seed, &full, shape, self.store.dtype, &self.store.device)?;
        let var = Var::from_tensor(&value)?;
        let map = if trained { &mut named.params } else { &mut named.buffers };
        map.insert(full, var.clone());
        Ok(var)
    }

    fn full(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_string() } else { format!("{}.{name}", self.prefix) }
    }
}

#[cfg(test)]
mod tests;
