//! Optimiser steps over all parameters in one launch; what the kernels compute is said in `optim.cu`.

use candle_core::Result;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};

use crate::cuda::geometry;
use crate::cuda::launch::{Arg, args, entry};
use crate::cuda::nvrtc::Source;
use crate::cuda::{Gpu, Param};

const SOURCE: Source = Source { name: "optim.cu", text: include_str!("optim.cu") };

/// Elements to a block; `CHUNK` in `optim.cu`.
const CHUNK: usize = 16384;

/// One parameter with its gradient and the optimiser's state, all of one length.
///
/// The step writes `param` and `state` through these shared views: candle lends many tensors at once for reading only.
/// That is sound because everything that reads them is queued on the same stream, before or after the step, and
/// because the caller holds the only handle that changes parameters.
pub(crate) struct Row<'a, A> {
    pub(crate) param: CudaView<'a, A>,
    pub(crate) grad: CudaView<'a, A>,
    /// Velocity (SGD), or both means (AdamW); empty for the length of gradients.
    pub(crate) state: Vec<CudaView<'a, A>>,
    /// Weight decay of this parameter.
    pub(crate) decay: f64,
}

/// The chunk table, kept from step to step.
#[derive(Default)]
pub(crate) struct Chunks {
    lens: Vec<usize>,
    table: Option<CudaSlice<i64>>,
    count: usize,
}

impl Chunks {
    /// Cuts the parameters, anew only where their lengths changed (a parameter without gradient is left out of a step).
    fn cut<A>(&mut self, gpu: &Gpu, rows: &[Row<A>]) -> Result<()> {
        let lens: Vec<usize> = rows.iter().map(|row| row.param.len()).collect();
        if self.table.is_some() && self.lens == lens {
            return Ok(());
        }
        let starts = |(row, &len): (usize, &usize)| {
            (0..len).step_by(CHUNK).map(move |start| [row as i64, start as i64])
        };
        let chunks: Vec<i64> = lens.iter().enumerate().flat_map(starts).flatten().collect();
        self.count = chunks.len() / 2;
        self.table = Some(gpu.device.clone_htod(&chunks)?);
        self.lens = lens;
        Ok(())
    }

    /// Hands the two tables, and the number of chunks, to `launch`.
    fn with<A: Param>(
        &mut self,
        gpu: &Gpu,
        rows: &[Row<A>],
        launch: impl FnOnce(&CudaSlice<i64>, &CudaSlice<i64>, usize) -> Result<()>,
    ) -> Result<()> {
        self.cut(gpu, rows)?;
        let Some(chunks) = self.table.as_ref().filter(|_| self.count > 0) else { return Ok(()) };
        let mut marks = Vec::new();
        let mut table = Vec::with_capacity(6 * rows.len());
        for row in rows {
            assert_eq!(row.grad.len(), row.param.len(), "optimiser: a gradient of another length");
            let arrays = [gpu.read(&row.param), gpu.read(&row.grad)];
            let state = row.state.iter().map(|state: &CudaView<A>| {
                assert_eq!(state.len(), row.param.len(), "optimiser: a state of another length");
                gpu.read(state)
            });
            let arrays: Vec<Arg> = arrays.into_iter().chain(state).collect();
            for i in 0..4 {
                table.push(match arrays.get(i) {
                    Some(Arg::Array(pointer, _)) => *pointer as i64,
                    _ => 0,
                });
            }
            table.extend([row.param.len() as i64, row.decay.to_bits() as i64]);
            marks.extend(arrays);
        }
        let table = gpu.device.clone_htod(&table)?;
        launch(&table, chunks, self.count)
    }
}

/// `g = scale grad + decay p; u = momentum u + g; p = p - lr u`, with one state, `u`. `clip`: one more factor on the
/// gradients, on the card (the second value of [`global_norm`]).
///
/// # Errors
/// When memory runs out or the launch fails; so in every function of this file.
pub(crate) fn sgd<A: Param>(
    gpu: &Gpu,
    chunks: &mut Chunks,
    rows: &[Row<A>],
    lr: f64,
    momentum: f64,
    scale: f64,
    clip: Option<&CudaView<f64>>,
) -> Result<()> {
    assert!(rows.iter().all(|row| row.state.len() == 1), "sgd: expected one state");
    chunks.with(gpu, rows, |table, chunks, count| {
        gpu.launch(
            SOURCE,
            &entry::<A>("sgd"),
            geometry::rows(count, CHUNK),
            &args![gpu.read(table), gpu.read(chunks), count, lr, momentum, scale, gpu.read_or_null(clip)],
        )
    })
}

/// Numbers of one AdamW step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamWStep {
    pub(crate) lr: f64,
    pub(crate) beta1: f64,
    pub(crate) beta2: f64,
    pub(crate) eps: f64,
    /// This step's number, from 1.
    pub(crate) t: i64,
}

/// AdamW as `optim/adamw.rs` has it, with two states: the mean of gradients and of their squares.
pub(crate) fn adamw<A: Param>(
    gpu: &Gpu,
    chunks: &mut Chunks,
    rows: &[Row<A>],
    step: AdamWStep,
    scale: f64,
    clip: Option<&CudaView<f64>>,
) -> Result<()> {
    assert!(rows.iter().all(|row| row.state.len() == 2), "adamw: expected two states");
    let AdamWStep { lr, beta1, beta2, eps, t } = step;
    let t = t as f64;
    let rate = lr / (1.0 - beta1.powf(t));
    let root_scale = (1.0 - beta2.powf(t)).sqrt().recip();
    chunks.with(gpu, rows, |table, chunks, count| {
        gpu.launch(
            SOURCE,
            &entry::<A>("adamw"),
            geometry::rows(count, CHUNK),
            &args![
                gpu.read(table),
                gpu.read(chunks),
                count,
                lr,
                rate,
                root_scale,
                beta1,
                beta2,
                eps,
                scale,
                gpu.read_or_null(clip)
            ],
        )
    })
}

/// Two values on the card: the Euclidean length of `scale` times all gradients, and the factor that brings it down to
/// `max_norm` (1 where it is shorter, or no number). Nothing waits for the card.
pub(crate) fn global_norm<A: Param>(
    gpu: &Gpu,
    chunks: &mut Chunks,
    rows: &[Row<A>],
    scale: f64,
    max_norm: f64,
) -> Result<CudaSlice<f64>> {
    let mut out = gpu.zeros(2)?;
    chunks.with(gpu, rows, |table, chunks, count| {
        let mut partial = gpu.array::<f64>(count)?;
        gpu.launch(
            SOURCE,
            &entry::<A>("grad_norm_sums"),
            geometry::rows(count, CHUNK),
            &args![gpu.write(&mut partial), gpu.read(table), gpu.read(chunks), count],
        )?;
        gpu.launch(
            SOURCE,
            "grad_norm_total",
            geometry::single(),
            &args![gpu.write(&mut out), gpu.read(&partial), count, scale, max_norm],
        )
    })?;
    Ok(out)
}
