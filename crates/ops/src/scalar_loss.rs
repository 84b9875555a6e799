//! Losses whose gradients are at hand when their value is: forward computes both, backward only scales.

use candle_core::{Result, Tensor};

use crate::autograd::{self, Backward};
use crate::element::{self, Element, from_vec, values};

/// A scalar loss over `inputs` with the gradient of each (`None`: none flows there).
pub(crate) fn scalar_loss<T: Element>(
    name: &'static str,
    value: T,
    inputs: &[&Tensor],
    grads: Vec<Option<Vec<T>>>,
) -> Result<Tensor> {
    let saved = autograd::needs_grad(inputs).then(|| {
        let grads = inputs
            .iter()
            .zip(grads)
            .map(|(input, grad)| grad.map(|grad| from_vec(grad, input.shape())))
            .collect();
        Box::new(Saved::<T> { name, grads, element: Default::default() }) as Box<dyn Backward>
    });
    autograd::output(name, element::scalar(value), (), inputs, saved)
}

struct Saved<T> {
    name: &'static str,
    grads: Vec<Option<Tensor>>,
    element: std::marker::PhantomData<T>,
}

impl<T: Element> Backward for Saved<T> {
    fn backward(self: Box<Self>, grad: &Tensor, needs: &[bool]) -> Result<Vec<Option<Tensor>>> {
        let factor = values::<T>(self.name, grad)?[0];
        let scaled = |grad: Tensor| -> Result<Tensor> {
            let scaled = values::<T>(self.name, &grad)?.iter().map(|&g| g * factor).collect();
            Ok(from_vec(scaled, grad.shape()))
        };
        let pairs = self.grads.into_iter().zip(needs);
        pairs.map(|(grad, needed)| grad.filter(|_| *needed).map(scaled).transpose()).collect()
    }
}
