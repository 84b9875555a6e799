//! On a card: cuDNN against the direct convolution, and batch normalisation against its formula on the host. Skips
//! with a word where there is no device. The kernels' arithmetic is also tested without one, in `tests/cuda_host`.

use candle_core::Device;
use candle_core::cuda_backend::cudarc::driver::CudaSlice;
use half::bf16;

use super::batch_norm::{self, Mask};
use super::conv::{self, ConvDims, Filter, Math};
use super::element::MapElement;
use super::geometry::MapDims;
use super::{Gpu, conv_direct, device};

fn gpu(test: &str) -> Option<Gpu> {
    match device::open(0) {
        Ok(Device::Cuda(device)) => Some(Gpu::new(&device)),
        Ok(_) => unreachable!("a card was opened"),
        Err(e) => {
            eprintln!("{test}: skipped, there is no CUDA device ({e})");
            None
        }
    }
}

/// Values in -1..1 that look random, and the same on the card.
fn values<T: MapElement>(gpu: &Gpu, seed: u64, len: usize) -> (CudaSlice<T>, Vec<f64>)
where
    f64: From<T>,
{
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let host: Vec<T> = (0..len)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            T::from_f64((state >> 40) as f64 / 8_388_608.0 - 1.0)
        })
        .collect();
    let device = gpu.device.clone_htod(&host).expect("upload");
    (device, host.into_iter().map(f64::from).collect())
}

fn host<T: MapElement>(gpu: &Gpu, array: &CudaSlice<T>) -> Vec<f64>
where
    f64: From<T>,
{
    gpu.device.clone_dtoh(array).expect("download").into_iter().map(f64::from).collect()
}

fn close(what: &str, found: &[f64], expected: &[f64], relative: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let size = expected.iter().fold(0.0, |top: f64, v| top.max(v.abs()));
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= relative * (size + 1e-3), "{what}: {f} for {e} at {i}, largest {size}");
    }
}

/// Shapes of the network (1x1, grouped 3x3, the stem's 7x7) and their strides, with odd sizes.
fn shapes() -> Vec<ConvDims> {
    let shape = |channels, outputs, kernel, stride, padding, dilation, groups| {
        let (images, height, width) = (2, 15, 18);
        let out = |n: usize| (n + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
        ConvDims {
            images,
            height,
            width,
            channels,
            outputs,
            kernel_h: kernel,
            kernel_w: kernel,
            out_height: out(height),
            out_width: out(width),
            stride,
            padding,
            dilation,
            groups,
        }
    };
    vec![
        shape(64, 128, 1, 1, 0, 1, 1),
        shape(64, 128, 1, 2, 0, 1, 1),
        shape(128, 128, 3, 1, 1, 1, 32),
        shape(128, 128, 3, 2, 1, 1, 32),
        shape(128, 128, 3, 1, 2, 2, 32),
        shape(3, 64, 7, 2, 3, 1, 1),
        shape(1, 64, 7, 2, 3, 1, 1),
    ]
}

fn cudnn_is_direct<T: MapElement>(gpu: &Gpu, math: Math, relative: f64)
where
    f64: From<T> + From<T::Acc>,
{
    for d in shapes() {
        let (x, _) = values::<T>(gpu, 1, d.input_len());
        let (dy, _) = values::<T>(gpu, 2, d.output_len());
        let (w, _) = values::<T>(gpu, 3, d.weight_len());
        // the parameters hold values of the maps' type, so that casting them loses nothing
        let params = conv_direct::weights_from_maps(gpu, &w.as_view(), d).expect("weights");
        let (x, dy, w) = (x.as_view(), dy.as_view(), params.as_view());
        let run = || {
            let filter = Filter::<T>::new(gpu, params.as_view(), d).expect("filter");
            let y = conv::forward(gpu, &x, &filter, math, d).expect("forward");
            let dx = conv::input_gradient(gpu, &dy, &filter, math, d).expect("input gradient");
            let dw = conv::weight_gradient(gpu, &dy, &x, math, d).expect("weight gradient");
            [host(gpu, &y), host(gpu, &dx), host(gpu, &dw)]
        };
        let found = run();
        let expected = [
            host(gpu, &conv_direct::forward(gpu, &x, &w, d).expect("forward")),
            host(gpu, &conv_direct::input_gradient(gpu, &dy, &w, d).expect("input gradient")),
            host(gpu, &conv_direct::weight_gradient(gpu, &dy, &x, d).expect("weight gradient")),
        ];
        for ((what, found), expected) in ["y", "dx", "dw"].iter().zip(&found).zip(&expected) {
            close(&format!("{what} of {d:?} in {}", T::NAME), found, expected, relative);
        }
        assert_eq!(found, run(), "not the same bits the second time: {d:?} in {}", T::NAME);
    }
}

#[test]
fn cudnn_gives_the_direct_convolution() {
    let Some(gpu) = gpu("cudnn_gives_the_direct_convolution") else { return };
    cudnn_is_direct::<f32>(&gpu, Math::Full, 1e-5);
    cudnn_is_direct::<f32>(&gpu, Math::Tf32, 2e-3);
    cudnn_is_direct::<bf16>(&gpu, Math::Tf32, 1e-2);
}

fn batch_norm_is_its_formula<T: MapElement>(gpu: &Gpu, dims: MapDims, relative: f64)
where
    f64: From<T> + From<T::Acc>,
{
    let (n, c) = (dims.images * dims.rows, dims.channels);
    let (x, xh) = values::<T>(gpu, 1, dims.len());
    let (dy, dyh) = values::<T>(gpu, 2, dims.len());
    let (weight, wh) = values::<T::Acc>(gpu, 3, c);
    let (bias, bh) = values::<T::Acc>(gpu, 4, c);
    let (x, dy, weight, bias) = (x.as_view(), dy.as_view(), weight.as_view(), bias.as_view());
    let sums = batch_norm::sums(gpu, &x, dims.flat()).expect("sums");
    let statistics = batch_norm::train(gpu, &sums, &weight, None, 1e-5, 0.1).expect("train");
    let y = batch_norm::apply(gpu, &x, None, &statistics, &bias, true, dims).expect("apply");
    let grads = batch_norm::backward(gpu, &dy, &x, Mask::Input, &statistics, &bias, true, false, dims)
        .expect("backward");
    let (y, dx) = (host(gpu, &y), host(gpu, &grads.input));
    for ch in 0..c {
        let column = |v: &[f64]| -> Vec<f64> { v.iter().skip(ch).step_by(c).copied().collect() };
        let (xs, ys) = (column(&xh), column(&y));
        let mean = xs.iter().sum::<f64>() / n as f64;
        let var = xs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
        let inv_std = 1.0 / (var + 1e-5).sqrt();
        let normal: Vec<f64> = xs.iter().map(|x| (x - mean) * inv_std).collect();
        let expected: Vec<f64> = normal.iter().map(|v| (v * wh[ch] + bh[ch]).max(0.0)).collect();
        close(&format!("y of {dims:?} in {}", T::NAME), &ys, &expected, relative);
        let g: Vec<f64> =
            column(&dyh).iter().zip(&ys).map(|(&g, &y)| if y > 0.0 { g } else { 0.0 }).collect();
        let (s0, s1) = (g.iter().sum::<f64>(), g.iter().zip(&normal).map(|(g, v)| g * v).sum::<f64>());
        let expected: Vec<f64> =
            g.iter().zip(&normal).map(|(g, v)| wh[ch] * inv_std * (g - (s0 + v * s1) / n as f64)).collect();
        close(&format!("dx of {dims:?} in {}", T::NAME), &column(&dx), &expected, relative);
    }
}

#[test]
fn batch_norm_gives_its_formula() {
    let Some(gpu) = gpu("batch_norm_gives_its_formula") else { return };
    for (images, rows, channels) in [(2, 35, 3), (3, 301, 64), (2, 4032, 256)] {
        let dims = MapDims { images, rows, channels };
        batch_norm_is_its_formula::<f64>(&gpu, dims, 1e-11);
        batch_norm_is_its_formula::<f32>(&gpu, dims, 2e-5);
        batch_norm_is_its_formula::<bf16>(&gpu, dims, 1e-2);
    }
}
