//! InfoNCE between two views with a learned temperature (van den Oord et al. 2018; the symmetric form of Radford et
//! al. 2021), with hard negatives as extra columns of the logits.

#[cfg(feature = "cuda")]
mod on_card;

use candle_core::{Result, Tensor, bail};

use crate::element::{Element, by_dtype, check_inputs, plain, values};
use crate::scalar_loss::scalar_loss;
use crate::softmax_kl::log_sum_exp;

const NAME: &str = "info_nce";

/// Symmetric InfoNCE, mean over the batch.
///
/// Every embedding is divided by its Euclidean length; logits are cosines times `exp(log_inv_temperature)`. Row i of
/// video-to-speech holds the cosines of `z_video[i]` with all B speech embeddings and, where `hard_speech`
/// `[B, H, D]` is given, with its own H hard negatives; row i of speech-to-video holds those of `z_speech[i]` with
/// all B video embeddings. The loss is the mean of both cross-entropies with target i, in nats.
///
/// # Shapes
/// `z_video` and `z_speech` `[B, D]`, `log_inv_temperature` one element. Chance level without hard negatives: ln B.
///
/// # Errors
/// When shapes, types or devices do not fit together; the message names the shapes.
pub fn info_nce(
    z_video: &Tensor,
    z_speech: &Tensor,
    hard_speech: Option<&Tensor>,
    log_inv_temperature: &Tensor,
) -> Result<Tensor> {
    let mut inputs = vec![z_video, z_speech, log_inv_temperature];
    inputs.extend(hard_speech);
    check_inputs(NAME, &inputs)?;
    let h = hard_speech.and_then(|t| t.dims().get(1).copied()).unwrap_or(0);
    let fits = match *z_video.dims() {
        [b, d] if b * d > 0 => z_speech.dims() == [b, d] && hard_speech.is_none_or(|t| t.dims() == [b, h, d]),
        _ => false,
    };
    if !fits {
        bail!(
            "{NAME}: expected embeddings [B, D] and hard negatives [B, H, D], found z_video {:?}, z_speech {:?}, \
             hard_speech {:?}",
            z_video.dims(),
            z_speech.dims(),
            hard_speech.map(Tensor::dims)
        );
    }
    if log_inv_temperature.elem_count() != 1 {
        bail!("{NAME}: expected a temperature of one element, found shape {:?}", log_inv_temperature.dims());
    }
    let (b, d) = z_video.dims2()?;
    #[cfg(feature = "cuda")]
    if z_video.device().is_cuda() {
        return on_card::info_nce(&inputs, (b, d, h));
    }
    by_dtype!(NAME, z_video, T => {
        let plain = inputs.iter().map(|t| plain(t)).collect::<Result<Vec<_>>>()?;
        let inverse_temperature = values::<T>(NAME, &plain[2])?[0].exp();
        let v = Unit::new(&values::<T>(NAME, &plain[0])?, d);
        let s = Unit::new(&values::<T>(NAME, &plain[1])?, d);
        let hard = match plain.get(3) {
            Some(t) => Unit::new(&values::<T>(NAME, t)?, d),
            None => Unit::new(&[], d),
        };
        let (value, grads) = loss(&v, &s, &hard, (b, d, h), inverse_temperature);
        scalar_loss(NAME, value, &inputs, grads.into_iter().map(Some).collect())
    })
}

/// Rows of length 1 and what they were divided by.
struct Unit<T> {
    rows: Vec<T>,
    norms: Vec<T>,
}

impl<T: Element> Unit<T> {
    fn new(z: &[T], d: usize) -> Self {
        // A zero row stays zero instead of becoming NaN.
        let floor = T::from_f64(1e-12);
        let norms: Vec<T> = z.chunks_exact(d).map(|row| Element::max(dot(row, row).sqrt(), floor)).collect();
        let rows =
            z.chunks_exact(d).zip(&norms).flat_map(|(row, &n)| row.iter().map(move |&x| x / n)).collect();
        Self { rows, norms }
    }

    fn row(&self, i: usize) -> &[T] {
        let d = self.rows.len() / self.norms.len();
        &self.rows[i * d..(i + 1) * d]
    }

    /// From the gradient of the unit rows to that of the rows they were made of.
    fn backward(&self, mut grad: Vec<T>) -> Vec<T> {
        let d = grad.len().checked_div(self.norms.len()).unwrap_or(1).max(1);
        for (i, g) in grad.chunks_exact_mut(d).enumerate() {
            let along = dot(g, self.row(i));
            for (g, &unit) in g.iter_mut().zip(self.row(i)) {
                *g = (*g - along * unit) / self.norms[i];
            }
        }
        grad
    }
}

pub(crate) fn dot<T: Element>(a: &[T], b: &[T]) -> T {
    a.iter().zip(b).map(|(&a, &b)| a * b).sum()
}

/// `y += factor x`.
pub(crate) fn add_scaled<T: Element>(y: &mut [T], factor: T, x: &[T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y += factor * x;
    }
}

/// The loss and its gradients for z_video, z_speech, log_inv_temperature and (H > 0) hard_speech.
fn loss<T: Element>(
    v: &Unit<T>,
    s: &Unit<T>,
    hard: &Unit<T>,
    (b, d, h): (usize, usize, usize),
    inverse_temperature: T,
) -> (T, Vec<Vec<T>>) {
    let width = b + h;
    let mut logits = vec![T::zero(); b * width];
    for (i, row) in logits.chunks_exact_mut(width).enumerate() {
        for (j, z) in row.iter_mut().enumerate() {
            let other = if j < b { s.row(j) } else { hard.row(i * h + j - b) };
            *z = inverse_temperature * dot(v.row(i), other);
        }
    }
    let half = T::from_f64(0.5 / b as f64);
    let mut value = T::zero();
    let mut dlogits = vec![T::zero(); b * width];
    for i in 0..b {
        let row = &logits[i * width..(i + 1) * width];
        let column: Vec<T> = logits.chunks_exact(width).map(|row| row[i]).collect();
        let (row_norm, column_norm) = (log_sum_exp(row), log_sum_exp(&column));
        value += half * (row_norm + column_norm - row[i] - row[i]);
        for (j, &z) in row.iter().enumerate() {
            dlogits[i * width + j] += half * (z - row_norm).exp();
        }
        for (k, &z) in column.iter().enumerate() {
            dlogits[k * width + i] += half * (z - column_norm).exp();
        }
        dlogits[i * width + i] -= half + half;
    }
    let (mut dv, mut ds, mut dhard) =
        (vec![T::zero(); b * d], vec![T::zero(); b * d], vec![T::zero(); b * h * d]);
    for i in 0..b {
        for j in 0..width {
            let g = inverse_temperature * dlogits[i * width + j];
            let (other, dother) = if j < b {
                (s.row(j), &mut ds[j * d..(j + 1) * d])
            } else {
                let k = i * h + j - b;
                (hard.row(k), &mut dhard[k * d..(k + 1) * d])
            };
            add_scaled(&mut dv[i * d..(i + 1) * d], g, other);
            add_scaled(dother, g, v.row(i));
        }
    }
    let mut grads = vec![v.backward(dv), s.backward(ds), vec![dot(&dlogits, &logits)]];
    if h > 0 {
        grads.push(hard.backward(dhard));
    }
    (value, grads)
}

#[cfg(test)]
mod tests;
