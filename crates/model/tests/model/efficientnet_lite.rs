//! The second backbone against timm's `tf_efficientnet_lite0`: features in f32, gradients and running statistics in f64, the
//! published ImageNet weights on a picture that everyone knows. See golden/efficientnet_lite.py.

use candle_core::{DType, Device, Tensor};
use sonovox_model::{Encoder, EncoderConfig, ImageNetWeights, Preset, input};
use sonovox_ops::{Mode, ParamStore, no_grad};
use sonovox_testkit::shared_data;

use crate::support::{device, difference, golden, values};
use crate::{encoder_eval, encoder_train};

const GOLDEN: &str = "efficientnet_lite.safetensors";
const LITE: Preset = Preset::EfficientNetLite0;

#[test]
fn gives_timms_features() {
    encoder_eval::check_with(GOLDEN, LITE, [1, 1, 224, 288]);
    // sides on which SAME padding is the same on both ends, and a stem of three channels
    encoder_eval::check_with(GOLDEN, LITE, [2, 3, 95, 133]);
}

#[test]
fn learns_as_timms() {
    encoder_train::check_with(GOLDEN, LITE, false, [3, 1, 65, 96]);
    encoder_train::check_with(GOLDEN, LITE, true, [2, 3, 48, 65]);
}

/// The published weights turned grey, in an encoder, with the classifier that lies beside them.
fn published() -> Option<(Encoder, Tensor, Tensor)> {
    let path = shared_data("weights")?.join("efficientnet_lite0_imagenet.safetensors");
    let weights = ImageNetWeights::open(&path).and_then(ImageNetWeights::grey).expect("the file fits");
    assert_eq!(weights.config(), EncoderConfig::new(LITE));
    let store = ParamStore::new(1, DType::F32, device());
    let encoder = Encoder::new(&EncoderConfig::new(LITE), &store.scope()).expect("an encoder");
    weights.set(&store.scope(), &store).expect("set");
    let file = candle_core::safetensors::load(&path, &Device::Cpu).expect("tensors");
    // SOURCE.txt: 296 tensors, 4.69 M values
    assert_eq!(file.len(), 296);
    let count: usize = file.values().map(Tensor::elem_count).sum();
    assert_eq!((count as f64 / 1e4).round() as usize, 469);
    Some((encoder, file["_fc.weight"].clone(), file["_fc.bias"].clone()))
}

#[test]
fn a_standardised_grey_cat_is_still_a_cat() {
    let Some((encoder, weight, bias)) = published() else { return };
    let golden = golden("efficientnet_lite_imagenet.safetensors");
    let grey =
        golden["cat"].to_dtype(DType::F32).and_then(|t| t.flatten_all()?.to_vec1()).expect("a picture");
    let frame = input::frames(grey, 224, 224, device()).expect("a frame");
    let pooled = no_grad(|| encoder.forward(&frame, Mode::Eval)).expect("features").pooled;
    let pooled = pooled.to_device(&Device::Cpu).expect("on the CPU");
    let error = difference(&values(&pooled), &values(&golden["cat.pooled"]));
    assert!(error < 1e-4, "pooled features differ by {error:e}");
    let logits =
        pooled.matmul(&weight.t().expect("2d")).and_then(|z| z.broadcast_add(&bias)).expect("logits");
    let mut ranked: Vec<(usize, f64)> = values(&logits).into_iter().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let top: Vec<usize> = ranked.iter().take(3).map(|(class, _)| *class).collect();
    // 285 Egyptian cat, 281 tabby, 282 tiger cat: as the reference sees the grey picture without standardising it
    let expected: Vec<usize> = values(&golden["cat.grey"]).iter().map(|&class| class as usize).collect();
    assert_eq!(top, expected[..3]);
}

#[test]
fn in_colour_the_published_weights_give_timms_features() {
    let Some(folder) = shared_data("weights") else { return };
    let path = folder.join("efficientnet_lite0_imagenet.safetensors");
    let colour = ImageNetWeights::open(path).expect("the file fits");
    assert_eq!(colour.config().in_channels, 3);
    let store = ParamStore::new(1, DType::F32, device());
    let encoder = Encoder::new(&colour.config(), &store.scope()).expect("an encoder");
    colour.set(&store.scope(), &store).expect("set");
    let x = crate::support::fill::image([1, 3, 224, 224], DType::F32);
    let features = no_grad(|| encoder.forward(&x, Mode::Eval)).expect("features");
    let golden = golden("efficientnet_lite_imagenet.safetensors");
    let error = difference(&values(&features.pooled), &values(&golden["colour.pooled"]));
    assert!(error < 1e-5, "pooled features differ by {error:e}");
    for (k, map) in features.stages.iter().enumerate() {
        let part = format!("stage{}", k + 1);
        let map = values(&crate::support::timm_axes(map));
        let kept = crate::support::fill::indices(&format!("slice.{part}"), 512, map.len());
        let kept: Vec<f64> = kept.iter().map(|&i| map[i]).collect();
        let error = difference(&kept, &values(&golden[&format!("colour.{part}")]));
        assert!(error < 1e-5, "{part} differs by {error:e}");
    }
}
