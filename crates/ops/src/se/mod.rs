//! The end of a squeeze-and-excitation bottleneck (Hu et al. 2018) in one pass: `relu(x gate + residual)`.

use candle_core::{Result, Tensor, bail};

use crate::autograd::{self, Backward};
use crate::element::{Element, by_dtype, check_inputs, from_vec, plain, storage, values};

const NAME: &str = "se_scale_add_relu";

/// `relu(x * gate + residual)` with `x` and `residual` `[B, C, H, W]` and one `gate` to a map, `[B, C]`.
///
/// # Errors
/// When shapes, types or devices do not fit together; the message names the shapes.
pub fn se_scale_add_relu(x: &Tensor, gate: &Tensor, residual: &Tensor) -> Result<Tensor> {
    check_inputs(NAME, &[x, gate, residual])?;
    let (&[b, c, h, w], &[gb, gc]) = (x.dims(), gate.dims()) else {
        bail!("{NAME}: expected [B, C, H, W] and a gate [B, C], found {:?} and {:?}", x.dims(), gate.dims());
    };
    if (gb, gc) != (b, c) || residual.dims() != x.dims() {
        bail!("{NAME}: input {:?}, gate {:?}, residual {:?}", x.dims(), gate.dims(), residual.dims());
    }
    by_dtype!(NAME, x, T => {
        let (xp, gp, rp) = (plain(x)?, plain(gate)?, plain(residual)?);
        let y = forward::<T>(&values(NAME, &xp)?, &values(NAME, &gp)?, &values(NAME, &rp)?, h * w);
        let y = storage(y);
        let inputs = [x, gate, residual];
        let saved = autograd::needs_grad(&inputs).then(|| {
            let out = crate::element::tensor(y.clone(), x.shape());
            Box::new(Saved::<T> { x: xp.clone(), gate: gp.clone(), out, element: Default::default() }) as Box<dyn Backward>
        });
        autograd::output(NAME, y, x.shape(), &inputs, saved)
    })
}

fn forward<T: Element>(x: &[T], gate: &[T], residual: &[T], n: usize) -> Vec<T> {
    let mut y = Vec::with_capacity(x.len());
    for ((x, r), &g) in x.chunks_exact(n).zip(residual.chunks_exact(n)).zip(gate) {
        y.extend(x.iter().zip(r).map(|(&x, &r)| Element::max(x * g + r, T::zero())));
    }
    y
}

struct Saved<T> {
    x: Tensor,
    gate: Tensor,
    out: Tensor,
    element: std::marker::PhantomData<T>,
}

impl<T: Element> Backward for Saved<T> {
    fn backward(self: Box<Self>, grad: &Tensor, needs: &[bool]) -> Result<Vec<Option<Tensor>>> {
        let n = self.x.dim(2)? * self.x.dim(3)?;
        let mut dr = values::<T>(NAME, &plain(grad)?)?.to_vec();
        for (g, &y) in dr.iter_mut().zip(values::<T>(NAME, &self.out)?.iter()) {
            if y <= T::zero() {
                *g = T::zero();
            }
        }
        let (x, gate) = (values::<T>(NAME, &self.x)?, values::<T>(NAME, &self.gate)?);
        let dgate: Vec<T> = dr
            .chunks_exact(n)
            .zip(x.chunks_exact(n))
            .map(|(g, x)| g.iter().zip(x).map(|(&g, &x)| g * x).sum())
            .collect();
        let mut dx = Vec::with_capacity(dr.len());
        for (g, &gate) in dr.chunks_exact(n).zip(gate.iter()) {
            dx.extend(g.iter().map(|&g| g * gate));
        }
        Ok(vec![
            needs[0].then(|| from_vec(dx, self.x.shape())),
            needs[1].then(|| from_vec(dgate, self.gate.shape())),
            needs[2].then(|| from_vec(dr, self.x.shape())),
        ])
    }
}

#[cfg(test)]
mod tests;
