//! Convolution of NHWC maps by cuDNN: forward, and the gradients of input and weight, with groups in one call.
//!
//! bf16 maps are multiplied by tensor cores and summed in f32. f32 maps go through TF32 or plain f32 as asked. cuDNN
//! takes no f64 in NHWC: these go to the direct kernels, and so does what it has no algorithm for. Only algorithms that
//! give the same bits every time are used.

use candle_core::Result;
use candle_core::cuda_backend::cudarc::cudnn::{ConvBackwardData, ConvBackwardFilter, ConvForward, sys};
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};

use super::conv_direct;
use super::cudnn::{Descriptors, Direction, cached, launched, with_cudnn, workspace};
use super::element::MapElement;
use super::launch::Gpu;

pub(crate) use super::cudnn::without_algorithm;

/// All sizes of one convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ConvDims {
    pub(crate) images: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    pub(crate) outputs: usize,
    pub(crate) kernel_h: usize,
    pub(crate) kernel_w: usize,
    pub(crate) out_height: usize,
    pub(crate) out_width: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) dilation: usize,
    pub(crate) groups: usize,
}

impl ConvDims {
    /// Values of `[B, H, W, C]`.
    pub(crate) fn input_len(&self) -> usize {
        self.images * self.height * self.width * self.channels
    }

    /// Values of `[B, OH, OW, O]`.
    pub(crate) fn output_len(&self) -> usize {
        self.images * self.out_height * self.out_width * self.outputs
    }

    /// Values of `[O, C / groups, KH, KW]`.
    pub(crate) fn weight_len(&self) -> usize {
        self.outputs * (self.channels / self.groups) * self.kernel_h * self.kernel_w
    }
}

/// How products of f32 maps are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Math {
    /// Tensor cores on factors rounded to TF32 (10 bits of fraction); PyTorch's default for convolutions.
    Tf32,
    /// All bits of the factors.
    Full,
}

/// Weights as the three directions want them.
pub(crate) struct Filter<'a, T: MapElement> {
    params: CudaView<'a, T::Acc>,
    /// `[O, KH, KW, C / groups]`; none where the direct kernels work.
    maps: Option<CudaSlice<T>>,
}

impl<'a, T: MapElement> Filter<'a, T> {
    /// From the parameters `[O, C / groups, KH, KW]`; once a step, for forward and backward.
    ///
    /// # Errors
    /// When memory runs out or the launch fails.
    pub(crate) fn new(gpu: &Gpu, params: CudaView<'a, T::Acc>, d: ConvDims) -> Result<Self> {
        let maps = if is_direct::<T>() { None } else { Some(conv_direct::weights_to_maps(gpu, &params, d)?) };
        Ok(Self { params, maps })
    }

    /// From the parameters and what [`Filter::into_maps`] gave.
    pub(crate) fn with_maps(params: CudaView<'a, T::Acc>, maps: Option<CudaSlice<T>>) -> Self {
        Self { params, maps }
    }

    /// What is worth keeping for backward.
    pub(crate) fn into_maps(self) -> Option<CudaSlice<T>> {
        self.maps
    }
}

fn is_direct<T: MapElement>() -> bool {
    T::NAME == "f64"
}

/// `[B, OH, OW, O]` from `x` `[B, H, W, C]`.
///
/// # Errors
/// When memory runs out, or cuDNN has no way to do it (the message names all sizes); so in every function of this file.
pub(crate) fn forward<T: MapElement>(
    gpu: &Gpu,
    x: &CudaView<T>,
    filter: &Filter<T>,
    math: Math,
    d: ConvDims,
) -> Result<CudaSlice<T>> {
    let Some(w) = &filter.maps else { return conv_direct::forward(gpu, x, &filter.params, d) };
    let mut y = gpu.array(d.output_len())?;
    let done = with_cudnn(gpu, "conv2d", d, |cudnn, state| {
        let on = Descriptors::<T>::new(cudnn, math, d)?;
        let op = ConvForward { conv: &on.conv, x: &on.x, w: &on.w, y: &on.y };
        // Every forward algorithm of cuDNN is deterministic.
        let key = (Direction::Forward, T::NAME, math, d);
        let plan = cached(&mut state.forward, key, || {
            let algorithm = op.pick_algorithm()?;
            Ok((algorithm, op.get_workspace_size(algorithm)?))
        })?;
        let Some((algorithm, bytes)) = plan else { return Ok(false) };
        let workspace = workspace(gpu, &mut state.workspace, bytes)?;
        // SAFETY: the arrays have the sizes and the type of the descriptors.
        #[allow(unsafe_code)]
        let result =
            unsafe { op.launch(algorithm, workspace, (T::from_f64(1.0), T::from_f64(0.0)), x, w, &mut y) };
        launched(&mut state.forward, key, result)
    })?;
    if !done {
        return conv_direct::forward(gpu, x, &filter.params, d);
    }
    Ok(y)
}

/// The gradient of the input from `dy` `[B, OH, OW, O]`.
pub(crate) fn input_gradient<T: MapElement>(
    gpu: &Gpu,
    dy: &CudaView<T>,
    filter: &Filter<T>,
    math: Math,
    d: ConvDims,
) -> Result<CudaSlice<T>> {
    use sys::cudnnConvolutionBwdDataAlgo_t::{
        CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, CUDNN_CONVOLUTION_BWD_DATA_ALGO_1,
    };
    let Some(w) = &filter.maps else { return conv_direct::input_gradient(gpu, dy, &filter.params, d) };
    let mut dx = gpu.array(d.input_len())?;
    let done = with_cudnn(gpu, "conv2d input gradient", d, |cudnn, state| {
        let on = Descriptors::<T>::new(cudnn, math, d)?;
        let op = ConvBackwardData { conv: &on.conv, dx: &on.x, w: &on.w, dy: &on.y };
        let key = (Direction::Input, T::NAME, math, d);
        let plan = cached(&mut state.input, key, || {
            let algorithm = match op.pick_algorithm()? {
                // adds with atomics
                CUDNN_CONVOLUTION_BWD_DATA_ALGO_0 => CUDNN_CONVOLUTION_BWD_DATA_ALGO_1,
                deterministic => deterministic,
            };
            Ok((algorithm, op.get_workspace_size(algorithm)?))
        })?;
        let Some((algorithm, bytes)) = plan else { return Ok(false) };
        let workspace = workspace(gpu, &mut state.workspace, bytes)?;
        // SAFETY: as in `forward`.
        #[allow(unsafe_code)]
        let result =
            unsafe { op.launch(algorithm, workspace, (T::from_f64(1.0), T::from_f64(0.0)), &mut dx, w, dy) };
        launched(&mut state.input, key, result)
    })?;
    if !done {
        return conv_direct::input_gradient(gpu, dy, &filter.params, d);
    }
    Ok(dx)
}

/// The gradient of the parameters, `[O, C / groups, KH, KW]`, from `dy` and `x`.
pub(crate) fn weight_gradient<T: MapElement>(
    gpu: &Gpu,
    dy: &CudaView<T>,
    x: &CudaView<T>,
    math: Math,
    d: ConvDims,
) -> Result<CudaSlice<T::Acc>> {
    use sys::cudnnConvolutionBwdFilterAlgo_t::{
        CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1,
        CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3,
    };
    if is_direct::<T>() {
        return conv_direct::weight_gradient(gpu, dy, x, d);
    }
    let mut dw = gpu.array::<T>(d.weight_len())?;
    let done = with_cudnn(gpu, "conv2d weight gradient", d, |cudnn, state| {
        let on = Descriptors::<T>::new(cudnn, math, d)?;
        let op = ConvBackwardFilter { conv: &on.conv, x: &on.x, dw: &on.w, dy: &on.y };
        let key = (Direction::Weight, T::NAME, math, d);
        let plan = cached(&mut state.weight, key, || {
            let algorithm = match op.pick_algorithm()? {
                // add with atomics
                CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0 | CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3 => {
                    CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1
                }
                deterministic => deterministic,
            };
            Ok((algorithm, op.get_workspace_size(algorithm)?))
        })?;
        let Some((algorithm, bytes)) = plan else { return Ok(false) };
        let workspace = workspace(gpu, &mut state.workspace, bytes)?;
        // SAFETY: as in `forward`.
        #[allow(unsafe_code)]
        let result =
            unsafe { op.launch(algorithm, workspace, (T::from_f64(1.0), T::from_f64(0.0)), x, &mut dw, dy) };
        launched(&mut state.weight, key, result)
    })?;
    if !done {
        return conv_direct::weight_gradient(gpu, dy, x, d);
    }
    conv_direct::weights_from_maps(gpu, &dw.as_view(), d)
}
