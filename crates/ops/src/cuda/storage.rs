//! From candle's storage to views of the card's memory, and back.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::CudaDType;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};
use candle_core::{CudaStorage, Layout, Result, Storage, bail};

use super::launch::Gpu;

/// The values of a contiguous tensor.
///
/// # Errors
/// When the storage is of another type, or the layout has gaps; the message names the operation.
pub(crate) fn view<'a, T: CudaDType>(
    name: &str,
    storage: &'a CudaStorage,
    layout: &Layout,
) -> Result<CudaView<'a, T>> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!(
            "{name}: expected a contiguous tensor, found strides {:?} of shape {:?}",
            layout.stride(),
            layout.dims()
        );
    };
    let Ok(slice) = storage.as_cuda_slice::<T>() else {
        bail!("{name}: unexpected dtype {:?} of shape {:?}", storage.dtype(), layout.dims());
    };
    Ok(slice.slice(start..end))
}

/// The storage of a tensor on a card.
///
/// # Errors
/// When it is elsewhere; the message names the operation.
pub(crate) fn on_card<'a>(name: &str, storage: &'a Storage) -> Result<&'a CudaStorage> {
    match storage {
        Storage::Cuda(storage) => Ok(storage),
        other => {
            bail!("{name}: expected a tensor on a CUDA device, found one on {:?}", other.device().location())
        }
    }
}

/// A result as candle keeps it.
pub(crate) fn storage<T: CudaDType>(gpu: &Gpu, slice: CudaSlice<T>) -> CudaStorage {
    CudaStorage::wrap_cuda_slice(slice, gpu.device.clone())
}
