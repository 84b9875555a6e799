//! The mean over a whole map.

use candle_core::{Result, Tensor, bail};
use tracing::trace_span;

use crate::autograd::{self, Backward};
use crate::element::{Element, by_dtype, from_vec, plain, storage, values};
use crate::inputs::check_maps;
use crate::memory;
use crate::rows::{self, Parts};
use crate::simd::vectorised;

const NAME: &str = "global_avg_pool";

/// Mean over height and width: `[B, H, W, C]` becomes `[B, C]`, which is f32 for maps of bf16.
///
/// # Errors
/// When the input is no image of floats on a device that has a kernel.
pub fn global_avg_pool(x: &Tensor) -> Result<Tensor> {
    check_maps(NAME, &[x], &[])?;
    let &[b, h, w, c] = x.dims() else {
        bail!("{NAME}: expected an input [B, H, W, C], found {:?}", x.dims());
    };
    if b * h * w * c == 0 {
        bail!("{NAME}: an axis has length 0 (input {:?})", x.dims());
    }
    #[cfg(feature = "cuda")]
    if x.device().is_cuda() {
        return super::on_card::global_avg_pool(x);
    }
    by_dtype!(NAME, x, T => {
        let xp = plain(x)?;
        let y = means::<T>(&values(NAME, &xp)?, h * w, c);
        let saved = autograd::needs_grad(&[x])
            .then(|| Box::new(Saved::<T> { shape: (b, h, w, c), element: Default::default() }) as Box<dyn Backward>);
        autograd::output(NAME, storage(y), (b, c), &[x], saved)
    })
}

/// Means over each image's `pixels` rows of `channels` numbers: `[B, C]`.
pub(crate) fn means<T: Element>(x: &[T], pixels: usize, channels: usize) -> Vec<T> {
    let _span = trace_span!("global_avg_pool", part = "forward").entered();
    let pieces = rows::pieces(x.len() / channels, channels, pixels);
    let sums = rows::map(&pieces, channels, |rows| sum_rows(rows::part(x, &rows, channels), channels));
    let to_an_image = pieces.len() / (x.len() / (pixels * channels));
    let mean = |parts: &[Vec<T>]| {
        rows::total(parts, channels).into_iter().map(|sum| T::from_f64(sum / pixels as f64))
    };
    sums.chunks(to_an_image).flat_map(|parts| mean(parts).collect::<Vec<_>>()).collect()
}

vectorised! {
    fn sum_rows<T>(x: &[T], channels: usize) -> Vec<T> {
        let mut sums = vec![T::zero(); channels];
        for row in x.chunks_exact(channels) {
            for (sum, &x) in sums.iter_mut().zip(row) {
                *sum += x;
            }
        }
        sums
    }
}

struct Saved<T> {
    shape: (usize, usize, usize, usize),
    element: std::marker::PhantomData<T>,
}

impl<T: Element> Backward for Saved<T> {
    fn backward(self: Box<Self>, grad: &Tensor, _: &[bool]) -> Result<Vec<Option<Tensor>>> {
        let _span = trace_span!("global_avg_pool", part = "backward").entered();
        let (b, h, w, c) = self.shape;
        let grad = plain(grad)?;
        let share = T::one() / T::from_usize(h * w);
        let shares: Vec<T> = values::<T>(NAME, &grad)?.iter().map(|&g| g * share).collect();
        let mut dx = memory::unset(b * h * w * c);
        let parts = Parts::new(&mut dx);
        rows::map(&rows::pieces(b * h * w, c, h * w), c, |rows| {
            // SAFETY: pieces do not overlap.
            #[allow(unsafe_code)]
            let dx = unsafe { parts.part(&rows, c) };
            let shares = &shares[rows.start / (h * w) * c..][..c];
            dx.chunks_exact_mut(c).for_each(|row| row.copy_from_slice(shares));
        });
        Ok(vec![Some(from_vec(dx, self.shape))])
    }
}
