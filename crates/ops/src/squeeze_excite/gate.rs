//! The gate of squeeze and excitation: one value in 0..1 for every channel of an image, from the means of all channels.

use crate::batch_norm::cpu::Affine;
use crate::element::Element;
use crate::gemm::{Matrix, Output, gemm};

/// Parameters: `w1` `[hidden, C]`, `b1` `[hidden]`, `w2` `[C, hidden]`, `b2` `[C]`.
pub(super) struct GateWeights<'a, T> {
    pub w1: &'a [T],
    pub b1: &'a [T],
    pub w2: &'a [T],
    pub b2: &'a [T],
    pub hidden: usize,
}

/// The gate of a batch and what its backward pass needs.
pub(super) struct Gate<T> {
    /// `[B, C]`.
    pub values: Vec<T>,
    /// Means of the normalised maps, `[B, C]`.
    pooled: Vec<T>,
    /// `[B, hidden]`, after the ReLU.
    squeezed: Vec<T>,
}

impl<T: Element> Gate<T> {
    /// The gate of maps whose means before normalisation are `image_means` `[B, C]`.
    pub fn new(image_means: &[T], affine: &Affine<T>, weights: &GateWeights<T>) -> Self {
        let (channels, hidden) = (affine.scale.len(), weights.hidden);
        let b = image_means.len() / channels;
        let normal = |row: &[T]| -> Vec<T> {
            row.iter()
                .zip(affine.scale.iter().zip(&affine.shift))
                .map(|(&m, (&scale, &shift))| m * scale + shift)
                .collect()
        };
        let pooled: Vec<T> = image_means.chunks_exact(channels).flat_map(normal).collect();
        let mut squeezed = biases(weights.b1, b);
        gemm(
            &mut squeezed,
            Matrix::rows(&pooled, channels),
            Matrix::rows(weights.w1, channels).t(),
            (b, channels, hidden),
            Output::Add,
        );
        squeezed.iter_mut().for_each(|z| *z = Element::max(*z, T::zero()));
        let mut values = biases(weights.b2, b);
        gemm(
            &mut values,
            Matrix::rows(&squeezed, hidden),
            Matrix::rows(weights.w2, hidden).t(),
            (b, hidden, channels),
            Output::Add,
        );
        values.iter_mut().for_each(|z| *z = T::one() / (T::one() + (-*z).exp()));
        Self { values, pooled, squeezed }
    }

    /// From the gradient of the gate to those of w1, b1, w2 and b2, and to that of the pooled means, `[B, C]`.
    pub fn backward(&self, grad: &[T], weights: &GateWeights<T>) -> ([Vec<T>; 4], Vec<T>) {
        let hidden = weights.hidden;
        let (b, channels) = (self.squeezed.len() / hidden, weights.b2.len());
        let dz2: Vec<T> = grad.iter().zip(&self.values).map(|(&g, &v)| g * v * (T::one() - v)).collect();
        let mut dw2 = vec![T::zero(); channels * hidden];
        gemm(
            &mut dw2,
            Matrix::rows(&dz2, channels).t(),
            Matrix::rows(&self.squeezed, hidden),
            (channels, b, hidden),
            Output::Set,
        );
        let mut dz1 = vec![T::zero(); b * hidden];
        gemm(
            &mut dz1,
            Matrix::rows(&dz2, channels),
            Matrix::rows(weights.w2, hidden),
            (b, channels, hidden),
            Output::Set,
        );
        for (g, &z) in dz1.iter_mut().zip(&self.squeezed) {
            *g = if z > T::zero() { *g } else { T::zero() };
        }
        let mut dw1 = vec![T::zero(); hidden * channels];
        gemm(
            &mut dw1,
            Matrix::rows(&dz1, hidden).t(),
            Matrix::rows(&self.pooled, channels),
            (hidden, b, channels),
            Output::Set,
        );
        let mut dpooled = vec![T::zero(); b * channels];
        gemm(
            &mut dpooled,
            Matrix::rows(&dz1, hidden),
            Matrix::rows(weights.w1, channels),
            (b, hidden, channels),
            Output::Set,
        );
        ([dw1, column_sums(&dz1, hidden), dw2, column_sums(&dz2, channels)], dpooled)
    }
}

fn biases<T: Element>(bias: &[T], rows: usize) -> Vec<T> {
    bias.iter().copied().cycle().take(rows * bias.len()).collect()
}

fn column_sums<T: Element>(values: &[T], columns: usize) -> Vec<T> {
    let mut sums = vec![T::zero(); columns];
    for row in values.chunks_exact(columns) {
        sums.iter_mut().zip(row).for_each(|(sum, &v)| *sum += v);
    }
    sums
}
