//! What the graph does between operations on the card.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView, CudaViewMut};
use candle_core::{CudaStorage, Layout, Result};

use super::element::{MapElement, by_map_type};
use super::geometry::{self, MapDims};
use super::launch::{Gpu, args, entry, map_entry};
use super::nvrtc::Source;
use super::storage;

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
    to: &mut CudaViewMut<T>,
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

/// The same for storages of one type, f32, f64 or bf16.
pub(crate) fn add_storage(
    dst: &mut CudaStorage,
    dst_l: &Layout,
    src: &CudaStorage,
    src_l: &Layout,
) -> Result<()> {
    const NAME: &str = "add-in-place";
    let gpu = Gpu::new(dst.device());
    by_map_type!(NAME, src, T => {
        let from = storage::view::<T>(NAME, src, src_l)?;
        add_in_place(&gpu, &mut storage::view_mut(NAME, dst, dst_l)?, &from)
    })
}
