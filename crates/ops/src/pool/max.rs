//! Max pooling with padding and overlapping windows.

use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;
use tracing::trace_span;

use crate::autograd::{self, Backward};
use crate::element::{Element, by_dtype, from_vec, plain, storage, values};
use crate::inputs::check_maps;
use crate::memory;
use crate::simd::vectorised;

const NAME: &str = "max_pool2d";

/// All sizes of one pooling.
#[derive(Clone, Copy)]
struct Dims {
    b: usize,
    h: usize,
    w: usize,
    c: usize,
    oh: usize,
    ow: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
}

impl Dims {
    fn new(x: &Tensor, kernel: usize, stride: usize, padding: usize) -> Result<Self> {
        let fail = |why: &str| -> Result<Self> {
            bail!("{NAME}: {why} (input {:?}, kernel {kernel}, stride {stride}, padding {padding})", x.dims())
        };
        let &[b, h, w, c] = x.dims() else { return fail("expected an input [B, H, W, C]") };
        if kernel == 0 || kernel > 255 || stride == 0 || padding > kernel / 2 {
            return fail(
                "expected a kernel of 1 to 255, a stride of at least 1 and padding of at most half the kernel",
            );
        }
        if b * h * w * c == 0 {
            return fail("an axis has length 0");
        }
        if h + 2 * padding < kernel || w + 2 * padding < kernel {
            return fail("the kernel is larger than the padded image");
        }
        let out = |n: usize| (n + 2 * padding - kernel) / stride + 1;
        Ok(Self { b, h, w, c, oh: out(h), ow: out(w), kernel, stride, padding })
    }

    #[cfg(feature = "cuda")]
    fn on_card(&self) -> crate::cuda::pool::PoolDims {
        crate::cuda::pool::PoolDims {
            images: self.b,
            height: self.h,
            width: self.w,
            channels: self.c,
            out_height: self.oh,
            out_width: self.ow,
            kernel: self.kernel,
            stride: self.stride,
            padding: self.padding,
        }
    }

    /// The taps of output place `o` that fall on the `n` input places, and the place of tap 0 plus the padding.
    fn taps(&self, o: usize, n: usize) -> (std::ops::Range<usize>, usize) {
        let start = o * self.stride;
        (self.padding.saturating_sub(start)..self.kernel.min(n + self.padding - start), start)
    }
}

/// Largest value in each window of `kernel` x `kernel` pixels, as PyTorch's `max_pool2d`: `x` `[B, H, W, C]` becomes
/// `[B, OH, OW, C]`; the first of equal values gets the gradient.
///
/// # Errors
/// When the padding is more than half the kernel, or the kernel larger than the padded image.
pub fn max_pool2d(x: &Tensor, kernel: usize, stride: usize, padding: usize) -> Result<Tensor> {
    check_maps(NAME, &[x], &[])?;
    let d = Dims::new(x, kernel, stride, padding)?;
    #[cfg(feature = "cuda")]
    if x.device().is_cuda() {
        return super::on_card::max_pool2d(x, d.on_card());
    }
    by_dtype!(NAME, x, T => {
        let xp = plain(x)?;
        let (y, winners) = windows::<T>(&values(NAME, &xp)?, &d);
        let saved = autograd::needs_grad(&[x])
            .then(|| Box::new(Saved::<T> { winners, d, element: Default::default() }) as Box<dyn Backward>);
        autograd::output(NAME, storage(y), (d.b, d.oh, d.ow, d.c), &[x], saved)
    })
}

/// The largest values and the number of the tap, `ky * kernel + kx`, that each came from.
fn windows<T: Element>(x: &[T], d: &Dims) -> (Vec<T>, Vec<u16>) {
    let _span = trace_span!("max_pool2d", part = "forward").entered();
    let mut y = memory::unset(d.b * d.oh * d.ow * d.c);
    let mut winners = vec![0; y.len()];
    let row = d.ow * d.c;
    y.par_chunks_exact_mut(row).zip(winners.par_chunks_exact_mut(row)).enumerate().for_each(
        |(at, (y, winners))| {
            let (image, oy) = (at / d.oh, at % d.oh);
            row_windows(&x[image * d.h * d.w * d.c..][..d.h * d.w * d.c], d, oy, y, winners);
        },
    );
    (y, winners)
}

vectorised! {
    fn row_windows<T>(image: &[T], d: &Dims, oy: usize, y: &mut [T], winners: &mut [u16]) {
        let (rows, top) = d.taps(oy, d.h);
        for (ox, (y, winners)) in y.chunks_exact_mut(d.c).zip(winners.chunks_exact_mut(d.c)).enumerate() {
            let (cols, left) = d.taps(ox, d.w);
            let mut first = true;
            for ky in rows.clone() {
                for kx in cols.clone() {
                    let tap = (ky * d.kernel + kx) as u16;
                    let pixel = (top + ky - d.padding) * d.w + left + kx - d.padding;
                    let x = &image[pixel * d.c..][..d.c];
                    if std::mem::take(&mut first) {
                        y.copy_from_slice(x);
                        winners.fill(tap);
                        continue;
                    }
                    for ((y, winner), &x) in y.iter_mut().zip(winners.iter_mut()).zip(x) {
                        // a value that is not a number wins, so that it is not lost
                        #[allow(clippy::eq_op)]
                        let wins = x > *y || x != x;
                        *y = if wins { x } else { *y };
                        *winner = if wins { tap } else { *winner };
                    }
                }
            }
        }
    }
}

struct Saved<T> {
    winners: Vec<u16>,
    d: Dims,
    element: std::marker::PhantomData<T>,
}

impl<T: Element> Backward for Saved<T> {
    fn backward(self: Box<Self>, grad: &Tensor, _: &[bool]) -> Result<Vec<Option<Tensor>>> {
        let _span = trace_span!("max_pool2d", part = "backward").entered();
        let d = &self.d;
        let grad = plain(grad)?;
        let grad = values::<T>(NAME, &grad)?;
        let mut dx = memory::unset(d.b * d.h * d.w * d.c);
        let row = d.w * d.c;
        // every input row gathers from the output rows whose windows reach it
        dx.par_chunks_exact_mut(row).enumerate().for_each(|(at, dx)| {
            let (image, y) = (at / d.h, at % d.h);
            let out = image * d.oh * d.ow * d.c..(image + 1) * d.oh * d.ow * d.c;
            row_gradient(&grad[out.clone()], &self.winners[out], d, y, dx);
        });
        Ok(vec![Some(from_vec(dx, (d.b, d.h, d.w, d.c)))])
    }
}

vectorised! {
    fn row_gradient<T>(grad: &[T], winners: &[u16], d: &Dims, y: usize, dx: &mut [T]) {
        dx.fill(T::zero());
        let reached = y + d.padding;
        let last = (reached / d.stride).min(d.oh - 1);
        for oy in (reached + 1).saturating_sub(d.kernel).div_ceil(d.stride)..=last {
            let ky = reached - oy * d.stride;
            for ox in 0..d.ow {
                let (cols, left) = d.taps(ox, d.w);
                let out = (oy * d.ow + ox) * d.c;
                let (grad, winners) = (&grad[out..][..d.c], &winners[out..][..d.c]);
                for kx in cols {
                    let tap = (ky * d.kernel + kx) as u16;
                    let dx = &mut dx[(left + kx - d.padding) * d.c..][..d.c];
                    for ((dx, &g), &winner) in dx.iter_mut().zip(grad).zip(winners) {
                        *dx += if winner == tap { g } else { T::zero() };
                    }
                }
            }
        }
    }
}
