//! The definition of a convolution and of its gradients, one multiplication after the other.

use super::super::{Conv2dSpec, Dims, conv2d};
use crate::autograd::backward;
use crate::element::Element;
use crate::testing::{random, to_vec};
use candle_core::{DType, Tensor, Var};

/// Sums over products, as f64 gives them, and what is known about their rounding.
pub(super) struct Sums {
    name: &'static str,
    values: Vec<f64>,
    /// The same sums over the magnitudes of the products.
    magnitudes: Vec<f64>,
    /// Products in the longest sum.
    terms: usize,
}

impl Sums {
    fn new(name: &'static str, len: usize, terms: usize) -> Self {
        Self { name, values: vec![0.0; len], magnitudes: vec![0.0; len], terms }
    }

    /// Adds `factor x` from place `at` on.
    fn add_scaled(&mut self, at: usize, factor: f64, x: &[f64]) {
        let sums = self.values[at..].iter_mut().zip(&mut self.magnitudes[at..]);
        for ((value, magnitude), x) in sums.zip(x) {
            *value += factor * x;
            *magnitude += (factor * x).abs();
        }
    }

    /// Stops at an element that rounding does not explain.
    ///
    /// Higham and Mary 2019: the error of a sum of n products with unit roundoff u stays below `lambda sqrt(n) u` times
    /// the sum of their magnitudes but for a probability of `2 exp(-lambda^2 / 2)`; plain Rust rounds products too, thus
    /// 2 n. Signs are random here, so errors mostly cancel. One product that is left out of n shows:
    /// it is 1 / n of the magnitudes on average, more than this for n up to 20 000.
    pub(super) fn compare<T: Element>(&self, found: &Tensor, what: &str) {
        const LAMBDA: f64 = 2.0;
        let unit_roundoff = if T::DTYPE == DType::F32 { 2f64.powi(-24) } else { 2.0 * 2f64.powi(-53) };
        let share = LAMBDA * (2.0 * self.terms as f64).sqrt() * unit_roundoff;
        let found = to_vec(found);
        assert_eq!(found.len(), self.values.len());
        for (at, &found) in found.iter().enumerate() {
            let (expected, allowed) = (self.values[at], share * self.magnitudes[at]);
            assert!(
                (found - expected).abs() <= allowed,
                "{what}: {} at {at}: {found:e}, expected {expected:e} within {allowed:e}",
                self.name
            );
        }
    }
}

/// One convolution: numbers that f32 holds, and all that can be asked about it.
pub(super) struct Case {
    pub x: Tensor,
    pub w: Tensor,
    /// Gradient of the result.
    pub grad: Tensor,
    pub spec: Conv2dSpec,
}

impl Case {
    pub fn new([b, h, w, c]: [usize; 4], [o, kh, kw]: [usize; 3], spec: Conv2dSpec) -> Self {
        let numbers = |seed, dims: [usize; 4]| {
            random(seed, &dims[..]).to_dtype(DType::F32).and_then(|t| t.to_dtype(DType::F64)).unwrap()
        };
        let (x, w) = (numbers(1, [b, h, w, c]), numbers(2, [o, c / spec.groups, kh, kw]));
        let d = Dims::new(&x, &w, spec).unwrap();
        let grad = numbers(3, [d.b, d.oh, d.ow, d.o]);
        Self { x, w, grad, spec }
    }

    pub fn name(&self) -> String {
        format!("{:?} {:?} {:?}", self.x.dims(), self.w.dims(), self.spec)
    }

    /// Result, gradient of the input and gradient of the weights by the kernels.
    pub fn run<T: Element>(&self) -> [Tensor; 3] {
        let of_type = |t: &Tensor| t.to_dtype(T::DTYPE).unwrap();
        let [x, w] = [&self.x, &self.w].map(|t| Var::from_tensor(&of_type(t)).unwrap());
        let y = conv2d(&x, &w, self.spec).unwrap();
        let grads = backward(&(&y * of_type(&self.grad)).unwrap().sum_all().unwrap()).unwrap();
        [y, grads.get(&x).unwrap().clone(), grads.get(&w).unwrap().clone()]
    }

    /// The same by the definition.
    pub fn definition(&self) -> [Sums; 3] {
        let d = Dims::new(&self.x, &self.w, self.spec).unwrap();
        let (inputs, outputs, elements) = (d.c / d.spec.groups, d.o / d.spec.groups, d.kh * d.kw);
        // the taps of a kernel outermost, as the loops have them
        let by_tap = self.w.reshape((d.o, inputs, elements)).and_then(|w| w.permute((2, 0, 1))).unwrap();
        let (x, w, grad) = (to_vec(&self.x), to_vec(&by_tap), to_vec(&self.grad));
        let mut y = Sums::new("result", grad.len(), inputs * elements);
        let mut dx = Sums::new("input gradient", x.len(), outputs * elements);
        let mut dw = Sums::new("weight gradient", w.len(), d.b * d.oh * d.ow);
        let seen = |place: usize, tap: usize, size: usize| {
            (place * d.spec.stride + tap * d.spec.dilation)
                .checked_sub(d.spec.padding)
                .filter(|&at| at < size)
        };
        for (row, ox) in pairs(d.b * d.oh, d.ow) {
            let (image, oy) = (row / d.oh, row % d.oh);
            for (ky, kx) in pairs(d.kh, d.kw) {
                let (Some(iy), Some(ix)) = (seen(oy, ky, d.h), seen(ox, kx, d.w)) else { continue };
                let pixel = ((image * d.h + iy) * d.w + ix) * d.c;
                for o in 0..d.o {
                    let to = (row * d.ow + ox) * d.o + o;
                    let from = pixel + o / outputs * inputs..;
                    let weight = ((ky * d.kw + kx) * d.o + o) * inputs..;
                    let (x, w) = (&x[from.clone()][..inputs], &w[weight.clone()][..inputs]);
                    let products = x.iter().zip(w).map(|(x, w)| x * w);
                    y.values[to] += products.clone().sum::<f64>();
                    y.magnitudes[to] += products.map(f64::abs).sum::<f64>();
                    dx.add_scaled(from.start, grad[to], w);
                    dw.add_scaled(weight.start, grad[to], x);
                }
            }
        }
        for sums in [&mut dw.values, &mut dw.magnitudes] {
            let by_tap = std::mem::take(sums);
            *sums =
                (0..by_tap.len()).map(|at| by_tap[at % elements * d.o * inputs + at / elements]).collect();
        }
        [y, dx, dw]
    }

    /// Multiply-adds of the forward pass.
    pub fn work(&self) -> usize {
        self.grad.elem_count() * self.w.elem_count() / self.w.dims()[0]
    }
}

fn pairs(a: usize, b: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..a).flat_map(move |i| (0..b).map(move |j| (i, j)))
}
