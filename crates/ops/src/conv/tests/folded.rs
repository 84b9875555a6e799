//! The normalisation that becomes part of a convolution.

use candle_core::{DType, Device, Result, Tensor};

use super::super::{Conv2dSpec, conv2d, conv2d_norm};
use super::spec;
use crate::simd::Isa;
use crate::testing::{check_instruction_sets, coarse, distance, message, random, to_vec, with_isa};
use crate::{BatchNorm2d, Fuse, Mode, ParamStore, no_grad};

/// Input, outputs and kernel, and how it moves: every kernel that is finished in its own place, whole registers of
/// outputs and parts of them, sums longer than a block of the matrix product.
fn cases() -> Vec<([usize; 4], [usize; 3], Conv2dSpec)> {
    vec![
        ([2, 5, 7, 6], [9, 1, 1], spec(1, 0, 1, 1)),
        ([1, 8, 7, 300], [40, 1, 1], spec(2, 0, 1, 1)),
        ([2, 14, 18, 64], [256, 1, 1], spec(1, 0, 1, 1)),
        ([1, 15, 12, 3], [64, 7, 7], spec(2, 3, 1, 1)),
        ([2, 9, 8, 32], [32, 3, 3], spec(1, 1, 1, 16)),
        ([1, 7, 10, 128], [128, 3, 3], spec(1, 1, 1, 32)),
        ([1, 8, 5, 256], [256, 3, 3], spec(2, 1, 1, 32)),
        ([1, 9, 11, 512], [512, 3, 3], spec(1, 2, 2, 32)),
        ([1, 9, 11, 6], [6, 7, 7], spec(1, 3, 1, 6)),
        ([1, 6, 7, 20], [28, 3, 3], spec(1, 1, 1, 4)),
    ]
}

fn norm(channels: usize, dtype: DType) -> Result<BatchNorm2d> {
    let store = ParamStore::new(1, dtype, &Device::Cpu);
    let norm = BatchNorm2d::new(&store.scope(), channels, 1e-5)?;
    for (seed, (name, var)) in store.params().into_iter().chain(store.buffers()).enumerate() {
        let start = if name == "running_var" { 1.5 } else { 0.0 };
        var.set(&(coarse(20 + seed as u64, channels) + start)?.to_dtype(dtype)?)?;
    }
    Ok(norm)
}

#[test]
fn it_is_the_one_that_follows() {
    for (x, [o, kh, kw], spec) in cases() {
        let norm = norm(o, DType::F64).unwrap();
        let w = random(2, (o, x[3] / spec.groups, kh, kw));
        let x = random(1, &x[..]);
        for relu in [false, true] {
            let y = no_grad(|| conv2d_norm(&x, &w, spec, &norm, Mode::Eval, relu)).unwrap();
            let fuse = Fuse { relu, residual: None };
            let expected = norm.forward(&conv2d(&x, &w, spec).unwrap(), Mode::Eval, fuse).unwrap();
            assert!(!y.track_op() && distance(&y, &expected) < 1e-13, "{:?} {spec:?}", x.dims());
            let recorded = conv2d_norm(&x, &w, spec, &norm, Mode::Eval, relu).unwrap();
            assert!(recorded.track_op() && distance(&y, &recorded) < 1e-13, "{:?} {spec:?}", x.dims());
        }
    }
}

#[test]
fn training_moves_the_statistics_with_or_without_gradients() {
    let (x, w) = (random(1, (2, 4, 5, 3)), random(2, (4, 3, 3, 3)));
    let (one, other) = (norm(4, DType::F64).unwrap(), norm(4, DType::F64).unwrap());
    let spec = Conv2dSpec::default();
    let y = no_grad(|| conv2d_norm(&x, &w, spec, &one, Mode::Train, true)).unwrap();
    let expected = other.forward(&conv2d(&x, &w, spec).unwrap(), Mode::Train, Fuse::RELU).unwrap();
    assert_eq!(to_vec(&y), to_vec(&expected));
    assert_eq!(to_vec(&one.running_var), to_vec(&other.running_var));
}

#[test]
fn f32_is_f64_with_every_instruction_set() {
    // Sums of at most 300 products: 2 sqrt(2 n) u of their magnitudes, which together are some times the largest result.
    const TOLERANCE: f64 = 1e-5;
    for (dims, [o, kh, kw], spec) in cases() {
        for relu in [false, true] {
            check_instruction_sets(TOLERANCE, |dtype| {
                let x = coarse(1, &dims[..]).to_dtype(dtype)?;
                let w = coarse(2, (o, dims[3] / spec.groups, kh, kw)).to_dtype(dtype)?;
                let norm = norm(o, dtype)?;
                Ok((no_grad(|| conv2d_norm(&x, &w, spec, &norm, Mode::Eval, relu))?, vec![]))
            });
        }
    }
}

/// What evaluation must not hide: wherever in a tile or a register it stands.
#[test]
fn what_is_not_a_number_stays_so() {
    for isa in Isa::available() {
        for (dims, [o, kh, kw], spec) in cases() {
            let x = Tensor::full(f32::NAN, &dims[..], &Device::Cpu).unwrap();
            let w = random(2, (o, dims[3] / spec.groups, kh, kw)).to_dtype(DType::F32).unwrap();
            let norm = norm(o, DType::F32).unwrap();
            let y = with_isa(isa, || no_grad(|| conv2d_norm(&x, &w, spec, &norm, Mode::Eval, true)));
            let numbers = to_vec(&y.unwrap()).iter().filter(|v| !v.is_nan()).count();
            assert_eq!(numbers, 0, "{isa:?} {dims:?} {spec:?}");
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let norm = norm(5, DType::F64).unwrap();
    let (x, w) = (random(1, (1, 4, 5, 3)), random(2, (4, 3, 3, 3)));
    for mode in [Mode::Train, Mode::Eval] {
        let run = || conv2d_norm(&x, &w, Conv2dSpec::default(), &norm, mode, true);
        for error in [message(run()), message(no_grad(run))] {
            assert!(error.contains('5') && error.contains('4'), "{error}");
        }
    }
}
