//! Optimiser steps over tensors on a CUDA device, all parameters in one launch.

use candle_core::backprop::GradStore;
use candle_core::{Result, Storage, Tensor, Var, bail};

use super::DecayOn;
use super::state::{Buffers, check_gradient};
use crate::cuda::optim::{self, AdamWStep, Chunks, Row};
use crate::cuda::scalar_loss::read;
use crate::cuda::storage::Lent;
use crate::cuda::{Gpu, Param, dense, gpu, lend};
use crate::element::by_dtype;

const NAME: &str = "optimiser step";

/// Whether these parameters lie on a card.
pub(super) fn is_there(params: &[(String, Var)]) -> bool {
    params.first().is_some_and(|(_, var)| var.device().is_cuda())
}

/// What both optimisers have in common.
pub(super) struct Step<'a> {
    pub params: &'a [(String, Var)],
    pub grads: &'a GradStore,
    pub weight_decay: f64,
    pub decay_on: DecayOn,
    pub scale: f64,
}

/// A parameter with its gradient, dense.
struct Pair {
    name: String,
    param: Tensor,
    grad: Tensor,
    decay: f64,
}

impl Step<'_> {
    /// The parameters that have a gradient; all of one type on one card.
    fn pairs(&self) -> Result<Vec<Pair>> {
        let first = self.params.first().map(|(_, var)| var);
        let mut pairs = Vec::new();
        for (name, var) in self.params {
            let Some(grad) = self.grads.get(var) else { continue };
            check_gradient(name, var, grad)?;
            if let Some(first) = first
                && (first.dtype() != var.dtype() || !first.device().same_device(var.device()))
            {
                bail!(
                    "{name}: expected all parameters to be {:?} on one card, found {:?}",
                    first.dtype(),
                    var.dtype()
                );
            }
            let param = var.as_detached_tensor();
            if !param.is_contiguous() {
                bail!("{name}: expected a contiguous parameter, found strides {:?}", param.stride());
            }
            let decay = self.decay_on.rate(var, self.weight_decay);
            pairs.push(Pair { name: name.clone(), param, grad: dense(grad)?, decay });
        }
        Ok(pairs)
    }
}

/// Lends everything to `launch`, as the rows of its table.
fn with_rows<A: Param, R>(
    pairs: &[Pair],
    buffers: &[&Buffers],
    launch: impl FnOnce(&Gpu, &[Row<A>]) -> Result<R>,
) -> Result<Option<R>> {
    let Some(first) = pairs.first() else { return Ok(None) };
    let gpu = gpu(NAME, &first.param)?;
    let lent: Vec<(Lent, Lent)> = pairs.iter().map(|pair| (lend(&pair.param), lend(&pair.grad))).collect();
    let rows = pairs.iter().zip(&lent).map(|(pair, (param, grad))| {
        let state = buffers.iter().map(|buffers| match buffers.get(&pair.name) {
            Storage::Cuda(storage) => Ok(storage.as_cuda_slice::<A>()?.as_view()),
            _ => bail!("{}: its state is not on a CUDA device", pair.name),
        });
        Ok(Row {
            param: param.view(NAME)?,
            grad: grad.view(NAME)?,
            state: state.collect::<Result<_>>()?,
            decay: pair.decay,
        })
    });
    let rows = rows.collect::<Result<Vec<_>>>()?;
    launch(&gpu, &rows).map(Some)
}

/// As `Sgd::step`.
pub(super) fn sgd(
    step: &Step<'_>,
    velocity: &Buffers,
    chunks: &mut Chunks,
    lr: f64,
    momentum: f64,
) -> Result<()> {
    let pairs = step.pairs()?;
    let Some(first) = pairs.first() else { return Ok(()) };
    by_dtype!(NAME, first.param, T => {
        with_rows::<T, _>(&pairs, &[velocity], |gpu, rows| {
            optim::sgd(gpu, chunks, rows, lr, momentum, step.scale, None)
        })?;
    });
    Ok(())
}

/// As `AdamW::step`.
pub(super) fn adamw(
    step: &Step<'_>,
    means: [&Buffers; 2],
    chunks: &mut Chunks,
    numbers: AdamWStep,
) -> Result<()> {
    let pairs = step.pairs()?;
    let Some(first) = pairs.first() else { return Ok(()) };
    by_dtype!(NAME, first.param, T => {
        with_rows::<T, _>(&pairs, &means, |gpu, rows| {
            optim::adamw(gpu, chunks, rows, numbers, step.scale, None)
        })?;
    });
    Ok(())
}

/// As `optim::global_norm`.
pub(super) fn global_norm(params: &[(String, Var)], grads: &GradStore) -> Result<f64> {
    let step = Step { params, grads, weight_decay: 0.0, decay_on: DecayOn::All, scale: 1.0 };
    let pairs = step.pairs()?;
    let Some(first) = pairs.first() else { return Ok(0.0) };
    let norm = by_dtype!(NAME, first.param, T => {
        with_rows::<T, _>(&pairs, &[], |gpu, rows| {
            let norm = optim::global_norm(gpu, &mut Chunks::default(), rows, 1.0, f64::MAX)?;
            read(gpu, &norm.slice(0..1))
        })?
    });
    Ok(norm.unwrap_or(0.0))
}
