//! Buffers of an optimiser: one to a parameter, named after it.

use std::collections::BTreeMap;

use candle_core::{CpuStorage, InplaceOp2, Layout, Result, Storage, Tensor, Var, bail};
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

use crate::element::{self, Element, plain};

/// A number for every element of every parameter, where the parameter lies.
#[derive(Default)]
pub(super) struct Buffers(BTreeMap<String, Storage>);

impl Buffers {
    pub(super) fn zeros(params: &[(String, Var)]) -> Result<Self> {
        let zeros = |(name, var): &(String, Var)| -> Result<_> {
            element::check_inputs(name, &[var])?;
            Ok((name.clone(), owned(&var.zeros_like()?)?))
        };
        Ok(Self(params.iter().map(zeros).collect::<Result<_>>()?))
    }

    pub(super) fn get_mut(&mut self, name: &str) -> &mut Storage {
        self.0.get_mut(name).expect("made for every parameter")
    }

    #[cfg(feature = "cuda")]
    pub(super) fn get(&self, name: &str) -> &Storage {
        self.0.get(name).expect("made for every parameter")
    }

    /// Copies as tensors called `prefix.name`.
    pub(super) fn export(
        &self,
        prefix: &str,
        params: &[(String, Var)],
        to: &mut BTreeMap<String, Tensor>,
    ) -> Result<()> {
        for (name, var) in params {
            let copy = self.0[name].try_clone(&Layout::contiguous(var.shape()))?;
            to.insert(format!("{prefix}.{name}"), element::tensor(copy, var.shape()));
        }
        Ok(())
    }

    /// The buffers from tensors that have passed [`check`].
    pub(super) fn import(
        prefix: &str,
        params: &[(String, Var)],
        from: &BTreeMap<String, Tensor>,
    ) -> Result<Self> {
        let one = |(name, var): &(String, Var)| -> Result<_> {
            let tensor = from[&format!("{prefix}.{name}")].to_dtype(var.dtype())?;
            Ok((name.clone(), owned(&tensor.to_device(var.device())?)?))
        };
        Ok(Self(params.iter().map(one).collect::<Result<_>>()?))
    }
}

/// A copy of a tensor's values.
fn owned(tensor: &Tensor) -> Result<Storage> {
    let tensor = tensor.copy()?;
    let (storage, layout) = tensor.storage_and_layout();
    storage.try_clone(layout)
}

/// Stops unless `state` holds exactly the names and shapes of `expected`.
pub(super) fn check(expected: &BTreeMap<String, Tensor>, state: &BTreeMap<String, Tensor>) -> Result<()> {
    let missing: Vec<_> = expected.keys().filter(|n| !state.contains_key(*n)).cloned().collect();
    let surplus: Vec<_> = state.keys().filter(|n| !expected.contains_key(*n)).cloned().collect();
    let shapes: Vec<_> = expected
        .iter()
        .filter_map(|(name, t)| Some((name, t.dims(), state.get(name)?.dims())))
        .filter(|(_, expected, found)| expected != found)
        .map(|(name, expected, found)| format!("{name} (expected {expected:?}, found {found:?})"))
        .collect();
    if missing.len() + surplus.len() + shapes.len() > 0 {
        bail!(
            "optimiser state does not fit: missing [{}], surplus [{}], wrong shape [{}]",
            missing.join(", "),
            surplus.join(", "),
            shapes.join(", ")
        );
    }
    Ok(())
}

/// Elements to a piece of work.
const CHUNK: usize = 1 << 14;

/// Calls `f(parameter, gradient, buffers)` on matching pieces of one parameter, its gradient and its buffers; the
/// parameter and the buffers are changed in place.
pub(super) fn update<T: Element>(
    name: &str,
    param: &Var,
    grad: &Tensor,
    buffers: Vec<&mut Storage>,
    f: impl Fn(&mut [T], &[T], &mut [&mut [T]]) + Sync,
) -> Result<()> {
    check_gradient(name, param, grad)?;
    let on_cpu = |buffer| match buffer {
        &mut Storage::Cpu(ref mut storage) => T::slice_mut(storage),
        _ => unreachable!("buffers lie where the parameter does"),
    };
    let buffers = buffers.into_iter().map(on_cpu).collect();
    param.inplace_op2(&plain(grad)?, &Update { buffers: Mutex::new(buffers), f })
}

/// Stops on a gradient that is not its parameter's.
pub(super) fn check_gradient(name: &str, param: &Var, grad: &Tensor) -> Result<()> {
    if grad.dims() != param.dims() || grad.dtype() != param.dtype() {
        bail!(
            "{name}: parameter {:?} of shape {:?}, gradient {:?} of shape {:?}",
            param.dtype(),
            param.dims(),
            grad.dtype(),
            grad.dims()
        );
    }
    Ok(())
}

struct Update<'a, T, F> {
    buffers: Mutex<Vec<&'a mut [T]>>,
    f: F,
}

impl<T: Element, F: Fn(&mut [T], &[T], &mut [&mut [T]]) + Sync> InplaceOp2 for Update<'_, T, F> {
    fn name(&self) -> &'static str {
        "optimiser-step"
    }

    fn cpu_fwd(&self, param: &mut CpuStorage, pl: &Layout, grad: &CpuStorage, gl: &Layout) -> Result<()> {
        let (Some((p0, p1)), Some((g0, g1))) = (pl.contiguous_offsets(), gl.contiguous_offsets()) else {
            bail!("optimiser step: expected a contiguous parameter, found strides {:?}", pl.stride());
        };
        let param = &mut T::slice_mut(param)[p0..p1];
        let grad = &T::cpu_storage_as_slice(grad)?[g0..g1];
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffers: Vec<_> = buffers.iter_mut().map(|b| b.chunks_mut(CHUNK)).collect();
        let pieces: Vec<_> = param
            .chunks_mut(CHUNK)
            .zip(grad.chunks(CHUNK))
            .map(|(p, g)| (p, g, buffers.iter_mut().filter_map(Iterator::next).collect::<Vec<_>>()))
            .collect();
        pieces.into_par_iter().for_each(|(p, g, mut b)| (self.f)(p, g, &mut b));
        Ok(())
    }
}
