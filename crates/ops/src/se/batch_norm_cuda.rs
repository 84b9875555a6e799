//! The end of a squeeze-and-excitation bottleneck together with the batch normalisation before it, on the card: the sums
//! that give the statistics also give the pooled means, and the normalised map is never written. What the kernels
//! compute is said in `se.cu`.
//!
//! Forward: `batch_norm::sums` by image, `batch_norm::train` (or `eval`), [`pool`], the excitation, [`forward`].
//! Backward: [`gate_backward`], the excitation's, [`backward`].

use candle_core::Result;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};

use super::batch_norm::{Statistics, Sums};
use super::se::SOURCE;
use crate::cuda::geometry::{self, MapDims};
use crate::cuda::launch::{args, entry, map_entry};
use crate::cuda::{Gpu, MapElement, Param};

/// What the squeeze gets, and what backward needs of it; both `[B, C]`.
pub(crate) struct Pooled<A> {
    /// Mean over the pixels of the normalised image.
    pub(crate) pooled: CudaSlice<A>,
    /// Mean over the pixels of (x - mean).
    pub(crate) centred: CudaSlice<A>,
}

/// The pooled means from the sums by image that gave the batch statistics: no second pass over the map.
///
/// # Errors
/// When memory runs out or the launch fails; so in every function of this file.
pub(crate) fn pool<A: Param>(
    gpu: &Gpu,
    sums: &Sums<A>,
    statistics: &Statistics<A>,
    bias: &CudaView<A>,
) -> Result<Pooled<A>> {
    let MapDims { images, rows, channels } = sums.dims;
    let (mut pooled, mut centred) = (gpu.array(images * channels)?, gpu.array(images * channels)?);
    gpu.launch(
        SOURCE,
        &entry::<A>("se_bn_pool"),
        geometry::combine(channels, images, sums.splits),
        &args![
            gpu.write(&mut pooled),
            gpu.write(&mut centred),
            gpu.read(&sums.partial),
            gpu.read(&sums.centre),
            gpu.read(&statistics.mean),
            gpu.read(&statistics.scale),
            gpu.read(bias),
            images,
            sums.splits,
            rows,
            channels,
        ],
    )?;
    Ok(Pooled { pooled, centred })
}

/// `relu(((x - mean) scale + bias) gate + residual)`.
pub(crate) fn forward<T: MapElement>(
    gpu: &Gpu,
    x: &CudaView<T>,
    gate: &CudaView<T::Acc>,
    residual: &CudaView<T>,
    statistics: &Statistics<T::Acc>,
    bias: &CudaView<T::Acc>,
    dims: MapDims,
) -> Result<CudaSlice<T>> {
    let width = gpu.width(dims, &[x, residual]);
    let mut out = gpu.array(dims.len())?;
    gpu.launch(
        SOURCE,
        &map_entry::<T>("se_bn_apply", width),
        geometry::pixels(dims, width),
        &args![
            gpu.write(&mut out),
            gpu.read(x),
            gpu.read(gate),
            gpu.read(residual),
            gpu.read(&statistics.mean),
            gpu.read(&statistics.scale),
            gpu.read(bias),
            dims.images,
            dims.rows,
            dims.channels,
        ],
    )?;
    Ok(out)
}

/// What the second half of backward needs of the first; `[B, C]` each.
pub(crate) struct MaskedSums<A> {
    /// Sum over the pixels of g, the gradient behind the ReLU.
    pub(crate) s0: CudaSlice<A>,
    /// Sum over the pixels of g (x - mean).
    pub(crate) s1: CudaSlice<A>,
}

/// Those sums, and the gradient of the gate `[B, C]`.
type WithGate<A> = (MaskedSums<A>, CudaSlice<A>);

/// The first half of backward: sums, and the gradient of the gate `[B, C]` from that of the output, `dout`, to be sent
/// through the excitation and back to `pooled`.
pub(crate) fn gate_backward<T: MapElement>(
    gpu: &Gpu,
    dout: &CudaView<T>,
    out: &CudaView<T>,
    x: &CudaView<T>,
    statistics: &Statistics<T::Acc>,
    bias: &CudaView<T::Acc>,
    dims: MapDims,
) -> Result<WithGate<T::Acc>> {
    let MapDims { images, rows, channels } = dims;
    let width = gpu.width(dims, &[dout, out, x]);
    let (config, splits) = geometry::sums(dims, width);
    let mut partial = gpu.array::<T::Acc>(2 * images * splits * channels)?;
    gpu.launch(
        SOURCE,
        &map_entry::<T>("se_bn_grad_sums", width),
        config,
        &args![
            gpu.write(&mut partial),
            gpu.read(dout),
            gpu.read(out),
            gpu.read(x),
            gpu.read(&statistics.mean),
            images,
            rows,
            channels
        ],
    )?;
    let len = images * channels;
    let (mut s0, mut s1, mut gate) = (gpu.array(len)?, gpu.array(len)?, gpu.array(len)?);
    gpu.launch(
        SOURCE,
        &entry::<T::Acc>("se_bn_gate_grad"),
        geometry::combine(channels, images, splits),
        &args![
            gpu.write(&mut s0),
            gpu.write(&mut s1),
            gpu.write(&mut gate),
            gpu.read(&partial),
            gpu.read(&statistics.scale),
            gpu.read(bias),
            images,
            splits,
            channels,
        ],
    )?;
    Ok((MaskedSums { s0, s1 }, gate))
}

/// What the second half of backward gives.
pub(crate) struct Gradients<T: MapElement> {
    /// Shape of the input.
    pub(crate) input: CudaSlice<T>,
    /// `[C]`.
    pub(crate) weight: CudaSlice<T::Acc>,
    /// `[C]`.
    pub(crate) bias: CudaSlice<T::Acc>,
    /// Shape of the input.
    pub(crate) residual: CudaSlice<T>,
}

/// The second half, once `dpooled` `[B, C]` (the gradient of `pooled`) is known. `training`: the statistics were those
/// of this batch.
pub(crate) fn backward<T: MapElement>(
    gpu: &Gpu,
    dout: &CudaView<T>,
    out: &CudaView<T>,
    x: &CudaView<T>,
    gate: &CudaView<T::Acc>,
    sums: &MaskedSums<T::Acc>,
    dpooled: &CudaView<T::Acc>,
    centred: &CudaView<T::Acc>,
    statistics: &Statistics<T::Acc>,
    training: bool,
    dims: MapDims,
) -> Result<Gradients<T>> {
    let MapDims { images, rows, channels } = dims;
    let (mut dweight, mut dbias) = (gpu.array::<T::Acc>(channels)?, gpu.array::<T::Acc>(channels)?);
    let (mut k1, mut k2) = (gpu.array::<T::Acc>(images * channels)?, gpu.array::<T::Acc>(channels)?);
    gpu.launch(
        SOURCE,
        &entry::<T::Acc>("se_bn_grad"),
        geometry::combine(channels, 1, images),
        &args![
            gpu.write(&mut dweight),
            gpu.write(&mut dbias),
            gpu.write(&mut k1),
            gpu.write(&mut k2),
            gpu.read(&sums.s0),
            gpu.read(&sums.s1),
            gpu.read(gate),
            gpu.read(dpooled),
            gpu.read(centred),
            gpu.read(&statistics.inv_std),
            gpu.read(&statistics.scale),
            images,
            rows,
            channels,
            training,
        ],
    )?;
    let width = gpu.width(dims, &[dout, out, x]);
    let (mut dx, mut dresidual) = (gpu.array(dims.len())?, gpu.array(dims.len())?);
    gpu.launch(
        SOURCE,
        &map_entry::<T>("se_bn_grad_input", width),
        geometry::pixels(dims, width),
        &args![
            gpu.write(&mut dx),
            gpu.write(&mut dresidual),
            gpu.read(dout),
            gpu.read(out),
            gpu.read(x),
            gpu.read(gate),
            gpu.read(&statistics.mean),
            gpu.read(&statistics.scale),
            gpu.read(&k1),
            gpu.read(&k2),
            images,
            rows,
            channels,
        ],
    )?;
    Ok(Gradients { input: dx, weight: dweight, bias: dbias, residual: dresidual })
}
