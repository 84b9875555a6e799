//! From candle's tensors to views of the card's memory, and back.

use std::cell::RefCell;

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::CudaDType;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView, CudaViewMut};
use candle_core::{
    CpuStorage, CudaStorage, Device, InplaceOp1, Layout, Result, Shape, Storage, StorageRef, Tensor, bail,
};

use super::launch::Gpu;
use crate::element;

/// Bytes that a vector load, and cuDNN's tensor cores, want a map to start at a multiple of.
const ALIGNMENT: usize = 16;

/// The card that a tensor lies on.
///
/// # Errors
/// When it is elsewhere; the message names the operation.
pub(crate) fn gpu(name: &str, tensor: &Tensor) -> Result<Gpu> {
    match tensor.device() {
        Device::Cuda(device) => Ok(Gpu::new(device)),
        other => bail!("{name}: expected a tensor on a CUDA device, found one on {:?}", other.location()),
    }
}

/// The same values without graph and without gaps, from an aligned start.
pub(crate) fn dense(tensor: &Tensor) -> Result<Tensor> {
    let tensor = element::plain(tensor)?;
    let start = tensor.layout().start_offset() * tensor.dtype().size_in_bytes();
    if start.is_multiple_of(ALIGNMENT) { Ok(tensor) } else { tensor.copy() }
}

/// A tensor whose memory is lent for reading while this lives.
pub(crate) struct Lent<'a>(StorageRef<'a>, &'a Layout);

/// Lends the memory of a tensor.
pub(crate) fn lend(tensor: &Tensor) -> Lent<'_> {
    let (storage, layout) = tensor.storage_and_layout();
    Lent(storage, layout)
}

impl Lent<'_> {
    /// Its values.
    ///
    /// # Errors
    /// When they are of another type, not on a card, or have gaps; the message names the operation.
    pub(crate) fn view<T: CudaDType>(&self, name: &str) -> Result<CudaView<'_, T>> {
        match &*self.0 {
            Storage::Cuda(storage) => view(name, storage, self.1),
            other => {
                let place = other.device().location();
                bail!("{name}: expected a tensor on a CUDA device, found one on {place:?}")
            }
        }
    }
}

/// The values of a contiguous tensor.
///
/// # Errors
/// When the storage is of another type, or the layout has gaps; the message names the operation.
pub(crate) fn view<'a, T: CudaDType>(
    name: &str,
    storage: &'a CudaStorage,
    layout: &Layout,
) -> Result<CudaView<'a, T>> {
    let (start, end) = range(name, layout)?;
    let Ok(slice) = storage.as_cuda_slice::<T>() else {
        bail!("{name}: unexpected dtype {:?} of shape {:?}", storage.dtype(), layout.dims());
    };
    Ok(slice.slice(start..end))
}

/// The same for writing.
///
/// # Errors
/// As [`view`].
pub(crate) fn view_mut<'a, T: CudaDType>(
    name: &str,
    storage: &'a mut CudaStorage,
    layout: &Layout,
) -> Result<CudaViewMut<'a, T>> {
    let (start, end) = range(name, layout)?;
    let dtype = storage.dtype();
    let Ok(slice) = storage.as_cuda_slice_mut::<T>() else {
        bail!("{name}: unexpected dtype {dtype:?} of shape {:?}", layout.dims());
    };
    Ok(slice.slice_mut(start..end))
}

fn range(name: &str, layout: &Layout) -> Result<(usize, usize)> {
    match layout.contiguous_offsets() {
        Some(range) => Ok(range),
        None => bail!(
            "{name}: expected a contiguous tensor, found strides {:?} of shape {:?}",
            layout.stride(),
            layout.dims()
        ),
    }
}

/// Lends the memory of a tensor for writing to `f`.
///
/// # Errors
/// When it is not on a card, and what `f` reports.
pub(crate) fn write<R>(
    name: &'static str,
    tensor: &Tensor,
    f: impl FnOnce(&mut CudaStorage, &Layout) -> Result<R>,
) -> Result<R> {
    let op = Write { name, f: RefCell::new(Some(f)), result: RefCell::new(None) };
    tensor.inplace_op1(&op)?;
    Ok(op.result.into_inner().expect("candle calls an operation that it reports no error of"))
}

/// candle lends memory for writing to an operation only.
struct Write<F, R> {
    name: &'static str,
    f: RefCell<Option<F>>,
    result: RefCell<Option<R>>,
}

impl<R, F: FnOnce(&mut CudaStorage, &Layout) -> Result<R>> InplaceOp1 for Write<F, R> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, _: &mut CpuStorage, _: &Layout) -> Result<()> {
        bail!("{}: expected a tensor on a CUDA device, found one on the CPU", self.name)
    }

    fn cuda_fwd(&self, storage: &mut CudaStorage, layout: &Layout) -> Result<()> {
        let f = self.f.borrow_mut().take().expect("candle calls an operation once");
        *self.result.borrow_mut() = Some(f(storage, layout)?);
        Ok(())
    }
}

/// A result as candle keeps it.
pub(crate) fn storage<T: CudaDType>(gpu: &Gpu, slice: CudaSlice<T>) -> Storage {
    Storage::Cuda(CudaStorage::wrap_cuda_slice(slice, gpu.device.clone()))
}

/// A result as a tensor without graph.
pub(crate) fn tensor<T: CudaDType>(gpu: &Gpu, slice: CudaSlice<T>, shape: impl Into<Shape>) -> Tensor {
    element::tensor(storage(gpu, slice), shape)
}
