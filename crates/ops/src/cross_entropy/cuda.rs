//! Cross-entropy on the card; what the kernels compute is said in `cross_entropy.cu`.

use candle_core::Result;
use candle_core::cuda_backend::cudarc::driver::CudaView;

use crate::cuda::geometry;
use crate::cuda::launch::{args, entry};
use crate::cuda::nvrtc::Source;
use crate::cuda::softmax_kl::RowLoss;
use crate::cuda::{Gpu, MapElement};

const SOURCE: Source = Source { name: "cross_entropy.cu", text: include_str!("cross_entropy.cu") };

/// Loss and gradient for `logits` `[rows, n]` and `labels` `[rows]`; a label of n or more is a fault.
///
/// # Errors
/// When memory runs out or the launch fails.
pub(crate) fn cross_entropy<T: MapElement>(
    gpu: &Gpu,
    logits: &CudaView<T>,
    labels: &CudaView<u32>,
    (rows, n): (usize, usize),
) -> Result<RowLoss<T>> {
    let mut grad = gpu.array(rows * n)?;
    let (mut row_loss, mut row_fault) = (gpu.array::<T::Acc>(rows)?, gpu.array::<i32>(rows)?);
    gpu.launch(
        SOURCE,
        &entry::<T>("cross_entropy_rows"),
        geometry::rows(rows, n),
        &args![
            gpu.write(&mut grad),
            gpu.write(&mut row_loss),
            gpu.write(&mut row_fault),
            gpu.read(logits),
            gpu.read(labels),
            rows,
            n
        ],
    )?;
    let (mut loss, mut fault) = (gpu.array(1)?, gpu.array(1)?);
    gpu.launch(
        SOURCE,
        &entry::<T::Acc>("cross_entropy_total"),
        geometry::single(),
        &args![gpu.write(&mut loss), gpu.write(&mut fault), gpu.read(&row_loss), gpu.read(&row_fault), rows],
    )?;
    Ok(RowLoss { loss, fault, grad })
}
