//! A device with its stream, and the launch of one kernel.

use std::sync::Arc;

use candle_core::cuda_backend::CudaDevice;
use candle_core::cuda_backend::cudarc::driver::{
    CudaSlice, CudaStream, CudaView, DevicePtr, DevicePtrMut, DeviceRepr, LaunchConfig, PushKernelArg,
    SyncOnDrop, ValidAsZeroBits,
};
use candle_core::{Error, Result};

use super::element::MapElement;
use super::geometry::MapDims;
use super::nvrtc::{self, Source};

/// An argument of a kernel.
pub(crate) enum Arg<'a> {
    /// An array, and the mark of its use for other streams, set when this is dropped.
    Array(u64, #[expect(dead_code, reason = "held for its drop")] Option<SyncOnDrop<'a>>),
    /// A whole number. Where the kernel wants an `int`, the driver reads the first four bytes; CUDA hosts are
    /// little-endian.
    Whole(i64),
    /// A `double`.
    Real(f64),
}

impl From<usize> for Arg<'_> {
    fn from(value: usize) -> Self {
        Self::Whole(value as i64)
    }
}

impl From<bool> for Arg<'_> {
    fn from(value: bool) -> Self {
        Self::Whole(i64::from(value))
    }
}

impl From<f64> for Arg<'_> {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

/// Arguments of every kind in the order of the kernel's parameters: `args![gpu.write(&mut y), gpu.read(&x), rows]`.
macro_rules! args {
    ($($arg:expr),* $(,)?) => { [$(crate::cuda::launch::Arg::from($arg)),*] };
}
pub(crate) use args;

/// A card and the stream that all work is queued on.
#[derive(Clone, Debug)]
pub(crate) struct Gpu {
    /// As candle knows it.
    pub(crate) device: CudaDevice,
    stream: Arc<CudaStream>,
}

impl Gpu {
    /// The device of a candle storage.
    pub(crate) fn new(device: &CudaDevice) -> Self {
        Self { device: device.clone(), stream: device.cuda_stream() }
    }

    /// The stream.
    pub(crate) fn stream(&self) -> &Arc<CudaStream> {
        &self.stream
    }

    /// An array of `len` values that a kernel is about to write, all of them.
    ///
    /// # Errors
    /// When memory runs out.
    pub(crate) fn array<T: DeviceRepr>(&self, len: usize) -> Result<CudaSlice<T>> {
        // SAFETY: callers hand it to a kernel that writes every value before anything reads one.
        #[allow(unsafe_code)]
        unsafe {
            self.stream.alloc(len).map_err(Error::wrap)
        }
    }

    /// An array of `len` zeros.
    ///
    /// # Errors
    /// When memory runs out.
    pub(crate) fn zeros<T: DeviceRepr + ValidAsZeroBits>(&self, len: usize) -> Result<CudaSlice<T>> {
        self.stream.alloc_zeros(len).map_err(Error::wrap)
    }

    /// An array that the kernel reads.
    pub(crate) fn read<'a, T>(&'a self, array: &'a impl DevicePtr<T>) -> Arg<'a> {
        let (pointer, mark) = array.device_ptr(&self.stream);
        Arg::Array(pointer, Some(mark))
    }

    /// An array that the kernel reads, or null.
    pub(crate) fn read_or_null<'a, T>(&'a self, array: Option<&'a impl DevicePtr<T>>) -> Arg<'a> {
        array.map_or(Arg::Array(0, None), |array| self.read(array))
    }

    /// An array that the kernel writes, or reads and writes.
    pub(crate) fn write<'a, T>(&'a self, array: &'a mut impl DevicePtrMut<T>) -> Arg<'a> {
        let (pointer, mark) = array.device_ptr_mut(&self.stream);
        Arg::Array(pointer, Some(mark))
    }

    /// An array that the kernel writes, or null.
    pub(crate) fn write_or_null<'a, T>(&'a self, array: Option<&'a mut impl DevicePtrMut<T>>) -> Arg<'a> {
        array.map_or(Arg::Array(0, None), |array| self.write(array))
    }

    /// Values that one thread moves at once: all of `MapElement::WIDTH` where the channels divide by it and every
    /// given map starts at a multiple of 16 bytes (fresh arrays do), else one.
    pub(crate) fn width<T: MapElement>(&self, dims: MapDims, maps: &[&CudaView<T>]) -> usize {
        let aligned = |map: &CudaView<T>| map.device_ptr(&self.stream).0.is_multiple_of(16);
        let wide = dims.channels.is_multiple_of(T::WIDTH) && maps.iter().all(|map| aligned(map));
        if wide { T::WIDTH } else { 1 }
    }

    /// Queues the kernel `entry`. `arguments` are its parameters in order.
    ///
    /// # Errors
    /// When the source does not compile or the launch is refused; the message names the kernel.
    pub(crate) fn launch(
        &self,
        source: Source,
        entry: &str,
        config: LaunchConfig,
        arguments: &[Arg],
    ) -> Result<()> {
        let function = nvrtc::function(self.stream.context(), source, entry)?;
        let mut builder = self.stream.launch_builder(&function);
        for argument in arguments {
            match argument {
                Arg::Array(pointer, _) => builder.arg(pointer),
                Arg::Whole(value) => builder.arg(value),
                Arg::Real(value) => builder.arg(value),
            };
        }
        // SAFETY: the wrappers, the only callers, pass what the kernel of that name declares: arrays of the sizes that
        // its dimensions say, and written ones through `&mut`.
        #[allow(unsafe_code)]
        let launched = unsafe { builder.launch(config) };
        launched
            .map(|_| ())
            .map_err(|e| Error::Msg(format!("{}: {entry}: launch with {config:?}: {e}", source.name)))
    }
}

/// The name of an entry point over maps: `bn_sums` and bf16 in packs of 8 make `bn_sums_bf16x8`.
pub(crate) fn map_entry<T: MapElement>(root: &str, width: usize) -> String {
    if width == 1 { format!("{root}_{}", T::NAME) } else { format!("{root}_{}x{width}", T::NAME) }
}

/// The name of an entry point over single values.
pub(crate) fn entry<T: MapElement>(root: &str) -> String {
    format!("{root}_{}", T::NAME)
}
