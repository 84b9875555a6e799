//! What the graph does between operations on the card.

use candle_core::Result;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView, DevicePtr};
use half::bf16;

use super::element::MapElement;
use super::geometry::{self, MapDims};
use super::launch::{Gpu, args, entry, map_entry};
use super::nvrtc::Source;

const SOURCE: Source = Source { name: "elementwise.cu", text: include_str!("elementwise.cu") };

/// `from` times the one value of `factor`.
///
/// # Errors
/// When memory runs out or the launch fails; so in every function of this file.
pub(crate) fn scale<T: MapElement>(
    gpu: &Gpu,
    from: &CudaView<T>,
    factor: &CudaView<T::Acc>,
) -> Result<CudaSlice<T>> {
    let count = from.len();
    let mut to = gpu.array(count)?;
    gpu.launch(
        SOURCE,
        &entry::<T>("scale"),
        geometry::flat(count),
        &args![gpu.write(&mut to), gpu.read(from), gpu.read(factor), count],
    )?;
    Ok(to)
}

/// `to += from`, of one length.
pub(crate) fn add_in_place<T: MapElement>(
    gpu: &Gpu,
    to: &mut CudaSlice<T>,
    from: &CudaView<T>,
) -> Result<()> {
    let count = from.len();
    assert_eq!(to.len(), count, "add_in_place: two lengths");
    let dims = MapDims { images: 1, rows: 1, channels: count };
    let width = gpu.width(dims, &[from, &to.as_view()]);
    gpu.launch(
        SOURCE,
        &map_entry::<T>("add_in_place", width),
        geometry::flat(count / width),
        &args![gpu.write(to), gpu.read(from), count],
    )
}

/// `[images, columns, rows]` to `[images, rows, columns]`: NCHW to NHWC with `columns` = C and `rows` = H W, and back
/// with the two exchanged.
pub(crate) fn swap_axes<T: MapElement>(
    gpu: &Gpu,
    from: &CudaView<T>,
    (images, columns, rows): (usize, usize, usize),
) -> Result<CudaSlice<T>> {
    assert_eq!(from.len(), images * columns * rows, "swap_axes: dimensions of another array");
    let mut to = gpu.array(from.len())?;
    // The kernel's rows and columns are those of its input.
    gpu.launch(
        SOURCE,
        &entry::<T>("swap_axes"),
        geometry::flat(from.len()),
        &args![gpu.write(&mut to), gpu.read(from), images, columns, rows],
    )?;
    Ok(to)
}

/// f32 to bf16, nearest, ties to even.
pub(crate) fn narrow(gpu: &Gpu, from: &impl DevicePtr<f32>) -> Result<CudaSlice<bf16>> {
    let mut to = gpu.array(from.len())?;
    gpu.launch(
        SOURCE,
        "narrow_bf16",
        geometry::flat(from.len()),
        &args![gpu.write(&mut to), gpu.read(from), from.len()],
    )?;
    Ok(to)
}

/// bf16 to f32.
pub(crate) fn widen(gpu: &Gpu, from: &impl DevicePtr<bf16>) -> Result<CudaSlice<f32>> {
    let mut to = gpu.array(from.len())?;
    gpu.launch(
        SOURCE,
        "widen_bf16",
        geometry::flat(from.len()),
        &args![gpu.write(&mut to), gpu.read(from), from.len()],
    )?;
    Ok(to)
}
