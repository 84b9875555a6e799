//! What is refused, and in which words.

use candle_core::{DType, Result, Tensor};
use sonovox_model::{
    Encoder, EncoderConfig, Fusion, FusionConfig, GazeHead, GazeHeadConfig, OrderHead, OrderHeadConfig,
    PlaneHead, PlaneHeadConfig, Preset, Projection, ProjectionConfig,
};
use sonovox_ops::{Mode, ParamStore};

use crate::support::{device, fill, fresh};

fn zeros(dims: &[usize]) -> Tensor {
    Tensor::zeros(dims, DType::F32, device()).expect("zeros")
}

fn assert_says<T>(result: Result<T>, words: &[&str]) {
    let Err(error) = result else { panic!("expected an error with {words:?}") };
    let error = error.to_string();
    assert!(words.iter().all(|word| error.contains(word)), "{error}");
}

#[test]
fn an_encoder_names_the_channels_it_wants_and_those_it_got() {
    let (encoder, _) = fresh(&EncoderConfig::new(Preset::Tiny), DType::F32);
    let x = fill::image([2, 3, 32, 40], DType::F32);
    assert_says(encoder.forward(&x, Mode::Eval), &["Tiny", "[B, 1, H, W]", "[2, 3, 32, 40]"]);
    assert_says(encoder.forward(&zeros(&[32, 40]), Mode::Eval), &["[B, 1, H, W]", "[32, 40]"]);
    let wide = fill::image([2, 1, 32, 40], DType::F64);
    assert_says(encoder.forward(&wide, Mode::Eval), &["F64", "F32"]);
}

#[test]
fn an_encoder_without_channels_or_with_taken_names_is_refused() {
    let store = ParamStore::new(1, DType::F32, device());
    let config = EncoderConfig { in_channels: 0, ..EncoderConfig::new(Preset::Half) };
    assert_says(Encoder::new(&config, &store.scope()), &["Half", "in_channels"]);
    let config = EncoderConfig::new(Preset::Tiny);
    Encoder::new(&config, &store.scope()).expect("the first encoder");
    assert_says(Encoder::new(&config, &store.scope()), &["conv1.weight", "taken"]);
}

#[test]
fn training_on_one_value_to_a_channel_is_refused() {
    let (encoder, _) = fresh(&EncoderConfig::new(Preset::Tiny), DType::F32);
    let x = fill::image([1, 1, 32, 32], DType::F32);
    assert_says(encoder.forward(&x, Mode::Train), &["more than one value"]);
}

#[test]
fn heads_name_the_shape_they_want_and_the_one_they_got() {
    let store = ParamStore::new(1, DType::F32, device());
    let scope = |name: &str| store.scope().pp(name);
    let projection = Projection::new(&ProjectionConfig::default(), 48, &scope("projection")).expect("a head");
    assert_says(projection.forward(&zeros(&[2, 47]), Mode::Eval), &["projection", "[B, 48]", "[2, 47]"]);
    let fusion = Fusion::new(&FusionConfig::default(), 8, &scope("fusion")).expect("a head");
    assert_says(fusion.forward(&zeros(&[2, 8]), &zeros(&[2, 9])), &["fusion", "[B, 8]", "[2, 9]"]);
    assert_says(fusion.forward(&zeros(&[2, 8]), &zeros(&[3, 8])), &["fusion", "[2, 8]", "[3, 8]"]);
    let order = OrderHead::new(&OrderHeadConfig::default(), 48, &scope("order")).expect("a head");
    assert_says(order.forward(&zeros(&[2, 3, 48])), &["order", "[B, 4, 48]", "[2, 3, 48]"]);
    let plane = PlaneHead::new(&PlaneHeadConfig::default(), 48, 3, &scope("plane")).expect("a head");
    assert_says(
        plane.forward(&zeros(&[2, 4, 5, 5]), Mode::Eval),
        &["plane", "[B, 48, H, W]", "[2, 4, 5, 5]"],
    );
    let gaze = GazeHead::new(&GazeHeadConfig::default(), 48, &scope("gaze")).expect("a head");
    assert_says(gaze.forward(&zeros(&[2, 48]), Mode::Eval), &["gaze", "[B, 48, H, W]", "[2, 48]"]);
}
