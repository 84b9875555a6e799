//! The paper's contrastive loss on the card; what the kernels compute is said in `contrastive.cu`.

use candle_core::Result;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView, CudaViewMut, DevicePtr};

use crate::cuda::geometry;
use crate::cuda::launch::{args, entry};
use crate::cuda::nvrtc::Source;
use crate::cuda::{Gpu, Param};

const SOURCE: Source = Source { name: "contrastive.cu", text: include_str!("contrastive.cu") };

/// The loss with its gradients.
pub(crate) struct Loss<A> {
    /// One value.
    pub(crate) loss: CudaSlice<A>,
    /// One value: pairs whose margin was below the smallest.
    pub(crate) clamped: CudaSlice<i64>,
    /// Of the frames, their speech and their hard negatives, `[B, D]` each.
    pub(crate) grads: [CudaSlice<A>; 3],
}

/// A matrix in memory with the steps from row to row and from column to column, in elements.
struct Matrix<'a, P>(&'a P, usize, usize);

/// `c = a b`, or `c += a b`, for `a` `[m, k]`, `b` `[k, n]` and `c` with rows `c_row` apart.
fn matmul<A: Param>(
    gpu: &Gpu,
    c: &mut CudaViewMut<A>,
    c_row: usize,
    a: Matrix<impl DevicePtr<A>>,
    b: Matrix<impl DevicePtr<A>>,
    (m, k, n): (usize, usize, usize),
    add: bool,
) -> Result<()> {
    gpu.launch(
        SOURCE,
        &entry::<A>("contrastive_matmul"),
        geometry::tiles(m, n),
        &args![gpu.write(c), c_row, gpu.read(a.0), a.1, a.2, gpu.read(b.0), b.1, b.2, m, k, n, add],
    )
}

/// The loss for frames `video`, their `speech` and their `hard` negatives, `[b, d]` each.
///
/// # Errors
/// When memory runs out or a launch fails.
pub(crate) fn paper_contrastive<A: Param>(
    gpu: &Gpu,
    video: &CudaView<A>,
    speech: &CudaView<A>,
    hard: &CudaView<A>,
    min_margin: f64,
    (b, d): (usize, usize),
) -> Result<Loss<A>> {
    let others = [video, speech, hard];
    let width = 3 * b;
    // columns p b.. of `sims` are the products of all frames with others[p]; from there to the end of the array
    let part = |p: usize| p * b..b * width;
    let mut sims = gpu.array::<A>(b * width)?;
    for (p, other) in others.into_iter().enumerate() {
        let (frames, other) = (Matrix(video, d, 1), Matrix(other, 1, d));
        matmul(gpu, &mut sims.slice_mut(part(p)), width, frames, other, (b, d, b), false)?;
    }
    let (mut row_loss, mut row_clamped) = (gpu.array::<A>(b)?, gpu.array::<i32>(b)?);
    gpu.launch(
        SOURCE,
        &entry::<A>("contrastive_rows"),
        geometry::rows(b, width),
        &args![gpu.write(&mut sims), gpu.write(&mut row_loss), gpu.write(&mut row_clamped), b, min_margin],
    )?;
    let (mut loss, mut clamped) = (gpu.array(1)?, gpu.array(1)?);
    gpu.launch(
        SOURCE,
        &entry::<A>("contrastive_total"),
        geometry::single(),
        &args![gpu.write(&mut loss), gpu.write(&mut clamped), gpu.read(&row_loss), gpu.read(&row_clamped), b],
    )?;
    // sims now holds its own gradient
    let mut grads = [gpu.array::<A>(b * d)?, gpu.array(b * d)?, gpu.array(b * d)?];
    for (p, other) in others.into_iter().enumerate() {
        let rows = sims.slice(part(p));
        let into = &mut grads[0].as_view_mut();
        matmul(gpu, into, d, Matrix(&rows, width, 1), Matrix(other, d, 1), (b, b, d), p > 0)?;
    }
    for (p, grad) in grads.iter_mut().enumerate() {
        let columns = sims.slice(part(p));
        let into = &mut grad.as_view_mut();
        matmul(gpu, into, d, Matrix(&columns, 1, width), Matrix(video, d, 1), (b, b, d), p == 0)?;
    }
    Ok(Loss { loss, clamped, grads })
}
