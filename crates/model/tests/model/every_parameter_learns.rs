//! After one backward pass every parameter of every preset and head has a finite gradient that is not zero.

use candle_core::{DType, Result, Tensor};
use sonovox_model::{
    EncoderConfig, Fusion, FusionConfig, GazeHead, GazeHeadConfig, ORDER_CLASSES, OrderHead, OrderHeadConfig,
    PlaneHead, PlaneHeadConfig, Preset, Projection, ProjectionConfig,
};
use sonovox_ops::{Mode, ParamStore, Precision, backward, cross_entropy, softmax_kl};

use crate::support::{device, fill, fresh_in, precisions, values};

fn assert_all_learn(loss: &Tensor, stores: &[&ParamStore], what: &str) {
    let grads = backward(loss).expect("a backward pass");
    for (name, var) in stores.iter().flat_map(|store| store.params()) {
        let gradient = grads.get(&var).unwrap_or_else(|| panic!("{what}: {name} has no gradient"));
        let gradient = values(gradient);
        assert!(gradient.iter().all(|v| v.is_finite()), "{what}: {name} has a gradient that is not finite");
        assert!(gradient.iter().any(|&v| v != 0.0), "{what}: {name} has a gradient of zeros");
    }
}

fn heads() -> ParamStore {
    ParamStore::new(2, DType::F32, device())
}

fn labels(classes: usize, count: usize) -> Tensor {
    let labels: Vec<u32> = (0..count).map(|i| (i % classes) as u32).collect();
    Tensor::new(labels, device()).expect("labels")
}

/// Every preset, with the options of a head in turn.
fn presets(first: bool) -> impl Iterator<Item = (Preset, bool)> {
    Preset::ALL.into_iter().enumerate().map(move |(i, preset)| (preset, first ^ (i % 2 == 1)))
}

/// Both streams, projection, fusion and frame order: the whole net of pretraining.
#[test]
fn in_pretraining() -> Result<()> {
    for &precision in precisions() {
        pretraining(precision)?;
    }
    Ok(())
}

fn pretraining(precision: Precision) -> Result<()> {
    for (preset, linear) in presets(false) {
        let config = EncoderConfig::new(preset);
        let ((video, video_store), (speech, speech_store)) =
            (fresh_in(&config, DType::F32, precision), fresh_in(&config, DType::F32, precision));
        let (store, width) = (heads(), config.features());
        let scope = |name: &str| store.scope().pp(name);
        let projection = ProjectionConfig::default();
        let of_video = Projection::new(&projection, width, &scope("video"))?;
        let of_speech = Projection::new(&projection, width, &scope("speech"))?;
        let fusion = FusionConfig { linear, ..Default::default() };
        let fusion = Fusion::new(&fusion, projection.embedding, &scope("fusion"))?;
        let order = OrderHead::new(&OrderHeadConfig::default(), width, &scope("order"))?;
        let frames = video.forward(&fill::image([8, 1, 48, 64], DType::F32), Mode::Train)?.pooled;
        let sounds = speech.forward(&fill::image([2, 1, 64, 48], DType::F32), Mode::Train)?.pooled;
        let order = order.forward(&frames.reshape((2, 4, width))?)?;
        let pairs = fusion.forward(
            &of_video.forward(&frames.narrow(0, 3, 2)?, Mode::Train)?,
            &of_speech.forward(&sounds, Mode::Train)?,
        )?;
        let loss =
            (cross_entropy(&order, &labels(ORDER_CLASSES, 2))? + cross_entropy(&pairs, &labels(2, 2))?)?;
        assert_all_learn(
            &loss,
            &[&video_store, &speech_store, &store],
            &format!("{preset:?} in {precision}"),
        );
    }
    Ok(())
}

#[test]
fn in_plane_detection() -> Result<()> {
    for &precision in precisions() {
        plane_detection(precision)?;
    }
    Ok(())
}

fn plane_detection(precision: Precision) -> Result<()> {
    for (preset, batch_norm) in presets(false) {
        let (encoder, encoder_store) = fresh_in(&EncoderConfig::new(preset), DType::F32, precision);
        let store = heads();
        let config = PlaneHeadConfig { batch_norm, ..Default::default() };
        let head = PlaneHead::new(&config, encoder.config().features(), 3, &store.scope())?;
        let features = encoder.forward(&fill::image([4, 1, 48, 64], DType::F32), Mode::Train)?;
        let logits = head.forward(&features.stages[3], Mode::Train)?;
        assert_eq!(logits.dims(), [4, 3]);
        let loss = cross_entropy(&logits, &labels(3, 4))?;
        assert_near_chance(&loss, 3);
        assert_all_learn(&loss, &[&encoder_store, &store], &format!("{preset:?} in {precision}"));
    }
    Ok(())
}

#[test]
fn in_gaze_prediction() -> Result<()> {
    for &precision in precisions() {
        gaze_prediction(precision)?;
    }
    Ok(())
}

fn gaze_prediction(precision: Precision) -> Result<()> {
    for (preset, batch_norm) in presets(true) {
        let (encoder, encoder_store) =
            fresh_in(&EncoderConfig::new(preset).with_dilated(true), DType::F32, precision);
        let store = heads();
        let config = GazeHeadConfig { batch_norm, ..Default::default() };
        let head = GazeHead::new(&config, encoder.config().features(), &store.scope())?;
        let features = encoder.forward(&fill::image([2, 1, 48, 64], DType::F32), Mode::Train)?;
        let logits = head.forward(&features.stages[3], Mode::Train)?;
        assert_eq!(logits.dims(), [2, 6 * 8]);
        // All of the gaze on one place.
        let places: Vec<f32> = (0..96).map(|i| if i % 48 == 13 { 1.0 } else { 0.0 }).collect();
        let loss = softmax_kl(&logits, &Tensor::from_vec(places, (2, 48), device())?)?;
        assert_near_chance(&loss, 48);
        assert_all_learn(&loss, &[&encoder_store, &store], &format!("{preset:?} in {precision}"));
    }
    Ok(())
}

/// A fresh head is undecided.
fn assert_near_chance(loss: &Tensor, classes: usize) {
    let (loss, chance) = (values(loss)[0], (classes as f64).ln());
    assert!((loss / chance - 1.0).abs() < 0.5, "loss {loss}, chance {chance}");
}
