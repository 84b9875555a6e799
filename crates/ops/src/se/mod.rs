//! The end of a squeeze-and-excitation bottleneck (Hu et al. 2018) in one pass: `relu(x gate + residual)`.

#[cfg(feature = "cuda")]
mod on_card;

use candle_core::{Result, Tensor, bail};
use tracing::trace_span;

use crate::autograd::{self, Backward};
use crate::element::{Element, by_dtype, from_vec, plain, storage, values};
use crate::inputs::check_maps;
use crate::memory;
use crate::rows::{self, Parts};
use crate::simd::vectorised;

const NAME: &str = "se_scale_add_relu";

/// `relu(x * gate + residual)` with `x` and `residual` `[B, H, W, C]` and one `gate` to a map, `[B, C]`.
///
/// # Errors
/// When shapes, types or devices do not fit together; the message names the shapes.
pub fn se_scale_add_relu(x: &Tensor, gate: &Tensor, residual: &Tensor) -> Result<Tensor> {
    check_maps(NAME, &[x, residual], &[gate])?;
    let (&[b, h, w, c], &[gb, gc]) = (x.dims(), gate.dims()) else {
        bail!("{NAME}: expected [B, H, W, C] and a gate [B, C], found {:?} and {:?}", x.dims(), gate.dims());
    };
    if (gb, gc) != (b, c) || residual.dims() != x.dims() || x.elem_count() == 0 {
        bail!("{NAME}: input {:?}, gate {:?}, residual {:?}", x.dims(), gate.dims(), residual.dims());
    }
    #[cfg(feature = "cuda")]
    if x.device().is_cuda() {
        return on_card::se_scale_add_relu(x, gate, residual);
    }
    by_dtype!(NAME, x, T => {
        let (xp, gp, rp) = (plain(x)?, plain(gate)?, plain(residual)?);
        let y = forward::<T>(&values(NAME, &xp)?, &values(NAME, &gp)?, &values(NAME, &rp)?, (h * w, c));
        let inputs = [x, gate, residual];
        let saved = autograd::needs_grad(&inputs).then(|| {
            Box::new(Saved::<T> { x: xp.clone(), gate: gp.clone(), residual: rp.clone(), element: Default::default() })
                as Box<dyn Backward>
        });
        autograd::output(NAME, storage(y), x.shape(), &inputs, saved)
    })
}

fn forward<T: Element>(x: &[T], gate: &[T], residual: &[T], (pixels, channels): (usize, usize)) -> Vec<T> {
    let _span = trace_span!("se_scale_add_relu", part = "forward").entered();
    let mut y = memory::unset(x.len());
    let parts = Parts::new(&mut y);
    rows::map(&rows::pieces(x.len() / channels, channels, pixels), channels, |rows| {
        // SAFETY: pieces do not overlap.
        #[allow(unsafe_code)]
        let y = unsafe { parts.part(&rows, channels) };
        let gate = &gate[rows.start / pixels * channels..][..channels];
        piece_forward(rows::part(x, &rows, channels), gate, rows::part(residual, &rows, channels), y);
    });
    y
}

vectorised! {
    fn piece_forward<T>(x: &[T], gate: &[T], residual: &[T], y: &mut [T]) {
        let channels = gate.len();
        let lines = x.chunks_exact(channels).zip(residual.chunks_exact(channels));
        for (y, (x, residual)) in y.chunks_exact_mut(channels).zip(lines) {
            for ((y, &gate), (&x, &r)) in y.iter_mut().zip(gate).zip(x.iter().zip(residual)) {
                *y = Element::max(x * gate + r, T::zero());
            }
        }
    }

    /// Gradients of a piece of `x` and of the residual; gives its share of the gate's.
    fn piece_backward<T>(grad: &[T], x: &[T], gate: &[T], residual: &[T], dx: &mut [T], dresidual: &mut [T]) -> Vec<T> {
        let channels = gate.len();
        let mut dgate = vec![T::zero(); channels];
        let read = grad.chunks_exact(channels).zip(x.chunks_exact(channels).zip(residual.chunks_exact(channels)));
        let written = dx.chunks_exact_mut(channels).zip(dresidual.chunks_exact_mut(channels));
        for ((dx, dresidual), (grad, (x, residual))) in written.zip(read) {
            let read = grad.iter().zip(x.iter().zip(residual)).zip(gate);
            let written = dx.iter_mut().zip(dresidual).zip(dgate.iter_mut());
            for (((dx, dresidual), dgate), ((&g, (&x, &r)), &gate)) in written.zip(read) {
                let g = if x * gate + r > T::zero() { g } else { T::zero() };
                *dresidual = g;
                *dx = g * gate;
                *dgate += g * x;
            }
        }
        dgate
    }
}

/// The inputs, from which backward finds again what the ReLU let through.
struct Saved<T> {
    x: Tensor,
    gate: Tensor,
    residual: Tensor,
    element: std::marker::PhantomData<T>,
}

impl<T: Element> Backward for Saved<T> {
    fn backward(self: Box<Self>, grad: &Tensor, needs: &[bool]) -> Result<Vec<Option<Tensor>>> {
        let _span = trace_span!("se_scale_add_relu", part = "backward").entered();
        let (b, h, w, channels) = self.x.dims4()?;
        let grad = plain(grad)?;
        let grad = values::<T>(NAME, &grad)?;
        let (x, gate, residual) =
            (values::<T>(NAME, &self.x)?, values::<T>(NAME, &self.gate)?, values::<T>(NAME, &self.residual)?);
        let (mut dx, mut dresidual) = (memory::unset(grad.len()), memory::unset(grad.len()));
        let pieces = rows::pieces(b * h * w, channels, h * w);
        let (dx_parts, dresidual_parts) = (Parts::new(&mut dx), Parts::new(&mut dresidual));
        let dgates = rows::map(&pieces, channels, |rows| {
            // SAFETY: pieces do not overlap.
            #[allow(unsafe_code)]
            let (dx, dresidual) =
                unsafe { (dx_parts.part(&rows, channels), dresidual_parts.part(&rows, channels)) };
            let part = |values| rows::part(values, &rows, channels);
            let gate = &gate[rows.start / (h * w) * channels..][..channels];
            piece_backward(part(&grad), part(&x), gate, part(&residual), dx, dresidual)
        });
        let to_an_image = pieces.len() / b;
        let dgate: Vec<T> = dgates
            .chunks(to_an_image)
            .flat_map(|parts| rows::total(parts, channels).into_iter().map(T::from_f64))
            .collect();
        Ok(vec![
            needs[0].then(|| from_vec(dx, self.x.shape())),
            needs[1].then(|| from_vec(dgate, self.gate.shape())),
            needs[2].then(|| from_vec(dresidual, self.x.shape())),
        ])
    }
}

#[cfg(test)]
mod tests;
