//! The passes over maps of the fused end of a bottleneck on the CPU.

use std::ops::Range;

use tracing::trace_span;

use crate::batch_norm::Mode;
use crate::batch_norm::cpu::Affine;
use crate::element::Element;
use crate::memory;
use crate::rows::{self, Parts};
use crate::simd::vectorised;

/// What is done to a number of an image before the residual is added: normalisation and gate in one.
fn gated<T: Element>(affine: &Affine<T>, gate: &[T]) -> (Vec<T>, Vec<T>) {
    let channels = affine.scale.len();
    let times = |values: &[T]| -> Vec<T> {
        gate.iter().enumerate().map(|(i, &gate)| values[i % channels] * gate).collect()
    };
    (times(&affine.scale), times(&affine.shift))
}

/// `relu((x scale + shift) gate + residual)`.
pub(super) fn forward<T: Element>(
    x: &[T],
    residual: &[T],
    affine: &Affine<T>,
    gate: &[T],
    pixels: usize,
) -> Vec<T> {
    let _span = trace_span!("squeeze_excite", part = "apply").entered();
    let channels = affine.scale.len();
    let (scale, shift) = gated(affine, gate);
    let mut y = memory::unset(x.len());
    let parts = Parts::new(&mut y);
    rows::map(&rows::pieces(x.len() / channels, channels, pixels), channels, |rows| {
        // SAFETY: pieces do not overlap.
        #[allow(unsafe_code)]
        let y = unsafe { parts.part(&rows, channels) };
        let image = image(&rows, pixels, channels);
        let (scale, shift) = (&scale[image.clone()], &shift[image]);
        piece_forward(rows::part(x, &rows, channels), rows::part(residual, &rows, channels), scale, shift, y);
    });
    y
}

/// Where the values of a piece's image stand in `[B, C]`.
fn image(rows: &Range<usize>, pixels: usize, channels: usize) -> Range<usize> {
    let image = rows.start / pixels;
    image * channels..(image + 1) * channels
}

vectorised! {
    fn piece_forward<T>(x: &[T], residual: &[T], scale: &[T], shift: &[T], y: &mut [T]) {
        let channels = scale.len();
        let read = x.chunks_exact(channels).zip(residual.chunks_exact(channels));
        for (y, (x, residual)) in y.chunks_exact_mut(channels).zip(read) {
            for ((y, (&x, &r)), (&scale, &shift)) in y.iter_mut().zip(x.iter().zip(residual)).zip(scale.iter().zip(shift)) {
                *y = Element::max(x * scale + shift + r, T::zero());
            }
        }
    }
}

/// What the backward pass reads.
pub(super) struct Pass<'a, T> {
    pub grad: &'a [T],
    pub x: &'a [T],
    pub residual: &'a [T],
    pub affine: &'a Affine<T>,
    /// Of the batch normalisation.
    pub bias: &'a [T],
    pub gate: &'a [T],
    /// Mean of `x` over each image's map, `[B, C]`.
    pub image_means: &'a [T],
    pub pixels: usize,
    pub mode: Mode,
}

/// What the first pass finds, `[B, C]` each, and the residual's gradient.
pub(super) struct Sums<T> {
    /// Sum over the map of the gradient that the ReLU lets through.
    plain: Vec<f64>,
    /// The same, times the distance of `x` from the batch's mean.
    weighted: Vec<f64>,
    /// The gate's gradient.
    pub gate: Vec<T>,
    residual: Vec<T>,
}

/// Gradients of the maps and of the batch normalisation's parameters.
pub(super) struct Gradients<T> {
    pub x: Vec<T>,
    pub residual: Vec<T>,
    pub weight: Vec<T>,
    pub bias: Vec<T>,
}

impl<T: Element> Pass<'_, T> {
    fn channels(&self) -> usize {
        self.affine.scale.len()
    }

    fn pieces(&self) -> Vec<Range<usize>> {
        rows::pieces(self.x.len() / self.channels(), self.channels(), self.pixels)
    }

    pub fn sums(&self) -> Sums<T> {
        let _span = trace_span!("squeeze_excite", part = "parameter gradients").entered();
        let channels = self.channels();
        let (scale, shift) = gated(self.affine, self.gate);
        let mut residual = memory::unset(self.x.len());
        let parts = Parts::new(&mut residual);
        let pieces = self.pieces();
        let sums = rows::map(&pieces, channels, |rows| {
            // SAFETY: pieces do not overlap.
            #[allow(unsafe_code)]
            let dresidual = unsafe { parts.part(&rows, channels) };
            let part = |values| rows::part(values, &rows, channels);
            let image = image(&rows, self.pixels, channels);
            let (scale, shift) = (&scale[image.clone()], &shift[image]);
            let (grad, x, residual) = (part(self.grad), part(self.x), part(self.residual));
            piece_sums(grad, x, residual, &self.affine.mean, scale, shift, dresidual)
        });
        let images = self.x.len() / channels / self.pixels;
        let (mut plain, mut weighted) = (Vec::new(), Vec::new());
        for image in sums.chunks(pieces.len() / images) {
            let total = rows::total(image, 2 * channels);
            plain.extend_from_slice(&total[..channels]);
            weighted.extend_from_slice(&total[channels..]);
        }
        let gate = plain.iter().zip(&weighted).enumerate().map(|(i, (plain, weighted))| {
            let c = i % channels;
            T::from_f64(self.affine.scale[c].to_f64() * weighted + self.bias[c].to_f64() * plain)
        });
        Sums { gate: gate.collect(), plain, weighted, residual }
    }

    /// `dpooled` `[B, C]`: what comes back through the gate to the means of the normalised maps.
    pub fn gradients(&self, sums: Sums<T>, dpooled: &[T]) -> Gradients<T> {
        let _span = trace_span!("squeeze_excite", part = "input gradient").entered();
        let channels = self.channels();
        let Affine { mean, inv_std, scale, .. } = self.affine;
        let (mut weight, mut bias) = (vec![0.0; channels], vec![0.0; channels]);
        for (i, pooled) in dpooled.iter().enumerate() {
            let (c, gate, pooled) = (i % channels, self.gate[i].to_f64(), pooled.to_f64());
            bias[c] += gate * sums.plain[i] + pooled;
            weight[c] += gate * sums.weighted[i] + pooled * (self.image_means[i] - mean[c]).to_f64();
        }
        weight.iter_mut().zip(inv_std).for_each(|(w, s)| *w *= s.to_f64());
        // dx = factor g + slope x + constant
        let count = (self.x.len() / channels) as f64;
        let of_batch = |values: &[f64], c: usize| match self.mode {
            Mode::Train => values[c] / count,
            Mode::Eval => 0.0,
        };
        let slope: Vec<f64> = (0..channels)
            .map(|c| -(scale[c].to_f64() * inv_std[c].to_f64() * of_batch(&weight, c)))
            .collect();
        let constant: Vec<T> = (0..dpooled.len())
            .map(|i| {
                let c = i % channels;
                let from_gate = dpooled[i].to_f64() / self.pixels as f64;
                T::from_f64(
                    scale[c].to_f64() * (from_gate - of_batch(&bias, c)) - slope[c] * mean[c].to_f64(),
                )
            })
            .collect();
        let slope: Vec<T> = slope.into_iter().map(T::from_f64).collect();
        let (factor, _) = gated(self.affine, self.gate);
        let mut x = memory::unset(self.x.len());
        let parts = Parts::new(&mut x);
        rows::map(&self.pieces(), channels, |rows| {
            // SAFETY: pieces do not overlap.
            #[allow(unsafe_code)]
            let dx = unsafe { parts.part(&rows, channels) };
            let image = image(&rows, self.pixels, channels);
            let (factor, constant) = (&factor[image.clone()], &constant[image]);
            let (g, x) = (rows::part(&sums.residual, &rows, channels), rows::part(self.x, &rows, channels));
            piece_gradient(g, x, factor, &slope, constant, dx);
        });
        let typed = |values: Vec<f64>| values.into_iter().map(T::from_f64).collect();
        Gradients { x, residual: sums.residual, weight: typed(weight), bias: typed(bias) }
    }
}

vectorised! {
    /// Writes the gradient that the ReLU lets through and gives its sums over the rows, plain and times `x - mean`.
    fn piece_sums<T>(
        grad: &[T],
        x: &[T],
        residual: &[T],
        mean: &[T],
        scale: &[T],
        shift: &[T],
        dresidual: &mut [T],
    ) -> Vec<T> {
        let channels = mean.len();
        let mut sums = vec![T::zero(); 2 * channels];
        let (plain, weighted) = sums.split_at_mut(channels);
        let read = grad.chunks_exact(channels).zip(x.chunks_exact(channels).zip(residual.chunks_exact(channels)));
        for (dresidual, (grad, (x, residual))) in dresidual.chunks_exact_mut(channels).zip(read) {
            let written = dresidual.iter_mut().zip(plain.iter_mut().zip(weighted.iter_mut()));
            let read = grad.iter().zip(x.iter().zip(residual)).zip(mean.iter().zip(scale.iter().zip(shift)));
            for ((d, (plain, weighted)), ((&g, (&x, &r)), (&mean, (&scale, &shift)))) in written.zip(read) {
                let g = if x * scale + shift + r > T::zero() { g } else { T::zero() };
                *d = g;
                *plain += g;
                *weighted += g * (x - mean);
            }
        }
        sums
    }

    fn piece_gradient<T>(g: &[T], x: &[T], factor: &[T], slope: &[T], constant: &[T], dx: &mut [T]) {
        let channels = factor.len();
        let read = g.chunks_exact(channels).zip(x.chunks_exact(channels));
        for (dx, (g, x)) in dx.chunks_exact_mut(channels).zip(read) {
            let read = g.iter().zip(x).zip(factor.iter().zip(slope.iter().zip(constant)));
            for (dx, ((&g, &x), (&factor, (&slope, &constant)))) in dx.iter_mut().zip(read) {
                *dx = g * factor + (x * slope + constant);
            }
        }
    }
}
