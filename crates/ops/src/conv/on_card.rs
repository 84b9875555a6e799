//! Convolution of tensors on a CUDA device.

use std::marker::PhantomData;

use candle_core::cuda_backend::cudarc::driver::CudaSlice;
use candle_core::{Result, Tensor};

use super::{Dims, NAME};
use crate::autograd::{self, Backward};
use crate::cuda::conv::{self, ConvDims, Filter, Math};
use crate::cuda::{MapElement, by_map_type, dense, gpu, lend, storage};

impl From<&Dims> for ConvDims {
    fn from(d: &Dims) -> Self {
        Self {
            images: d.b,
            height: d.h,
            width: d.w,
            channels: d.c,
            outputs: d.o,
            kernel_h: d.kh,
            kernel_w: d.kw,
            out_height: d.oh,
            out_width: d.ow,
            stride: d.spec.stride,
            padding: d.spec.padding,
            dilation: d.spec.dilation,
            groups: d.spec.groups,
        }
    }
}

/// As [`super::conv2d`], of checked tensors.
pub(super) fn conv2d(x: &Tensor, w: &Tensor, d: &Dims) -> Result<Tensor> {
    by_map_type!(NAME, x, T => run::<T>(x, w, d))
}

fn run<T: MapElement>(x: &Tensor, w: &Tensor, d: &Dims) -> Result<Tensor> {
    let gpu = gpu(NAME, x)?;
    let dims = ConvDims::from(d);
    let math = if d.spec.tf32 { Math::Tf32 } else { Math::Full };
    let (xp, wp) = (dense(x)?, dense(w)?);
    let (y, filter) = {
        let (x, w) = (lend(&xp), lend(&wp));
        let filter = Filter::<T>::new(&gpu, w.view(NAME)?, dims)?;
        (conv::forward(&gpu, &x.view(NAME)?, &filter, math, dims)?, filter.into_maps())
    };
    let saved = autograd::needs_grad(&[x, w]).then(|| {
        Box::new(Saved::<T> { x: xp, w: wp, filter, dims, math, element: PhantomData }) as Box<dyn Backward>
    });
    autograd::output(NAME, storage::storage(&gpu, y), (d.b, d.oh, d.ow, d.o), &[x, w], saved)
}

struct Saved<T> {
    x: Tensor,
    w: Tensor,
    /// The weights as cuDNN wants them, where it does the work.
    filter: Option<CudaSlice<T>>,
    dims: ConvDims,
    math: Math,
    element: PhantomData<T>,
}

impl<T: MapElement> Backward for Saved<T> {
    fn backward(self: Box<Self>, grad: &Tensor, needs: &[bool]) -> Result<Vec<Option<Tensor>>> {
        let Self { x, w, filter, dims, math, .. } = *self;
        let gpu = gpu(NAME, grad)?;
        let grad = dense(grad)?;
        let grad = lend(&grad);
        let dy = grad.view::<T>(NAME)?;
        let dw = if needs[1] {
            let dw = conv::weight_gradient(&gpu, &dy, &lend(&x).view(NAME)?, math, dims)?;
            Some(storage::tensor(&gpu, dw, w.shape()))
        } else {
            None
        };
        let dx = if needs[0] {
            let w = lend(&w);
            let filter = Filter::with_maps(w.view(NAME)?, filter);
            let dx = conv::input_gradient(&gpu, &dy, &filter, math, dims)?;
            Some(storage::tensor(&gpu, dx, x.shape()))
        } else {
            None
        };
        Ok(vec![dx, dw])
    }
}
