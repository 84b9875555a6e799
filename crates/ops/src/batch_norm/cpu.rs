//! The passes over memory that batch normalisation takes on the CPU: one for the statistics and one to apply them, one
//! for the sums of the backward pass and one for its result.

use tracing::trace_span;

use super::Mode;
use crate::element::Element;
use crate::memory;
use crate::rows::{self, Parts};
use crate::simd::vectorised;

/// Statistics and parameters of every channel as what is done to a number: `x * scale + shift`.
pub(crate) struct Affine<T> {
    pub mean: Vec<T>,
    pub inv_std: Vec<T>,
    pub scale: Vec<T>,
    pub shift: Vec<T>,
}

impl<T: Element> Affine<T> {
    pub fn new(weight: &[T], bias: &[T], mean: Vec<T>, var: &[T], eps: f64) -> Self {
        let inv_std: Vec<T> = var.iter().map(|&v| T::one() / (v + T::from_f64(eps)).sqrt()).collect();
        let scale: Vec<T> = weight.iter().zip(&inv_std).map(|(&w, &s)| w * s).collect();
        let shift = bias.iter().zip(mean.iter().zip(&scale)).map(|(&b, (&m, &s))| b - m * s).collect();
        Self { mean, inv_std, scale, shift }
    }
}

/// Mean and biased variance of each channel of some rows.
#[derive(Clone)]
pub(crate) struct Moments {
    pub mean: Vec<f64>,
    pub var: Vec<f64>,
    rows: f64,
}

impl Moments {
    pub fn typed<T: Element>(&self) -> (Vec<T>, Vec<T>) {
        let typed = |values: &[f64]| values.iter().map(|&v| T::from_f64(v)).collect();
        (typed(&self.mean), typed(&self.var))
    }

    /// Those of all the rows together (Chan et al. 1979).
    pub fn join<'a>(parts: impl IntoIterator<Item = &'a Moments>) -> Self {
        let mut parts = parts.into_iter();
        let mut all = parts.next().expect("a map has rows").clone();
        for part in parts {
            let rows = all.rows + part.rows;
            let share = part.rows / rows;
            let known = all.mean.iter_mut().zip(&mut all.var);
            for ((mean, var), (&part_mean, &part_var)) in known.zip(part.mean.iter().zip(&part.var)) {
                let apart = part_mean - *mean;
                *var += (part_var - *var + apart * apart * (1.0 - share)) * share;
                *mean += apart * share;
            }
            all.rows = rows;
        }
        all
    }
}

/// The moments of each group of `group` rows of `x` `[rows, channels]`.
///
/// A piece is read twice while it is in the cache, first for its mean.
pub(crate) fn moments<T: Element>(x: &[T], channels: usize, group: usize) -> Vec<Moments> {
    let _span = trace_span!("batch_norm2d", part = "statistics").entered();
    let count = x.len() / channels;
    let pieces = rows::pieces(count, channels, group);
    let parts = rows::map(&pieces, channels, |rows| {
        let (mean, var) = piece_moments(rows::part(x, &rows, channels), channels);
        let wide = |values: Vec<T>| values.into_iter().map(|v| v.to_f64()).collect();
        Moments { mean: wide(mean), var: wide(var), rows: rows.len() as f64 }
    });
    parts.chunks(pieces.len() / (count / group)).map(Moments::join).collect()
}

vectorised! {
    /// Means of the channels and mean squares around them.
    fn piece_moments<T>(x: &[T], channels: usize) -> (Vec<T>, Vec<T>) {
        let (mut mean, mut squares) = (vec![T::zero(); channels], vec![T::zero(); channels]);
        for row in x.chunks_exact(channels) {
            for (sum, &x) in mean.iter_mut().zip(row) {
                *sum += x;
            }
        }
        let share = T::one() / T::from_usize(x.len() / channels);
        for mean in &mut mean {
            *mean *= share;
        }
        for row in x.chunks_exact(channels) {
            for ((sum, &mean), &x) in squares.iter_mut().zip(&mean).zip(row) {
                *sum += (x - mean) * (x - mean);
            }
        }
        for square in &mut squares {
            *square *= share;
        }
        (mean, squares)
    }
}

/// `x * scale + shift`, plus the residual, with negative values set to zero where `relu` says so.
pub(super) fn apply<T: Element>(x: &[T], residual: Option<&[T]>, affine: &Affine<T>, relu: bool) -> Vec<T> {
    let _span = trace_span!("batch_norm2d", part = "apply").entered();
    let channels = affine.scale.len();
    let count = x.len() / channels;
    let mut y = memory::unset(x.len());
    let parts = Parts::new(&mut y);
    rows::map(&rows::pieces(count, channels, count), channels, |rows| {
        // SAFETY: pieces do not overlap.
        #[allow(unsafe_code)]
        let y = unsafe { parts.part(&rows, channels) };
        let residual = residual.map(|r| rows::part(r, &rows, channels));
        piece_apply(rows::part(x, &rows, channels), residual, &affine.scale, &affine.shift, relu, y);
    });
    y
}

vectorised! {
    fn piece_apply<T>(x: &[T], residual: Option<&[T]>, scale: &[T], shift: &[T], relu: bool, y: &mut [T]) {
        let channels = scale.len();
        let floor = if relu { T::zero() } else { T::from_f64(f64::NEG_INFINITY) };
        for (i, (y, x)) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)).enumerate() {
            let affine = scale.iter().zip(shift);
            if let Some(residual) = residual {
                let r = &residual[i * channels..(i + 1) * channels];
                for (((y, &x), (&scale, &shift)), &r) in y.iter_mut().zip(x).zip(affine).zip(r) {
                    *y = Element::max(x * scale + shift + r, floor);
                }
            } else {
                for ((y, &x), (&scale, &shift)) in y.iter_mut().zip(x).zip(affine) {
                    *y = Element::max(x * scale + shift, floor);
                }
            }
        }
    }
}

/// What the backward pass reads.
pub(super) struct Pass<'a, T> {
    pub grad: &'a [T],
    pub x: &'a [T],
    pub residual: Option<&'a [T]>,
    pub affine: &'a Affine<T>,
    pub relu: bool,
}

/// Gradients of the layer's parameters.
pub(super) struct ParameterGradients<T> {
    pub weight: Vec<T>,
    pub bias: Vec<T>,
}

impl<T: Element> Pass<'_, T> {
    fn channels(&self) -> usize {
        self.affine.scale.len()
    }

    fn pieces(&self) -> Vec<std::ops::Range<usize>> {
        let count = self.x.len() / self.channels();
        rows::pieces(count, self.channels(), count)
    }

    fn piece(&self, rows: &std::ops::Range<usize>) -> Pass<'_, T> {
        let part = |values| rows::part(values, rows, self.channels());
        Pass { grad: part(self.grad), x: part(self.x), residual: self.residual.map(part), ..*self }
    }

    pub fn parameter_gradients(&self) -> ParameterGradients<T> {
        let _span = trace_span!("batch_norm2d", part = "parameter gradients").entered();
        let channels = self.channels();
        let sums = rows::map(&self.pieces(), channels, |rows| piece_sums(&self.piece(&rows)));
        let sums = rows::total(&sums, 2 * channels);
        let weight = sums[channels..].iter().zip(&self.affine.inv_std);
        ParameterGradients {
            weight: weight.map(|(&sum, inv_std)| T::from_f64(sum * inv_std.to_f64())).collect(),
            bias: sums[..channels].iter().map(|&sum| T::from_f64(sum)).collect(),
        }
    }

    /// The gradient of the input, and of the residual where it is wanted.
    pub fn input_gradients(
        &self,
        sums: &ParameterGradients<T>,
        mode: Mode,
        of_residual: bool,
    ) -> (Vec<T>, Option<Vec<T>>) {
        let _span = trace_span!("batch_norm2d", part = "input gradient").entered();
        let channels = self.channels();
        let Affine { mean, inv_std, scale, .. } = self.affine;
        let count = T::from_usize(self.x.len() / channels);
        // dx = scale g + slope x + constant
        let (slope, constant): (Vec<T>, Vec<T>) = match mode {
            Mode::Eval => (vec![T::zero(); channels], vec![T::zero(); channels]),
            Mode::Train => (0..channels)
                .map(|c| {
                    let slope = -(scale[c] * inv_std[c] * sums.weight[c] / count);
                    (slope, -(scale[c] * sums.bias[c] / count + slope * mean[c]))
                })
                .unzip(),
        };
        let mut dx = memory::unset(self.x.len());
        let mut dresidual = of_residual.then(|| memory::unset(self.x.len()));
        let (dx_parts, dresidual_parts) = (Parts::new(&mut dx), dresidual.as_mut().map(|d| Parts::new(d)));
        rows::map(&self.pieces(), channels, |rows| {
            // SAFETY: pieces do not overlap.
            #[allow(unsafe_code)]
            let (dx, dresidual) = unsafe {
                (dx_parts.part(&rows, channels), dresidual_parts.as_ref().map(|d| d.part(&rows, channels)))
            };
            piece_gradients(&self.piece(&rows), &slope, &constant, dx, dresidual);
        });
        (dx, dresidual)
    }
}

vectorised! {
    /// Sums over rows of the gradient, and of the gradient times the distance from the mean.
    fn piece_sums<T>(pass: &Pass<T>) -> Vec<T> {
        let Affine { mean, scale, shift, .. } = pass.affine;
        let channels = mean.len();
        let mut sums = vec![T::zero(); 2 * channels];
        let (plain, weighted) = sums.split_at_mut(channels);
        for (i, (grad, x)) in pass.grad.chunks_exact(channels).zip(pass.x.chunks_exact(channels)).enumerate() {
            let sums = plain.iter_mut().zip(weighted.iter_mut());
            let values = grad.iter().zip(x).zip(mean.iter().zip(scale.iter().zip(shift)));
            if !pass.relu {
                for ((plain, weighted), ((&g, &x), (&mean, _))) in sums.zip(values) {
                    *plain += g;
                    *weighted += g * (x - mean);
                }
            } else if let Some(residual) = pass.residual {
                let r = &residual[i * channels..(i + 1) * channels];
                for (((plain, weighted), ((&g, &x), (&mean, (&scale, &shift)))), &r) in sums.zip(values).zip(r) {
                    let g = if x * scale + shift + r > T::zero() { g } else { T::zero() };
                    *plain += g;
                    *weighted += g * (x - mean);
                }
            } else {
                for ((plain, weighted), ((&g, &x), (&mean, (&scale, &shift)))) in sums.zip(values) {
                    let g = if x * scale + shift > T::zero() { g } else { T::zero() };
                    *plain += g;
                    *weighted += g * (x - mean);
                }
            }
        }
        sums
    }

    fn piece_gradients<T>(pass: &Pass<T>, slope: &[T], constant: &[T], dx: &mut [T], dresidual: Option<&mut [T]>) {
        let Affine { scale, shift, .. } = pass.affine;
        let channels = scale.len();
        let lines = pass.grad.chunks_exact(channels).zip(pass.x.chunks_exact(channels));
        for (i, (dx, (grad, x))) in dx.chunks_exact_mut(channels).zip(lines).enumerate() {
            let values = grad.iter().zip(x).zip(scale.iter().zip(shift).zip(slope.iter().zip(constant)));
            if !pass.relu {
                for (dx, ((&g, &x), ((&scale, _), (&slope, &constant)))) in dx.iter_mut().zip(values) {
                    *dx = g * scale + (x * slope + constant);
                }
            } else if let Some(residual) = pass.residual {
                let r = &residual[i * channels..(i + 1) * channels];
                for ((dx, ((&g, &x), ((&scale, &shift), (&slope, &constant)))), &r) in dx.iter_mut().zip(values).zip(r) {
                    let g = if x * scale + shift + r > T::zero() { g } else { T::zero() };
                    *dx = g * scale + (x * slope + constant);
                }
            } else {
                for (dx, ((&g, &x), ((&scale, &shift), (&slope, &constant)))) in dx.iter_mut().zip(values) {
                    let g = if x * scale + shift > T::zero() { g } else { T::zero() };
                    *dx = g * scale + (x * slope + constant);
                }
            }
        }
        let Some(dresidual) = dresidual else { return };
        dresidual.copy_from_slice(pass.grad);
        let (true, Some(residual)) = (pass.relu, pass.residual) else { return };
        let lines = pass.x.chunks_exact(channels).zip(residual.chunks_exact(channels));
        for (d, (x, r)) in dresidual.chunks_exact_mut(channels).zip(lines) {
            for ((d, (&x, &r)), (&scale, &shift)) in d.iter_mut().zip(x.iter().zip(r)).zip(scale.iter().zip(shift)) {
                *d = if x * scale + shift + r > T::zero() { *d } else { T::zero() };
            }
        }
    }
}
