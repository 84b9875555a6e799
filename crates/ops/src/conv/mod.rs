//! Two-dimensional convolution (cross-correlation, as PyTorch's `conv2d`) with groups, stride, padding and dilation,
//! over images whose channels lie together.

mod direct;
mod folded;
#[cfg(feature = "cuda")]
mod on_card;
mod pad;
mod plan;
mod pointwise;
mod weight_gradient;

use candle_core::{Result, Tensor, bail};
use tracing::span::EnteredSpan;
use tracing::trace_span;

use crate::autograd::{self, Backward};
use crate::element::{Element, by_dtype, from_vec, plain, storage, values};
use crate::gemm::Finish;
use crate::inputs::check_maps;
use plan::Plan;

pub use folded::conv2d_norm;

const NAME: &str = "conv2d";

/// Largest stride, padding and dilation: far from what a size in memory can overflow with.
const FARTHEST: usize = 1 << 20;

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
    /// Round the factors of f32 products to TF32, where a card computes; no effect on the CPU and on other types.
    pub tf32: bool,
}

impl Default for Conv2dSpec {
    fn default() -> Self {
        Self { stride: 1, padding: 0, dilation: 1, groups: 1, tf32: false }
    }
}

/// All sizes of one convolution.
#[derive(Clone, Copy, Debug)]
struct Dims {
    b: usize,
    h: usize,
    w: usize,
    c: usize,
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
        let (&[b, h, wd, c], &[o, cg, kh, kw]) = (x.dims(), w.dims()) else {
            return fail("expected an input [B, H, W, C] and a weight [O, C / groups, KH, KW]".into());
        };
        let Conv2dSpec { stride, padding, dilation, groups, .. } = spec;
        if stride == 0 || dilation == 0 || groups == 0 {
            return fail("stride, dilation and groups have to be at least 1".into());
        }
        if stride.max(padding).max(dilation) > FARTHEST {
            return fail(format!("stride, padding and dilation have to be at most {FARTHEST}"));
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
        Ok(Self { b, h, w: wd, c, o, kh, kw, oh, ow, spec })
    }

    fn is_pointwise(&self) -> bool {
        self.kh * self.kw == 1 && self.spec.padding == 0 && self.spec.groups == 1
    }

    fn span(&self, part: &'static str) -> EnteredSpan {
        if self.is_pointwise() {
            trace_span!("conv2d 1x1", part).entered()
        } else {
            trace_span!("conv2d direct", part).entered()
        }
    }
}

/// Convolves `x` `[B, H, W, C]` with `w` `[O, C / groups, KH, KW]` into `[B, OH, OW, O]`.
///
/// # Errors
/// When shapes, types or devices do not fit together; the message names both shapes.
pub fn conv2d(x: &Tensor, w: &Tensor, spec: Conv2dSpec) -> Result<Tensor> {
    check_maps(NAME, &[x], &[w])?;
    let dims = Dims::new(x, w, spec)?;
    #[cfg(feature = "cuda")]
    if x.device().is_cuda() {
        return on_card::conv2d(x, w, &dims);
    }
    by_dtype!(NAME, x, T => {
        let (xp, wp) = (plain(x)?, plain(w)?);
        let y = forward::<T>(&values(NAME, &xp)?, &values(NAME, &wp)?, &dims, None);
        let saved = autograd::needs_grad(&[x, w])
            .then(|| Box::new(Saved::<T> { x: xp.clone(), w: wp.clone(), dims, element: Default::default() }) as Box<dyn Backward>);
        autograd::output(NAME, storage(y), (dims.b, dims.oh, dims.ow, dims.o), &[x, w], saved)
    })
}

/// Convolutions on a card that cuDNN has no algorithm for, since the process began: the direct kernels computed them,
/// right and slowly. For a report beside timings; empty without a card.
pub fn slow_convolutions() -> Vec<String> {
    #[cfg(feature = "cuda")]
    return crate::cuda::conv::without_algorithm();
    #[cfg(not(feature = "cuda"))]
    Vec::new()
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
        let dw = if needs[1] {
            let dw = weight_gradient(&g, &values(NAME, &self.x)?, d);
            Some(from_vec(dw, self.w.shape()))
        } else {
            None
        };
        let dx = if needs[0] {
            let dx = input_gradient(&g, &values(NAME, &self.w)?, d);
            Some(from_vec(dx, (d.b, d.h, d.w, d.c)))
        } else {
            None
        };
        Ok(vec![dx, dw])
    }
}

fn forward<T: Element>(x: &[T], w: &[T], d: &Dims, finish: Option<Finish<T>>) -> Vec<T> {
    let _span = d.span("forward");
    if d.is_pointwise() {
        pointwise::forward(x, w, d, finish)
    } else {
        direct::correlate(x, w, &Plan::forward(d), finish)
    }
}

fn input_gradient<T: Element>(grad: &[T], w: &[T], d: &Dims) -> Vec<T> {
    let _span = d.span("input gradient");
    if d.is_pointwise() {
        pointwise::input_gradient(grad, w, d)
    } else {
        direct::correlate(grad, w, &Plan::input_gradient(d), None)
    }
}

fn weight_gradient<T: Element>(grad: &[T], x: &[T], d: &Dims) -> Vec<T> {
    let _span = d.span("weight gradient");
    if d.is_pointwise() {
        pointwise::weight_gradient(grad, x, d)
    } else {
        weight_gradient::weight_gradient(grad, x, &Plan::forward(d))
    }
}

#[cfg(test)]
mod tests;
