//! Pooling on the card; what the kernels compute is said in `pool.cu`.

use candle_core::Result;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};

use crate::cuda::geometry::{self, MapDims};
use crate::cuda::launch::{args, entry, map_entry};
use crate::cuda::nvrtc::Source;
use crate::cuda::{Gpu, MapElement};

const SOURCE: Source = Source { name: "pool.cu", text: include_str!("pool.cu") };

/// All sizes of a max pooling, in pixels. `kernel` is at most [`MAX_KERNEL`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolDims {
    pub(crate) images: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    pub(crate) out_height: usize,
    pub(crate) out_width: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
}

/// The place in the window is kept in a byte.
pub(crate) const MAX_KERNEL: usize = 16;

impl PoolDims {
    fn input(&self) -> MapDims {
        MapDims { images: self.images, rows: self.height * self.width, channels: self.channels }
    }

    fn output(&self) -> MapDims {
        MapDims { images: self.images, rows: self.out_height * self.out_width, channels: self.channels }
    }
}

/// The largest value of each window, and its place in the window (row-major), both `[B, OH, OW, C]`.
///
/// # Errors
/// When memory runs out or the launch fails; so in every function of this file.
pub(crate) fn max_pool<T: MapElement>(
    gpu: &Gpu,
    x: &CudaView<T>,
    dims: PoolDims,
) -> Result<(CudaSlice<T>, CudaSlice<u8>)> {
    assert!(dims.kernel <= MAX_KERNEL, "max_pool: the place in the window does not fit a byte");
    let out = dims.output();
    let width = gpu.width(out, &[x]);
    let (mut y, mut index) = (gpu.array(out.len())?, gpu.array(out.len())?);
    gpu.launch(
        SOURCE,
        &map_entry::<T>("max_pool", width),
        geometry::pixels(out.flat(), width),
        &args![
            gpu.write(&mut y),
            gpu.write(&mut index),
            gpu.read(x),
            dims.images,
            dims.height,
            dims.width,
            dims.channels,
            dims.out_height,
            dims.out_width,
            dims.kernel,
            dims.stride,
            dims.padding,
        ],
    )?;
    Ok((y, index))
}

/// The gradient of the input, `[B, H, W, C]`.
pub(crate) fn max_pool_backward<T: MapElement>(
    gpu: &Gpu,
    dy: &CudaView<T>,
    index: &CudaSlice<u8>,
    dims: PoolDims,
) -> Result<CudaSlice<T>> {
    let input = dims.input();
    let width = gpu.width(input, &[dy]);
    let mut dx = gpu.array(input.len())?;
    gpu.launch(
        SOURCE,
        &map_entry::<T>("max_pool_grad", width),
        geometry::pixels(input.flat(), width),
        &args![
            gpu.write(&mut dx),
            gpu.read(dy),
            gpu.read(index),
            dims.images,
            dims.height,
            dims.width,
            dims.channels,
            dims.out_height,
            dims.out_width,
            dims.kernel,
            dims.stride,
            dims.padding,
        ],
    )?;
    Ok(dx)
}

/// The mean of each image and channel, `[B, C]`.
pub(crate) fn global_avg_pool<T: MapElement>(
    gpu: &Gpu,
    x: &CudaView<T>,
    dims: MapDims,
) -> Result<CudaSlice<T::Acc>> {
    let MapDims { images, rows, channels } = dims;
    let width = gpu.width(dims, &[x]);
    let (config, splits) = geometry::sums(dims, width);
    let mut partial = gpu.array::<T::Acc>(images * splits * channels)?;
    gpu.launch(
        SOURCE,
        &map_entry::<T>("avg_pool_sums", width),
        config,
        &args![gpu.write(&mut partial), gpu.read(x), images, rows, channels],
    )?;
    let mut y = gpu.array(images * channels)?;
    gpu.launch(
        SOURCE,
        &entry::<T::Acc>("avg_pool_mean"),
        geometry::combine(channels, images, splits),
        &args![gpu.write(&mut y), gpu.read(&partial), images, splits, rows, channels],
    )?;
    Ok(y)
}

/// The gradient of the input from `dy` `[B, C]`.
pub(crate) fn global_avg_pool_backward<T: MapElement>(
    gpu: &Gpu,
    dy: &CudaView<T::Acc>,
    dims: MapDims,
) -> Result<CudaSlice<T>> {
    let width = gpu.width::<T>(dims, &[]);
    let mut dx = gpu.array(dims.len())?;
    gpu.launch(
        SOURCE,
        &map_entry::<T>("avg_pool_grad", width),
        geometry::pixels(dims, width),
        &args![gpu.write(&mut dx), gpu.read(dy), dims.images, dims.rows, dims.channels],
    )?;
    Ok(dx)
}
