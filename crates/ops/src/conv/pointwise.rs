//! Convolution with a 1x1 kernel and no groups: a product of matrices, one row to a pixel.

use std::borrow::Cow;

use rayon::prelude::*;

use super::Dims;
use crate::element::Element;
use crate::gemm::{Finish, Matrix, Output, gemm};
use crate::memory;

pub(super) fn forward<T: Element>(x: &[T], w: &[T], d: &Dims, finish: Option<Finish<T>>) -> Vec<T> {
    let pixels = d.b * d.oh * d.ow;
    let mut y = memory::unset(pixels * d.o);
    let x = seen(x, d);
    let output = finish.map_or(Output::Set, Output::Finish);
    gemm(&mut y, Matrix::rows(&x, d.c), Matrix::rows(w, d.c).t(), (pixels, d.c, d.o), output);
    y
}

pub(super) fn input_gradient<T: Element>(grad: &[T], w: &[T], d: &Dims) -> Vec<T> {
    let pixels = d.b * d.oh * d.ow;
    let mut dx = memory::unset(pixels * d.c);
    gemm(&mut dx, Matrix::rows(grad, d.o), Matrix::rows(w, d.c), (pixels, d.o, d.c), Output::Set);
    if d.spec.stride == 1 { dx } else { spread(&dx, d) }
}

pub(super) fn weight_gradient<T: Element>(grad: &[T], x: &[T], d: &Dims) -> Vec<T> {
    let pixels = d.b * d.oh * d.ow;
    let mut dw = memory::unset(d.o * d.c);
    let x = seen(x, d);
    gemm(&mut dw, Matrix::rows(grad, d.o).t(), Matrix::rows(&x, d.c), (d.o, pixels, d.c), Output::Set);
    dw
}

/// The pixels that a stride lets through.
fn seen<'a, T: Element>(x: &'a [T], d: &Dims) -> Cow<'a, [T]> {
    if d.spec.stride == 1 {
        return Cow::Borrowed(x);
    }
    let mut seen = memory::unset(d.b * d.oh * d.ow * d.c);
    seen.par_chunks_exact_mut(d.ow * d.c).enumerate().for_each(|(row, to)| {
        let from = &x[(row / d.oh * d.h + row % d.oh * d.spec.stride) * d.w * d.c..];
        for (to, from) in to.chunks_exact_mut(d.c).zip(from.chunks(d.c * d.spec.stride)) {
            to.copy_from_slice(&from[..d.c]);
        }
    });
    Cow::Owned(seen)
}

/// The reverse of `seen`: zeros where nothing was seen.
fn spread<T: Element>(seen: &[T], d: &Dims) -> Vec<T> {
    let stride = d.spec.stride;
    let mut x = memory::unset(d.b * d.h * d.w * d.c);
    x.par_chunks_exact_mut(d.w * d.c).enumerate().for_each(|(row, to)| {
        let (image, y) = (row / d.h, row % d.h);
        to.fill(T::zero());
        if y % stride == 0 {
            let from = &seen[(image * d.oh + y / stride) * d.ow * d.c..][..d.ow * d.c];
            for (to, from) in to.chunks_mut(d.c * stride).zip(from.chunks_exact(d.c)) {
                to[..d.c].copy_from_slice(from);
            }
        }
    });
    x
}
