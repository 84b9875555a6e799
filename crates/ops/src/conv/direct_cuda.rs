//! Convolution on the card as its definition has it: slow, right for every size and type (`direct.cu`); and the
//! weights' way to the order that cuDNN wants (`weights.cu`).

use candle_core::Result;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};

use crate::cuda::conv::ConvDims;
use crate::cuda::geometry;
use crate::cuda::launch::{args, entry};
use crate::cuda::nvrtc::Source;
use crate::cuda::{Gpu, MapElement};

const DIRECT: Source = Source { name: "direct.cu", text: include_str!("direct.cu") };
const WEIGHTS: Source = Source { name: "weights.cu", text: include_str!("weights.cu") };

/// Queues one of the three, which take their arrays in the order written, first, second.
macro_rules! launch {
    ($gpu:ident, $entry:expr, $count:expr, $write:expr, $first:expr, $second:expr, $d:ident) => {
        $gpu.launch(
            DIRECT,
            &$entry,
            geometry::flat($count),
            &args![
                $gpu.write($write),
                $gpu.read($first),
                $gpu.read($second),
                $d.images,
                $d.height,
                $d.width,
                $d.channels,
                $d.outputs,
                $d.kernel_h,
                $d.kernel_w,
                $d.out_height,
                $d.out_width,
                $d.stride,
                $d.padding,
                $d.dilation,
                $d.groups,
            ],
        )
    };
}

/// `[B, OH, OW, O]` from `x` `[B, H, W, C]` and `w` `[O, C / groups, KH, KW]`.
///
/// # Errors
/// When memory runs out or the launch fails; so in every function of this file.
pub(crate) fn forward<T: MapElement>(
    gpu: &Gpu,
    x: &CudaView<T>,
    w: &CudaView<T::Acc>,
    d: ConvDims,
) -> Result<CudaSlice<T>> {
    let mut y = gpu.array(d.output_len())?;
    launch!(gpu, entry::<T>("conv_forward"), d.output_len(), &mut y, x, w, d)?;
    Ok(y)
}

/// The gradient of the input.
pub(crate) fn input_gradient<T: MapElement>(
    gpu: &Gpu,
    dy: &CudaView<T>,
    w: &CudaView<T::Acc>,
    d: ConvDims,
) -> Result<CudaSlice<T>> {
    let mut dx = gpu.array(d.input_len())?;
    launch!(gpu, entry::<T>("conv_input_grad"), d.input_len(), &mut dx, dy, w, d)?;
    Ok(dx)
}

/// The gradient of the weight, `[O, C / groups, KH, KW]`.
pub(crate) fn weight_gradient<T: MapElement>(
    gpu: &Gpu,
    dy: &CudaView<T>,
    x: &CudaView<T>,
    d: ConvDims,
) -> Result<CudaSlice<T::Acc>> {
    let mut dw = gpu.array(d.weight_len())?;
    launch!(gpu, entry::<T>("conv_weight_grad"), d.weight_len(), &mut dw, dy, x, d)?;
    Ok(dw)
}

/// Parameters `[O, C / groups, KH, KW]` as a filter `[O, KH, KW, C / groups]` of the maps' type.
pub(crate) fn weights_to_maps<T: MapElement>(
    gpu: &Gpu,
    w: &CudaView<T::Acc>,
    d: ConvDims,
) -> Result<CudaSlice<T>> {
    let mut to = gpu.array(d.weight_len())?;
    gpu.launch(
        WEIGHTS,
        &entry::<T>("weights_to_maps"),
        geometry::flat(d.weight_len()),
        &args![gpu.write(&mut to), gpu.read(w), d.outputs, d.channels / d.groups, d.kernel_h * d.kernel_w],
    )?;
    Ok(to)
}

/// And back: the gradient of a filter as that of the parameters.
pub(crate) fn weights_from_maps<T: MapElement>(
    gpu: &Gpu,
    filter: &CudaView<T>,
    d: ConvDims,
) -> Result<CudaSlice<T::Acc>> {
    let mut to = gpu.array(d.weight_len())?;
    gpu.launch(
        WEIGHTS,
        &entry::<T>("weights_from_maps"),
        geometry::flat(d.weight_len()),
        &args![
            gpu.write(&mut to),
            gpu.read(filter),
            d.outputs,
            d.channels / d.groups,
            d.kernel_h * d.kernel_w
        ],
    )?;
    Ok(to)
}
