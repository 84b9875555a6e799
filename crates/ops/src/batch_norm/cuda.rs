//! Batch normalisation on the card; what the kernels compute is said in `batch_norm.cu`.

use candle_core::Result;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView, CudaViewMut};

use crate::cuda::geometry::{self, MapDims};
use crate::cuda::launch::{args, entry, map_entry};
use crate::cuda::nvrtc::Source;
use crate::cuda::{Gpu, MapElement, Param};

const SOURCE: Source = Source { name: "batch_norm.cu", text: include_str!("batch_norm.cu") };

/// Sums of a map around its first pixel, by image and split.
pub(crate) struct Sums<A> {
    /// `[2, images, splits, C]`: of the differences, and of their squares.
    pub(crate) partial: CudaSlice<A>,
    /// `[C]`: the first pixel.
    pub(crate) centre: CudaSlice<A>,
    /// Pieces of an image's rows.
    pub(crate) splits: usize,
    /// What was summed.
    pub(crate) dims: MapDims,
}

/// What normalisation needs of each channel, `[C]`.
pub(crate) struct Statistics<A> {
    /// The batch's mean; in evaluation a copy of the running one.
    pub(crate) mean: CudaSlice<A>,
    /// `1 / sqrt(variance + eps)`.
    pub(crate) inv_std: CudaSlice<A>,
    /// `weight * inv_std`.
    pub(crate) scale: CudaSlice<A>,
}

/// Where the ReLU lets a gradient through.
#[derive(Clone, Copy)]
pub(crate) enum Mask<'a, T> {
    /// Everywhere: there was no ReLU.
    None,
    /// Where the output is above 0.
    Output(&'a CudaView<'a, T>),
    /// The same, where no residual was added: the output is computed again from the input, which is read anyway.
    Input,
}

/// Gradients of a batch normalisation.
pub(crate) struct Gradients<T: MapElement> {
    /// Shape of the input.
    pub(crate) input: CudaSlice<T>,
    /// `[C]`.
    pub(crate) weight: CudaSlice<T::Acc>,
    /// `[C]`.
    pub(crate) bias: CudaSlice<T::Acc>,
    /// Shape of the input, where wanted: the gradient behind the ReLU.
    pub(crate) residual: Option<CudaSlice<T>>,
}

/// The sums of `x`, by image. With `dims.flat()` by split alone, which is what a batch normalisation needs; the fused
/// end of a block needs the images too.
///
/// # Errors
/// When memory runs out or the launch fails; so in every function of this file.
pub(crate) fn sums<T: MapElement>(gpu: &Gpu, x: &CudaView<T>, dims: MapDims) -> Result<Sums<T::Acc>> {
    let width = gpu.width(dims, &[x]);
    let (config, splits) = geometry::sums(dims, width);
    let mut partial = gpu.array(2 * dims.images * splits * dims.channels)?;
    let mut centre = gpu.array(dims.channels)?;
    gpu.launch(
        SOURCE,
        &map_entry::<T>("bn_sums", width),
        config,
        &args![
            gpu.write(&mut partial),
            gpu.write(&mut centre),
            gpu.read(x),
            dims.images,
            dims.rows,
            dims.channels
        ],
    )?;
    Ok(Sums { partial, centre, splits, dims })
}

/// Statistics of the batch. Mixes them into `running` (mean and variance, in place) with a share of `momentum`.
pub(crate) fn train<A: Param>(
    gpu: &Gpu,
    sums: &Sums<A>,
    weight: &CudaView<A>,
    running: Option<(&mut CudaViewMut<A>, &mut CudaViewMut<A>)>,
    eps: f64,
    momentum: f64,
) -> Result<Statistics<A>> {
    let channels = sums.dims.channels;
    let count = (sums.dims.images * sums.dims.rows) as f64;
    let (running_mean, running_var) = running.unzip();
    let (mut mean, mut inv_std, mut scale) =
        (gpu.array(channels)?, gpu.array(channels)?, gpu.array(channels)?);
    gpu.launch(
        SOURCE,
        &entry::<A>("bn_train"),
        geometry::combine(channels, 1, sums.dims.images * sums.splits),
        &args![
            gpu.write(&mut mean),
            gpu.write(&mut inv_std),
            gpu.write(&mut scale),
            gpu.write_or_null(running_mean),
            gpu.write_or_null(running_var),
            gpu.read(&sums.partial),
            gpu.read(&sums.centre),
            gpu.read(weight),
            sums.dims.images * sums.splits,
            count,
            eps,
            momentum,
            channels,
        ],
    )?;
    Ok(Statistics { mean, inv_std, scale })
}

/// Statistics from the running ones.
pub(crate) fn eval<A: Param>(
    gpu: &Gpu,
    weight: &CudaView<A>,
    running_mean: &CudaView<A>,
    running_var: &CudaView<A>,
    eps: f64,
) -> Result<Statistics<A>> {
    let channels = weight.len();
    let mut mean = gpu.array(channels)?;
    gpu.device.memcpy_dtod(running_mean, &mut mean)?;
    let (mut inv_std, mut scale) = (gpu.array(channels)?, gpu.array(channels)?);
    gpu.launch(
        SOURCE,
        &entry::<A>("bn_eval"),
        geometry::flat(channels),
        &args![
            gpu.write(&mut inv_std),
            gpu.write(&mut scale),
            gpu.read(running_var),
            gpu.read(weight),
            eps,
            channels
        ],
    )?;
    Ok(Statistics { mean, inv_std, scale })
}

/// `relu((x - mean) scale + bias + residual)`, residual and ReLU as wanted.
pub(crate) fn apply<T: MapElement>(
    gpu: &Gpu,
    x: &CudaView<T>,
    residual: Option<&CudaView<T>>,
    statistics: &Statistics<T::Acc>,
    bias: &CudaView<T::Acc>,
    relu: bool,
    dims: MapDims,
) -> Result<CudaSlice<T>> {
    let dims = dims.flat();
    let width = gpu.width(dims, &[x, residual.unwrap_or(x)]);
    let mut y = gpu.array(dims.len())?;
    gpu.launch(
        SOURCE,
        &map_entry::<T>("bn_apply", width),
        geometry::pixels(dims, width),
        &args![
            gpu.write(&mut y),
            gpu.read(x),
            gpu.read_or_null(residual),
            gpu.read(&statistics.mean),
            gpu.read(&statistics.scale),
            gpu.read(bias),
            dims.rows,
            dims.channels,
            relu,
        ],
    )?;
    Ok(y)
}

/// All gradients from that of the output, `dy`. `training`: the statistics were those of this batch.
pub(crate) fn backward<T: MapElement>(
    gpu: &Gpu,
    dy: &CudaView<T>,
    x: &CudaView<T>,
    mask: Mask<T>,
    statistics: &Statistics<T::Acc>,
    bias: &CudaView<T::Acc>,
    training: bool,
    residual: bool,
    dims: MapDims,
) -> Result<Gradients<T>> {
    let dims = dims.flat();
    let channels = dims.channels;
    let (mask, y) = match mask {
        Mask::None => (0usize, None),
        Mask::Output(y) => (1, Some(y)),
        Mask::Input => (2, None),
    };
    let Statistics { mean, inv_std, scale } = statistics;
    let width = gpu.width(dims, &[dy, x, y.unwrap_or(x)]);
    let (config, splits) = geometry::sums(dims, width);
    let mut partial = gpu.array::<T::Acc>(2 * splits * channels)?;
    gpu.launch(
        SOURCE,
        &map_entry::<T>("bn_grad_sums", width),
        config,
        &args![
            gpu.write(&mut partial),
            gpu.read(dy),
            gpu.read(x),
            gpu.read_or_null(y),
            gpu.read(mean),
            gpu.read(scale),
            gpu.read(bias),
            dims.rows,
            channels,
            mask,
        ],
    )?;
    let (mut dweight, mut dbias) = (gpu.array::<T::Acc>(channels)?, gpu.array::<T::Acc>(channels)?);
    let (mut k1, mut k2) = (gpu.array::<T::Acc>(channels)?, gpu.array::<T::Acc>(channels)?);
    gpu.launch(
        SOURCE,
        &entry::<T::Acc>("bn_grad"),
        geometry::combine(channels, 1, splits),
        &args![
            gpu.write(&mut dweight),
            gpu.write(&mut dbias),
            gpu.write(&mut k1),
            gpu.write(&mut k2),
            gpu.read(&partial),
            gpu.read(inv_std),
            gpu.read(scale),
            splits,
            dims.rows as f64,
            channels,
            training,
        ],
    )?;
    let mut dx = gpu.array(dims.len())?;
    let mut dresidual = if residual { Some(gpu.array(dims.len())?) } else { None };
    gpu.launch(
        SOURCE,
        &map_entry::<T>("bn_grad_input", width),
        geometry::pixels(dims, width),
        &args![
            gpu.write(&mut dx),
            gpu.write_or_null(dresidual.as_mut()),
            gpu.read(dy),
            gpu.read(x),
            gpu.read_or_null(y),
            gpu.read(mean),
            gpu.read(scale),
            gpu.read(bias),
            gpu.read(&k1),
            gpu.read(&k2),
            dims.rows,
            channels,
            mask,
        ],
    )?;
    Ok(Gradients { input: dx, weight: dweight, bias: dbias, residual: dresidual })
}
