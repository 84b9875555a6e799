//! The gate of squeeze and excitation by candle's products, which compute on any device: what a card uses. Its formulas
//! are checked on the CPU.

use candle_core::{Result, Tensor};

/// The gate of a batch and what its backward pass needs; no tensor carries a graph.
pub(super) struct Gate {
    /// `fc1` and `fc2`: weights as matrices `[hidden, C]` and `[C, hidden]`, and biases.
    layers: [Tensor; 4],
    /// Means of the normalised maps, `[B, C]`.
    pooled: Tensor,
    /// `[B, hidden]`, after the ReLU.
    squeezed: Tensor,
    /// `[B, C]`, contiguous.
    pub values: Tensor,
}

impl Gate {
    pub fn new(pooled: Tensor, [w1, b1, w2, b2]: [Tensor; 4]) -> Result<Self> {
        let (w1, w2) = (w1.flatten_from(1)?, w2.flatten_from(1)?);
        let squeezed = pooled.matmul(&w1.t()?)?.broadcast_add(&b1)?.relu()?;
        let z = squeezed.matmul(&w2.t()?)?.broadcast_add(&b2)?;
        let values = (z.neg()?.exp()? + 1.0)?.recip()?;
        Ok(Self { layers: [w1, b1, w2, b2], pooled, squeezed, values })
    }

    /// From the gradient of the gate to those of its layers (weights as matrices), and to that of the means, contiguous.
    pub fn backward(&self, grad: &Tensor) -> Result<([Tensor; 4], Tensor)> {
        let [w1, _, w2, _] = &self.layers;
        let dz2 = ((grad * &self.values)? * self.values.affine(-1.0, 1.0)?)?;
        let dw2 = dz2.t()?.matmul(&self.squeezed)?;
        let passed = self.squeezed.gt(0.0)?.to_dtype(grad.dtype())?;
        let dz1 = (dz2.matmul(w2)? * passed)?;
        let dw1 = dz1.t()?.matmul(&self.pooled)?;
        let dpooled = dz1.matmul(w1)?;
        Ok(([dw1, dz1.sum(0)?, dw2, dz2.sum(0)?], dpooled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{random, to_vec};

    const STEP: f64 = 1e-6;

    #[test]
    fn gradients_of_the_gate_are_difference_quotients() {
        let (b, c, hidden) = (3, 5, 4);
        let starts = [
            random(1, (b, c)),
            random(2, (hidden, c, 1, 1)),
            random(3, hidden),
            random(4, (c, hidden, 1, 1)),
            random(5, c),
        ];
        let weights = random(6, (b, c));
        let gate = |[pooled, w1, b1, w2, b2]: [Tensor; 5]| Gate::new(pooled, [w1, b1, w2, b2]).unwrap();
        let value = |from: [Tensor; 5]| -> f64 {
            (gate(from).values * &weights).unwrap().sum_all().unwrap().to_scalar().unwrap()
        };
        let ([dw1, db1, dw2, db2], dpooled) = gate(starts.clone()).backward(&weights).unwrap();
        for (at, found) in [dpooled, dw1, db1, dw2, db2].iter().enumerate() {
            for (place, found) in to_vec(found).into_iter().enumerate() {
                let shifted = |by: f64| {
                    let mut from = starts.clone();
                    let mut values = to_vec(&from[at]);
                    values[place] += by;
                    from[at] = Tensor::from_vec(values, from[at].shape(), &candle_core::Device::Cpu).unwrap();
                    value(from)
                };
                let expected = (shifted(STEP) - shifted(-STEP)) / (2.0 * STEP);
                assert!((found - expected).abs() < 1e-8, "input {at}, {place}: {found} for {expected}");
            }
        }
    }
}
