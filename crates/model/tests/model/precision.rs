//! Encoders in less precision are the same encoders: on a card, features and gradients are near those of f32.

use candle_core::{DType, Result, Tensor, Var};
use sonovox_model::{EncoderConfig, Preset};
use sonovox_ops::{Mode, Precision, backward};

use crate::support::{fill, fresh_in, precisions, values};

/// Pooled features of one training step, and the gradients of all parameters one after the other.
fn step(precision: Precision) -> Result<[Vec<f64>; 2]> {
    let (encoder, store) = fresh_in(&EncoderConfig::new(Preset::Small), DType::F32, precision);
    let pooled = encoder.forward(&fill::image([8, 1, 64, 80], DType::F32), Mode::Train)?.pooled;
    assert_eq!(pooled.dtype(), DType::F32, "features are f32 in every precision");
    let probe: Vec<f64> = fill::uniform("probe").take(pooled.elem_count()).collect();
    let grads = backward(&(&pooled * fill::tensor(probe, pooled.dims(), DType::F32))?.sum_all()?)?;
    let gradient = |(name, var): (String, Var)| {
        let grad: &Tensor = grads.get(&var).expect("a gradient");
        assert_eq!(grad.dtype(), DType::F32, "{name}: parameters and their gradients are f32");
        values(grad)
    };
    let all = store.params().into_iter().flat_map(gradient).collect();
    Ok([values(&pooled), all])
}

/// Cosine of the angle between two vectors.
fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn less_of_it_points_the_same_way() {
    let [features, gradients] = step(Precision::F32).expect("a step");
    for &precision in precisions() {
        let [found_features, found_gradients] = step(precision).expect("a step");
        // batch normalisation over few values multiplies what rounding does: angles, not digits
        let (of_features, of_gradients) =
            (cosine(&found_features, &features), cosine(&found_gradients, &gradients));
        assert!(of_features > 0.99, "features in {precision}: cosine {of_features}");
        assert!(of_gradients > 0.9, "gradients in {precision}: cosine {of_gradients}");
    }
}
