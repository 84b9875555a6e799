//! Opening a card.

use candle_core::cuda_backend::CudaDevice;
use candle_core::cuda_backend::cudarc::driver::{CudaContext, result, sys};
use candle_core::{Device, Error, Result};

/// The card of this number, with one stream for the whole process.
///
/// candle's own `Device::new_cuda` takes the per-thread stream: a batch that the loader's thread uploads would not be
/// ordered before the step that reads it.
///
/// # Errors
/// When there is no driver or no such card.
pub(crate) fn open(card: usize) -> Result<Device> {
    let device = CudaDevice::new_with_stream(card)?;
    // SAFETY: everything that touches this device's memory is queued on its one stream, in the order it is asked for, so
    // there is nothing for events to order; an event to every array and use would cost more than many of our kernels.
    #[allow(unsafe_code)]
    unsafe {
        device.disable_event_tracking();
    }
    keep_memory(device.cuda_stream().context()).map_err(Error::wrap)?;
    Ok(Device::Cuda(device))
}

/// Lets the driver's pool keep freed memory: by default it is given back whenever the host waits for the card, which
/// a training step does, and is reserved anew in the next.
fn keep_memory(context: &CudaContext) -> std::result::Result<(), result::DriverError> {
    let mut threshold = u64::MAX;
    // SAFETY: the device belongs to a live context; the attribute is a 64-bit number that the driver copies.
    #[allow(unsafe_code)]
    unsafe {
        let pool = result::device::get_default_mem_pool(context.cu_device())?;
        let attribute = sys::CUmemPool_attribute_enum::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        sys::cuMemPoolSetAttribute(pool, attribute, (&raw mut threshold).cast()).result()
    }
}

/// The most that the driver's pool had lent out at once; none where the driver does not tell.
pub(crate) fn peak_bytes(device: &CudaDevice) -> Option<u64> {
    let mut bytes = 0u64;
    // SAFETY: as in `keep_memory`; the driver writes a 64-bit number.
    #[allow(unsafe_code)]
    let told = unsafe {
        let pool = result::device::get_default_mem_pool(device.cuda_stream().context().cu_device()).ok()?;
        let attribute = sys::CUmemPool_attribute_enum::CU_MEMPOOL_ATTR_USED_MEM_HIGH;
        sys::cuMemPoolGetAttribute(pool, attribute, (&raw mut bytes).cast())
    };
    told.result().ok().map(|()| bytes)
}
