//! Running a network over many frames as they are, a batch at a time.

use candle_core::{DType, Device, Tensor};
use sonovox_ops::no_grad;
use sonovox_train::TrainError;

use crate::clips::{Clips, FrameAt};
use crate::image::{Tone, Warp};

/// Gives each frame's row of `forward`'s result (f32, `[B, N]` for a batch of B) to `take`, in the frames' order.
///
/// Memory: one batch, whatever the number of frames.
pub(crate) fn for_each_row(
    clips: &Clips,
    frames: &[FrameAt],
    batch: usize,
    device: &Device,
    forward: impl Fn(&Tensor) -> candle_core::Result<Tensor>,
    mut take: impl FnMut(usize, Vec<f32>),
) -> Result<(), TrainError> {
    let tone = Tone::unchanged();
    for (number, part) in frames.chunks(batch).enumerate() {
        let images = clips.images(part, |_| (Warp::IDENTITY, tone.clone()), device)?;
        let rows = no_grad(|| forward(&images))?.to_dtype(DType::F32)?.to_vec2()?;
        for (place, row) in rows.into_iter().enumerate() {
            take(number * batch + place, row);
        }
    }
    Ok(())
}

/// Softmax of one row of logits, computed in f64 so that the sum is 1 to the last bits of f32.
pub(crate) fn softmax(logits: &[f32]) -> Vec<f32> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.iter().map(|&z| f64::from(z - top).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| (power / sum) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::softmax;

    #[test]
    fn softmax_is_a_distribution_even_for_large_logits() {
        let shares = softmax(&[1000.0, 1000.0, -1000.0]);
        assert_eq!(shares, [0.5, 0.5, 0.0]);
        let sum: f64 = softmax(&[0.3; 1008]).iter().map(|&p| f64::from(p)).sum();
        assert!((sum - 1.0).abs() < 1e-6);
    }
}
