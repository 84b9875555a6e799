//! Published weights: which network a file is of, colour to grey, and files that are none.

use std::collections::HashMap;

use candle_core::{DType, Tensor};
use sonovox_model::{Encoder, EncoderConfig, ImageNetWeights, Preset};
use sonovox_ops::{Mode, ParamStore, no_grad};

use crate::support::{device, difference, fill, golden, golden_path, values};

fn encoder_of(weights: &ImageNetWeights) -> Encoder {
    let store = ParamStore::new(3, DType::F32, device());
    let scope = store.scope().pp("somewhere");
    let encoder = Encoder::new(&weights.config(), &scope).expect("an encoder");
    weights.set(&scope, &store).expect("set");
    encoder
}

/// timm's file of three channels: what the grey net sees in a frame is what the colour net sees in it shown in all three.
#[test]
fn a_grey_net_sees_what_the_colour_net_sees_in_grey() {
    let open = || ImageNetWeights::open(golden_path("tiny_timm.safetensors")).expect("timm's file");
    let (colour, grey) = (open(), open().grey().expect("grey"));
    assert_eq!(colour.config(), EncoderConfig { in_channels: 3, ..EncoderConfig::new(Preset::Tiny) });
    assert_eq!(grey.config(), EncoderConfig::new(Preset::Tiny));
    let frame = fill::image([2, 1, 47, 64], DType::F32);
    let shown = Tensor::cat(&[&frame, &frame, &frame], 1).expect("three channels");
    let pooled = |weights: &ImageNetWeights, x: &Tensor| {
        values(&no_grad(|| encoder_of(weights).forward(x, Mode::Eval)).expect("features").pooled)
    };
    let error = difference(&pooled(&grey, &frame), &pooled(&colour, &shown));
    assert!(error < 1e-5, "pooled features differ by {error:e}");
    // and a grey file is taken as it is
    assert_eq!(
        pooled(&grey, &frame),
        pooled(&open().grey().and_then(ImageNetWeights::grey).expect("grey"), &frame)
    );
}

/// The full-width net by its widths alone, without a file of 100 MB in the repository.
#[test]
fn the_full_net_is_known_by_its_shapes() {
    let store = ParamStore::new(3, DType::F32, &candle_core::Device::Cpu);
    let config = EncoderConfig { in_channels: 3, ..EncoderConfig::new(Preset::Full) };
    Encoder::new(&config, &store.scope()).expect("an encoder");
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("seresnext50_32x4d.safetensors");
    store.save(&path).expect("a file");
    let weights = ImageNetWeights::open(&path).and_then(ImageNetWeights::grey).expect("it fits");
    assert_eq!(weights.config(), EncoderConfig::new(Preset::Full));
}

/// What is said of timm's file after a change.
fn fault(change: impl FnOnce(&mut HashMap<String, Tensor>)) -> String {
    let mut tensors = golden("tiny_timm.safetensors");
    change(&mut tensors);
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("changed.safetensors");
    candle_core::safetensors::save(&tensors, &path).expect("a file");
    let error = ImageNetWeights::open(&path).err().expect("a file that does not fit").to_string();
    assert!(error.contains("changed.safetensors"), "{error}");
    error
}

#[test]
fn other_files_are_refused_by_what_was_expected_and_found() {
    let zeros = |dims: &[usize]| Tensor::zeros(dims, DType::F32, &candle_core::Device::Cpu).expect("zeros");
    let error = fault(|t| {
        t.remove("layer3.0.se.fc1.bias");
    });
    assert!(error.contains("missing: layer3.0.se.fc1.bias"), "{error}");
    // a deep stem, as seresnext26t_32x4d has
    let error = fault(|t| {
        let stem = t.remove("conv1.weight").expect("a stem");
        t.insert("conv1.0.weight".into(), stem);
    });
    assert!(
        error.contains("expected weights of an SE-ResNeXt of timm") && error.contains("found"),
        "{error}"
    );
    // another depth
    let error = fault(|t| {
        t.insert("layer4.1.conv1.weight".into(), zeros(&[12, 48, 1, 1]));
    });
    assert!(
        error.contains("[3, 4, 6, 3] blocks") && error.contains("found a net of [1, 2, 1, 2] blocks"),
        "{error}"
    );
    let error = fault(|t| {
        t.insert("conv1.weight".into(), zeros(&[8, 4, 7, 7]));
    });
    assert!(error.contains("expected 3 or 1 input channels, found [8, 4, 7, 7]"), "{error}");
    let error = ImageNetWeights::open("nowhere.safetensors").err().expect("no such file").to_string();
    assert!(error.contains("nowhere.safetensors"), "{error}");
}
