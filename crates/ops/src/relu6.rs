//! ReLU with a ceiling: `y = min(max(x, 0), 6)` (Krizhevsky 2010; the activation of EfficientNet-Lite).

use candle_core::{Result, Tensor};
use rayon::prelude::*;
use tracing::trace_span;

use crate::autograd::{self, Backward};
use crate::element::{Element, by_dtype, from_vec, plain, storage, values};
use crate::inputs::check_maps;
use crate::memory;

const NAME: &str = "relu6";
const CEILING: f64 = 6.0;
/// Numbers to a piece of work.
const PIECE: usize = 1 << 14;

/// Clamps every value to 0..=6; the gradient is 0 where that changed it, and at 0 and 6 themselves (PyTorch's convention).
///
/// # Errors
/// When the input is not of floats on a device that has a kernel.
pub fn relu6(x: &Tensor) -> Result<Tensor> {
    check_maps(NAME, &[x], &[])?;
    if x.device().is_cuda() {
        // candle has both on a card, with their gradients
        return x.relu()?.minimum(CEILING);
    }
    by_dtype!(NAME, x, T => {
        let xp = plain(x)?;
        let y = forward::<T>(&values(NAME, &xp)?);
        let saved = autograd::needs_grad(&[x]).then(|| Box::new(Saved::<T>::default()) as Box<dyn Backward>);
        autograd::output(NAME, storage(y), x.shape(), &[x], saved)
    })
}

fn forward<T: Element>(x: &[T]) -> Vec<T> {
    let _span = trace_span!("relu6", part = "forward").entered();
    let (floor, ceiling) = (T::zero(), T::from_f64(CEILING));
    let mut y = memory::unset(x.len());
    y.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE)).for_each(|(y, x)| {
        for (y, &x) in y.iter_mut().zip(x) {
            // comparisons in this order let NaN through
            let risen = if x < floor { floor } else { x };
            *y = if risen > ceiling { ceiling } else { risen };
        }
    });
    y
}

/// The result, which says by itself what was clamped.
struct Saved<T> {
    y: Option<Tensor>,
    element: std::marker::PhantomData<T>,
}

impl<T> Default for Saved<T> {
    fn default() -> Self {
        Self { y: None, element: std::marker::PhantomData }
    }
}

impl<T: Element> Backward for Saved<T> {
    fn keep_output(&mut self, output: Tensor) {
        self.y = Some(output);
    }

    fn backward(self: Box<Self>, grad: &Tensor, _: &[bool]) -> Result<Vec<Option<Tensor>>> {
        let _span = trace_span!("relu6", part = "backward").entered();
        let y = self.y.expect("kept when it was made");
        let (grad, y) = (plain(grad)?, plain(&y)?);
        let (floor, ceiling) = (T::zero(), T::from_f64(CEILING));
        let (g, ys) = (values::<T>(NAME, &grad)?, values::<T>(NAME, &y)?);
        let mut dx = memory::unset(g.len());
        dx.par_chunks_mut(PIECE).zip(g.par_chunks(PIECE)).zip(ys.par_chunks(PIECE)).for_each(
            |((dx, g), y)| {
                for ((dx, &g), &y) in dx.iter_mut().zip(g).zip(y) {
                    *dx = if y > floor && y < ceiling { g } else { floor };
                }
            },
        );
        Ok(vec![Some(from_vec(dx, y.shape()))])
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;
    use crate::testing::{check_gradients, distance, to_vec, var};

    #[test]
    fn values_stay_between_zero_and_six() {
        let x = Tensor::new(&[-1.0f64, 0.0, 2.5, 6.0, 7.0], &Device::Cpu).unwrap();
        assert_eq!(to_vec(&relu6(&x).unwrap()), [0.0, 0.0, 2.5, 6.0, 6.0]);
        let x = Tensor::new(&[f32::NAN], &Device::Cpu).unwrap();
        assert!(to_vec(&relu6(&x).unwrap())[0].is_nan(), "a fault must not look like a value");
    }

    #[test]
    fn the_gradient_is_that_of_candles_clamp_and_of_finite_differences() {
        // several pieces, and values on both sides of both ends
        let x = Var::from_tensor(&(var(3, (3, 61, 47, 5)).as_tensor() * 9.0).unwrap()).unwrap();
        let expected = x.relu().unwrap().minimum(6.0).unwrap();
        assert_eq!(distance(&relu6(&x).unwrap(), &expected), 0.0);
        check_gradients(&[&x], || relu6(&x));
        let gradient = |y: Tensor| {
            let loss = y.sqr().unwrap().sum_all().unwrap();
            crate::backward(&loss).unwrap().get(&x).unwrap().clone()
        };
        assert_eq!(distance(&gradient(relu6(&x).unwrap()), &gradient(expected)), 0.0);
    }

    #[test]
    fn whole_numbers_are_refused() {
        let x = Tensor::zeros(3, DType::U32, &Device::Cpu).unwrap();
        assert!(relu6(&x).unwrap_err().to_string().contains("relu6: expected dtype f32 or f64"));
    }
}
