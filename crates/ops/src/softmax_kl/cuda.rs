//! `KL(target || softmax(logits))` on the card; what the kernels compute is said in `softmax_kl.cu`.

use candle_core::Result;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};

use crate::cuda::geometry;
use crate::cuda::launch::{args, entry};
use crate::cuda::nvrtc::Source;
use crate::cuda::{Gpu, MapElement};

const SOURCE: Source = Source { name: "softmax_kl.cu", text: include_str!("softmax_kl.cu") };

/// A loss over rows with its gradient.
pub(crate) struct RowLoss<T: MapElement> {
    /// One value: the mean over the rows.
    pub(crate) loss: CudaSlice<T::Acc>,
    /// One value: the first row that was no valid target, or -1. Reading it waits for the card, so read it with the
    /// loss.
    pub(crate) fault: CudaSlice<i64>,
    /// Shape of the logits.
    pub(crate) grad: CudaSlice<T>,
}

/// Loss and gradient for `logits` and `target` `[rows, n]`. A row of `target` whose sum is off 1 by more than
/// `tolerance`, or that holds a negative value, is a fault.
///
/// # Errors
/// When memory runs out or the launch fails.
pub(crate) fn softmax_kl<T: MapElement>(
    gpu: &Gpu,
    logits: &CudaView<T>,
    target: &CudaView<T::Acc>,
    (rows, n): (usize, usize),
    tolerance: f64,
) -> Result<RowLoss<T>> {
    let mut grad = gpu.array(rows * n)?;
    let (mut row_loss, mut row_fault) = (gpu.array::<T::Acc>(rows)?, gpu.array::<i32>(rows)?);
    gpu.launch(
        SOURCE,
        &entry::<T>("softmax_kl_rows"),
        geometry::rows(rows, n),
        &args![
            gpu.write(&mut grad),
            gpu.write(&mut row_loss),
            gpu.write(&mut row_fault),
            gpu.read(logits),
            gpu.read(target),
            rows,
            n,
            tolerance,
        ],
    )?;
    let (mut loss, mut fault) = (gpu.array(1)?, gpu.array(1)?);
    gpu.launch(
        SOURCE,
        &entry::<T::Acc>("softmax_kl_total"),
        geometry::single(),
        &args![gpu.write(&mut loss), gpu.write(&mut fault), gpu.read(&row_loss), gpu.read(&row_fault), rows],
    )?;
    Ok(RowLoss { loss, fault, grad })
}
