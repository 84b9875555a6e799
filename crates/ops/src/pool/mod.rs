//! Max pooling with padding and overlapping windows, and the mean over a whole map.

use candle_core::{Result, Tensor, bail};

use crate::autograd::{self, Backward};
use crate::element::{Element, by_dtype, check_inputs, from_vec, plain, storage, values};

/// Largest value in each window of `kernel` x `kernel` pixels, as PyTorch's `max_pool2d`: `x` `[B, C, H, W]` becomes
/// `[B, C, OH, OW]`; the first of equal values gets the gradient.
///
/// # Errors
/// When the padding is more than half the kernel, or the kernel larger than the padded image.
pub fn max_pool2d(x: &Tensor, kernel: usize, stride: usize, padding: usize) -> Result<Tensor> {
    const NAME: &str = "max_pool2d";
    check_inputs(NAME, &[x])?;
    let fail = |why: &str| -> Result<Tensor> {
        bail!("{NAME}: {why} (input {:?}, kernel {kernel}, stride {stride}, padding {padding})", x.dims())
    };
    let &[b, c, h, w] = x.dims() else { return fail("expected an input [B, C, H, W]") };
    if kernel == 0 || stride == 0 || padding > kernel / 2 {
        return fail("expected kernel and stride of at least 1 and padding of at most half the kernel");
    }
    if h + 2 * padding < kernel || w + 2 * padding < kernel {
        return fail("the kernel is larger than the padded image");
    }
    let (oh, ow) = ((h + 2 * padding - kernel) / stride + 1, (w + 2 * padding - kernel) / stride + 1);
    by_dtype!(NAME, x, T => {
        let xp = plain(x)?;
        let (y, index) = max_windows::<T>(&values(NAME, &xp)?, (b * c, h, w), (oh, ow), (kernel, stride, padding));
        let saved = autograd::needs_grad(&[x])
            .then(|| Box::new(MaxSaved::<T> { index, shape: (b, c, h, w), element: Default::default() }) as Box<dyn Backward>);
        autograd::output(NAME, storage(y), (b, c, oh, ow), &[x], saved)
    })
}

fn max_windows<T: Element>(
    x: &[T],
    (planes, h, w): (usize, usize, usize),
    (oh, ow): (usize, usize),
    (kernel, stride, padding): (usize, usize, usize),
) -> (Vec<T>, Vec<u32>) {
    let mut y = Vec::with_capacity(planes * oh * ow);
    let mut index = Vec::with_capacity(planes * oh * ow);
    let range = |o: usize, n: usize| {
        let start = o * stride;
        start.saturating_sub(padding)..(start + kernel - padding).min(n)
    };
    for plane in x.chunks_exact(h * w) {
        for oy in 0..oh {
            for ox in 0..ow {
                let first = range(oy, h).start * w + range(ox, w).start;
                let mut best = (plane[first], first);
                for iy in range(oy, h) {
                    for ix in range(ox, w) {
                        let value = plane[iy * w + ix];
                        if value > best.0 || value != value {
                            best = (value, iy * w + ix);
                        }
                    }
                }
                y.push(best.0);
                index.push(best.1 as u32);
            }
        }
    }
    (y, index)
}

struct MaxSaved<T> {
    index: Vec<u32>,
    shape: (usize, usize, usize, usize),
    element: std::marker::PhantomData<T>,
}

impl<T: Element> Backward for MaxSaved<T> {
    fn backward(self: Box<Self>, grad: &Tensor, _: &[bool]) -> Result<Vec<Option<Tensor>>> {
        let (b, c, h, w) = self.shape;
        let grad = plain(grad)?;
        let g = values::<T>("max_pool2d", &grad)?;
        let n = g.len() / (b * c);
        let mut dx = vec![T::zero(); b * c * h * w];
        for (plane, (g, index)) in
            dx.chunks_exact_mut(h * w).zip(g.chunks_exact(n).zip(self.index.chunks_exact(n)))
        {
            for (&g, &i) in g.iter().zip(index) {
                plane[i as usize] += g;
            }
        }
        Ok(vec![Some(from_vec(dx, self.shape))])
    }
}

/// Mean over height and width: `[B, C, H, W]` becomes `[B, C]`.
///
/// # Errors
/// When the input is no image of floats on a device that has a kernel.
pub fn global_avg_pool(x: &Tensor) -> Result<Tensor> {
    const NAME: &str = "global_avg_pool";
    check_inputs(NAME, &[x])?;
    let &[b, c, h, w] = x.dims() else {
        bail!("{NAME}: expected an input [B, C, H, W], found {:?}", x.dims());
    };
    by_dtype!(NAME, x, T => {
        let xp = plain(x)?;
        let n = T::from_usize(h * w);
        let y: Vec<T> = values::<T>(NAME, &xp)?.chunks_exact(h * w).map(|p| p.iter().copied().sum::<T>() / n).collect();
        let saved = autograd::needs_grad(&[x])
            .then(|| Box::new(MeanSaved::<T> { shape: (b, c, h, w), element: Default::default() }) as Box<dyn Backward>);
        autograd::output(NAME, storage(y), (b, c), &[x], saved)
    })
}

struct MeanSaved<T> {
    shape: (usize, usize, usize, usize),
    element: std::marker::PhantomData<T>,
}

impl<T: Element> Backward for MeanSaved<T> {
    fn backward(self: Box<Self>, grad: &Tensor, _: &[bool]) -> Result<Vec<Option<Tensor>>> {
        let (_, _, h, w) = self.shape;
        let grad = plain(grad)?;
        let share = T::one() / T::from_usize(h * w);
        let mut dx = Vec::new();
        for &g in values::<T>("global_avg_pool", &grad)?.iter() {
            dx.resize(dx.len() + h * w, g * share);
        }
        Ok(vec![Some(from_vec(dx, self.shape))])
    }
}

#[cfg(test)]
mod tests;
