//! Pooling of tensors on a CUDA device.

use std::marker::PhantomData;

use candle_core::cuda_backend::cudarc::driver::CudaSlice;
use candle_core::{Result, Shape, Tensor};

use crate::autograd::{self, Backward};
use crate::batch_norm::on_card::map_dims;
use crate::cuda::pool::{self, MAX_KERNEL, PoolDims};
use crate::cuda::{MapElement, by_map_type, dense, gpu, lend, storage};

const MAX: &str = "max_pool2d";
const MEAN: &str = "global_avg_pool";

/// As [`crate::max_pool2d`], of a checked tensor.
pub(super) fn max_pool2d(x: &Tensor, d: PoolDims) -> Result<Tensor> {
    if d.kernel > MAX_KERNEL {
        candle_core::bail!(
            "{MAX}: on a card, expected a kernel of at most {MAX_KERNEL}, found {} (input {:?})",
            d.kernel,
            x.dims()
        );
    }
    by_map_type!(MAX, x, T => run_max::<T>(x, d))
}

fn run_max<T: MapElement>(x: &Tensor, d: PoolDims) -> Result<Tensor> {
    let gpu = gpu(MAX, x)?;
    let xp = dense(x)?;
    let (y, winners) = pool::max_pool::<T>(&gpu, &lend(&xp).view(MAX)?, d)?;
    let saved = autograd::needs_grad(&[x])
        .then(|| Box::new(Winners::<T> { winners, d, element: PhantomData }) as Box<dyn Backward>);
    let shape = (d.images, d.out_height, d.out_width, d.channels);
    autograd::output(MAX, storage::storage(&gpu, y), shape, &[x], saved)
}

/// Where each largest value stands in its window.
struct Winners<T> {
    winners: CudaSlice<u8>,
    d: PoolDims,
    element: PhantomData<T>,
}

impl<T: MapElement> Backward for Winners<T> {
    fn backward(self: Box<Self>, grad: &Tensor, _: &[bool]) -> Result<Vec<Option<Tensor>>> {
        let (gpu, d) = (gpu(MAX, grad)?, self.d);
        let grad = dense(grad)?;
        let dx = pool::max_pool_backward::<T>(&gpu, &lend(&grad).view(MAX)?, &self.winners, d)?;
        Ok(vec![Some(storage::tensor(&gpu, dx, (d.images, d.height, d.width, d.channels)))])
    }
}

/// As [`crate::global_avg_pool`], of a checked tensor; means of bf16 maps are f32.
pub(super) fn global_avg_pool(x: &Tensor) -> Result<Tensor> {
    by_map_type!(MEAN, x, T => run_mean::<T>(x))
}

fn run_mean<T: MapElement>(x: &Tensor) -> Result<Tensor> {
    let (gpu, dims) = (gpu(MEAN, x)?, map_dims(x)?);
    let xp = dense(x)?;
    let y = pool::global_avg_pool::<T>(&gpu, &lend(&xp).view(MEAN)?, dims)?;
    let saved = autograd::needs_grad(&[x]).then(|| {
        Box::new(Means::<T> { shape: x.shape().clone(), element: PhantomData }) as Box<dyn Backward>
    });
    autograd::output(MEAN, storage::storage(&gpu, y), (dims.images, dims.channels), &[x], saved)
}

struct Means<T> {
    shape: Shape,
    element: PhantomData<T>,
}

impl<T: MapElement> Backward for Means<T> {
    fn backward(self: Box<Self>, grad: &Tensor, _: &[bool]) -> Result<Vec<Option<Tensor>>> {
        let gpu = gpu(MEAN, grad)?;
        let (images, height, width, channels) = self.shape.dims4()?;
        let dims = crate::cuda::geometry::MapDims { images, rows: height * width, channels };
        let grad = dense(grad)?;
        let dx = pool::global_avg_pool_backward::<T>(&gpu, &lend(&grad).view(MEAN)?, dims)?;
        Ok(vec![Some(storage::tensor(&gpu, dx, self.shape))])
    }
}
