//! Gaussian smoothing of complex rows: the point spread of the beam.

/// Weights of a symmetric kernel whose squares sum to 1, so that white noise keeps its variance.
#[derive(Debug, Clone, PartialEq)]
pub struct Kernel(Vec<f32>);

impl Kernel {
    /// Gaussian of the given standard deviation in grid steps; cut at 2.5 standard deviations.
    pub fn gaussian(sigma: f32) -> Self {
        let reach = (2.5 * sigma).ceil().max(1.0) as i32;
        let weights: Vec<f32> = (-reach..=reach).map(|i| (-0.5 * (i as f32 / sigma).powi(2)).exp()).collect();
        let energy = weights.iter().map(|w| w * w).sum::<f32>().sqrt();
        Self(weights.into_iter().map(|w| w / energy).collect())
    }

    /// Taps on either side of the middle.
    pub fn reach(&self) -> usize {
        self.0.len() / 2
    }

    /// Smooths one row; what would lie beyond its ends counts as nothing.
    pub fn smooth_row(&self, input: &[f32], output: &mut [f32]) {
        let reach = self.reach();
        output.fill(0.0);
        for (tap, &weight) in self.0.iter().enumerate() {
            let (skip_in, skip_out) = (tap.saturating_sub(reach), reach.saturating_sub(tap));
            if skip_in.max(skip_out) >= input.len() {
                continue;
            }
            for (out, value) in output[skip_out..].iter_mut().zip(&input[skip_in..]) {
                *out += weight * value;
            }
        }
    }

    /// Smooths along the first axis of `[rows, width]`.
    pub fn smooth_columns(&self, input: &[f32], output: &mut [f32], width: usize) {
        let (reach, rows) = (self.reach(), input.len() / width);
        for (row, out) in output.chunks_exact_mut(width).enumerate() {
            out.fill(0.0);
            for (tap, &weight) in self.0.iter().enumerate() {
                let Some(from) = (row + tap).checked_sub(reach).filter(|&from| from < rows) else { continue };
                for (out, value) in out.iter_mut().zip(&input[from * width..(from + 1) * width]) {
                    *out += weight * value;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_agree_with_the_plain_sum() {
        let kernel = Kernel::gaussian(1.3);
        let input: Vec<f32> = (0..9).map(|i| ((i * 7) % 5) as f32).collect();
        let reach = kernel.reach() as i32;
        let expected: Vec<f32> = (0..9_i32)
            .map(|i| {
                (-reach..=reach)
                    .filter(|d| (0..9).contains(&(i + d)))
                    .map(|d| kernel.0[(d + reach) as usize] * input[(i + d) as usize])
                    .sum()
            })
            .collect();
        let close = |a: &[f32]| a.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5);
        let mut row = vec![0.0; 9];
        kernel.smooth_row(&input, &mut row);
        assert!(close(&row), "{row:?} {expected:?}");
        let mut column = vec![0.0; 9];
        kernel.smooth_columns(&input, &mut column, 1);
        assert!(close(&column));
        let energy: f32 = kernel.0.iter().map(|w| w * w).sum();
        assert!((energy - 1.0).abs() < 1e-5);
    }
}
