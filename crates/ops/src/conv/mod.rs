//! Two-dimensional convolution (cross-correlation, as PyTorch's `conv2d`) with groups, stride, padding and dilation.

use candle_core::{Result, Tensor, bail};
use gemm::Parallelism;

use crate::autograd::{self, Backward};
use crate::element::{Element, by_dtype, check_inputs, from_vec, plain, storage, values};

const NAME: &str = "conv2d";

/// How a kernel moves over the image; the same along height and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dSpec {
    /// Step between output pixels, in input pixels.
    pub stride: usize,
    /// Zeros around the image, in pixels.
    pub padding: usize,
    /// Distance between kernel taps, in input pixels.
    pub dilation: usize,
    /// Number of groups; input and output channels are split evenly among them.
    pub groups: usize,
}

impl Default for Conv2dSpec {
    fn default() -> Self {
        Self { stride: 1, padding: 0, dilation: 1, groups: 1 }
    }
}

/// All sizes of one convolution.
#[derive(Clone, Copy, Debug)]
struct Dims {
    b: usize,
    c: usize,
    h: usize,
    w: usize,
    o: usize,
    kh: usize,
    kw: usize,
    oh: usize,
    ow: usize,
    spec: Conv2dSpec,
}

impl Dims {
    fn new(x: &Tensor, w: &Tensor, spec: Conv2dSpec) -> Result<Self> {
        let fail = |why: String| -> Result<Self> {
            bail!("{NAME}: {why} (input {:?}, weight {:?}, {spec:?})", x.dims(), w.dims())
        };
        let (&[b, c, h, wd], &[o, cg, kh, kw]) = (x.dims(), w.dims()) else {
            return fail("expected an input [B, C, H, W] and a weight [O, C / groups, KH, KW]".into());
        };
        let Conv2dSpec { stride, padding, dilation, groups } = spec;
        if stride == 0 || dilation == 0 || groups == 0 {
            return fail("stride, dilation and groups have to be at least 1".into());
        }
        if c % groups != 0 || o % groups != 0 || cg * groups != c {
            return fail(format!("{c} input and {o} output channels do not fit a weight of {cg} channels"));
        }
        if b * c * h * wd * o * kh * kw == 0 {
            return fail("an axis has length 0".into());
        }
        let out = |n: usize, k: usize| {
            (n + 2 * padding).checked_sub(dilation * (k - 1) + 1).map(|r| r / stride + 1)
        };
        let (Some(oh), Some(ow)) = (out(h, kh), out(wd, kw)) else {
            return fail("the kernel is larger than the padded image".into());
        };
        Ok(Self { b, c, h, w: wd, o, kh, kw, oh, ow, spec })
    }

    fn k(&self) -> usize {
        self.c / self.spec.groups * self.kh * self.kw
    }
}

/// Convolves `x` `[B, C, H, W]` with `w` `[O, C / groups, KH, KW]` into `[B, O, OH, OW]`.
///
/// # Errors
/// When shapes, types or devices do not fit together; the message names both shapes.
pub fn conv2d(x: &Tensor, w: &Tensor, spec: Conv2dSpec) -> Result<Tensor> {
    check_inputs(NAME, &[x, w])?;
    let dims = Dims::new(x, w, spec)?;
    by_dtype!(NAME, x, T => {
        let (xp, wp) = (plain(x)?, plain(w)?);
        let y = forward::<T>(&values(NAME, &xp)?, &values(NAME, &wp)?, &dims);
        let saved = autograd::needs_grad(&[x, w])
            .then(|| Box::new(Saved::<T> { x: xp.clone(), w: wp.clone(), dims, element: Default::default() }) as Box<dyn Backward>);
        autograd::output(NAME, storage(y), (dims.b, dims.o, dims.oh, dims.ow), &[x, w], saved)
    })
}

struct Saved<T> {
    x: Tensor,
    w: Tensor,
    dims: Dims,
    element: std::marker::PhantomData<T>,
}

impl<T: Element> Backward for Saved<T> {
    fn backward(self: Box<Self>, grad: &Tensor, needs: &[bool]) -> Result<Vec<Option<Tensor>>> {
        let d = &self.dims;
        let grad = plain(grad)?;
        let g = values::<T>(NAME, &grad)?;
        let dx = if needs[0] {
            let dx = input_gradient(&g, &values(NAME, &self.w)?, d);
            Some(from_vec(dx, (d.b, d.c, d.h, d.w)))
        } else {
            None
        };
        let dw = if needs[1] {
            let dw = weight_gradient(&g, &values(NAME, &self.x)?, d);
            Some(from_vec(dw, self.w.shape()))
        } else {
            None
        };
        Ok(vec![dx, dw])
    }
}

/// Calls `f(row of the patch matrix, first output index, image index)` for every tap that falls on the image.
fn patches(d: &Dims, group: usize, mut f: impl FnMut(usize, usize)) {
    let Conv2dSpec { stride, padding, dilation, groups } = d.spec;
    let cg = d.c / groups;
    let mut row = 0;
    for c in group * cg..(group + 1) * cg {
        for ky in 0..d.kh {
            for kx in 0..d.kw {
                for oy in 0..d.oh {
                    let y = (oy * stride + ky * dilation).wrapping_sub(padding);
                    for ox in 0..d.ow {
                        let x = (ox * stride + kx * dilation).wrapping_sub(padding);
                        if y < d.h && x < d.w {
                            f(row + oy * d.ow + ox, (c * d.h + y) * d.w + x);
                        }
                    }
                }
                row += d.oh * d.ow;
            }
        }
    }
}

fn forward<T: Element>(x: &[T], w: &[T], d: &Dims) -> Vec<T> {
    let (n, k, og) = (d.oh * d.ow, d.k(), d.o / d.spec.groups);
    let mut y = vec![T::zero(); d.b * d.o * n];
    let mut cols = vec![T::zero(); k * n];
    for b in 0..d.b {
        let image = &x[b * d.c * d.h * d.w..];
        for g in 0..d.spec.groups {
            patches(d, g, |to, from| cols[to] = image[from]);
            let out = &mut y[(b * d.o + g * og) * n..];
            matmul(out, (n, 1), &w[g * og * k..], (k, 1), &cols, (n, 1), (og, k, n), false);
        }
    }
    y
}

fn input_gradient<T: Element>(grad: &[T], w: &[T], d: &Dims) -> Vec<T> {
    let (n, k, og) = (d.oh * d.ow, d.k(), d.o / d.spec.groups);
    let mut dx = vec![T::zero(); d.b * d.c * d.h * d.w];
    let mut cols = vec![T::zero(); k * n];
    for b in 0..d.b {
        let image = &mut dx[b * d.c * d.h * d.w..(b + 1) * d.c * d.h * d.w];
        for g in 0..d.spec.groups {
            let grad = &grad[(b * d.o + g * og) * n..];
            matmul(&mut cols, (n, 1), &w[g * og * k..], (1, k), grad, (n, 1), (k, og, n), false);
            patches(d, g, |from, to| image[to] += cols[from]);
        }
    }
    dx
}

fn weight_gradient<T: Element>(grad: &[T], x: &[T], d: &Dims) -> Vec<T> {
    let (n, k, og) = (d.oh * d.ow, d.k(), d.o / d.spec.groups);
    let mut dw = vec![T::zero(); d.o * k];
    let mut cols = vec![T::zero(); k * n];
    for b in 0..d.b {
        let image = &x[b * d.c * d.h * d.w..];
        for g in 0..d.spec.groups {
            patches(d, g, |to, from| cols[to] = image[from]);
            let grad = &grad[(b * d.o + g * og) * n..];
            matmul(&mut dw[g * og * k..], (k, 1), grad, (n, 1), &cols, (1, n), (og, n, k), true);
        }
    }
    dw
}

/// `c = a b` or `c += a b` for `a` `[m, k]` and `b` `[k, n]`, each with its row and column stride.
fn matmul<T: Element>(
    c: &mut [T],
    c_strides: (usize, usize),
    a: &[T],
    a_strides: (usize, usize),
    b: &[T],
    b_strides: (usize, usize),
    (m, k, n): (usize, usize, usize),
    add: bool,
) {
    let last = |(r, s): (usize, usize), rows: usize, cols: usize| (rows - 1) * r + (cols - 1) * s;
    assert!(
        last(c_strides, m, n) < c.len() && last(a_strides, m, k) < a.len() && last(b_strides, k, n) < b.len()
    );
    // SAFETY: the last element that is touched of each matrix lies inside its slice, as asserted, and `c` is
    // borrowed exclusively.
    #[allow(unsafe_code)]
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            c_strides.1 as isize,
            c_strides.0 as isize,
            add,
            a.as_ptr(),
            a_strides.1 as isize,
            a_strides.0 as isize,
            b.as_ptr(),
            b_strides.1 as isize,
            b_strides.0 as isize,
            T::one(),
            T::one(),
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests;
