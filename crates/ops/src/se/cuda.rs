//! The end of a squeeze-and-excitation bottleneck on the card; what the kernels compute is said in `se.cu`.

use candle_core::Result;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};

use crate::cuda::geometry::{self, MapDims};
use crate::cuda::launch::{args, entry, map_entry};
use crate::cuda::nvrtc::Source;
use crate::cuda::{Gpu, MapElement};

pub(super) const SOURCE: Source = Source { name: "se.cu", text: include_str!("se.cu") };

/// Gradients of `relu(x gate + residual)`.
pub(crate) struct Gradients<T: MapElement> {
    /// Shape of the input.
    pub(crate) input: CudaSlice<T>,
    /// `[B, C]`.
    pub(crate) gate: CudaSlice<T::Acc>,
    /// Shape of the input.
    pub(crate) residual: CudaSlice<T>,
}

/// `relu(x gate + residual)`, with `gate` `[B, C]`.
///
/// # Errors
/// When memory runs out or the launch fails; so in every function of this file.
pub(crate) fn forward<T: MapElement>(
    gpu: &Gpu,
    x: &CudaView<T>,
    gate: &CudaView<T::Acc>,
    residual: &CudaView<T>,
    dims: MapDims,
) -> Result<CudaSlice<T>> {
    let width = gpu.width(dims, &[x, residual]);
    let mut out = gpu.array(dims.len())?;
    gpu.launch(
        SOURCE,
        &map_entry::<T>("se_apply", width),
        geometry::pixels(dims, width),
        &args![
            gpu.write(&mut out),
            gpu.read(x),
            gpu.read(gate),
            gpu.read(residual),
            dims.images,
            dims.rows,
            dims.channels
        ],
    )?;
    Ok(out)
}

/// The gradients from that of the output, `dout`.
pub(crate) fn backward<T: MapElement>(
    gpu: &Gpu,
    dout: &CudaView<T>,
    out: &CudaView<T>,
    x: &CudaView<T>,
    gate: &CudaView<T::Acc>,
    dims: MapDims,
) -> Result<Gradients<T>> {
    let MapDims { images, rows, channels } = dims;
    let width = gpu.width(dims, &[dout, out, x]);
    let (config, splits) = geometry::sums(dims, width);
    let mut partial = gpu.array::<T::Acc>(images * splits * channels)?;
    gpu.launch(
        SOURCE,
        &map_entry::<T>("se_grad_sums", width),
        config,
        &args![gpu.write(&mut partial), gpu.read(dout), gpu.read(out), gpu.read(x), images, rows, channels],
    )?;
    let mut dgate = gpu.array::<T::Acc>(images * channels)?;
    gpu.launch(
        SOURCE,
        &entry::<T::Acc>("se_gate_grad"),
        geometry::combine(channels, images, splits),
        &args![gpu.write(&mut dgate), gpu.read(&partial), images, splits, channels],
    )?;
    let (mut dx, mut dresidual) = (gpu.array(dims.len())?, gpu.array(dims.len())?);
    gpu.launch(
        SOURCE,
        &map_entry::<T>("se_grad_input", width),
        geometry::pixels(dims, width),
        &args![
            gpu.write(&mut dx),
            gpu.write(&mut dresidual),
            gpu.read(dout),
            gpu.read(out),
            gpu.read(gate),
            images,
            rows,
            channels
        ],
    )?;
    Ok(Gradients { input: dx, gate: dgate, residual: dresidual })
}
