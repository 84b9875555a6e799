//! A checkpoint as timm's users have them: no name is mapped, what has no use is left out, the rest must fit.

use std::collections::HashMap;

use candle_core::{DType, Tensor};
use sonovox_model::{EncoderConfig, Preset, is_ignorable, load_timm};
use sonovox_ops::{Mode, no_grad};

use crate::support::{device, difference, fill, fresh, golden, golden_path, values};

fn config() -> EncoderConfig {
    EncoderConfig { in_channels: 3, ..EncoderConfig::new(Preset::Tiny) }
}

#[test]
fn gives_timms_features() {
    let (encoder, store) = fresh(&config(), DType::F32);
    load_timm(&store, golden_path("tiny_timm.safetensors")).expect("timm's file fits");
    let x = fill::image([2, 3, 48, 64], DType::F32);
    let features = no_grad(|| encoder.forward(&x, Mode::Eval)).expect("features");
    let expected = &golden("tiny_timm_features.safetensors")["pooled"];
    let error = difference(&values(&features.pooled), &values(expected));
    assert!(error < 1e-5, "pooled features differ by {error:e}");
}

#[test]
fn has_exactly_our_names_and_the_ignorable_ones() {
    let (_, store) = fresh(&config(), DType::F32);
    let file = golden("tiny_timm.safetensors");
    let (ignored, used): (Vec<_>, Vec<_>) = file.keys().partition(|name| is_ignorable(name));
    assert_eq!(used.len(), store.to_tensors().len());
    assert!(ignored.contains(&&"fc.weight".to_string()));
    assert!(ignored.contains(&&"layer2.1.bn3.num_batches_tracked".to_string()));
}

/// What [`load_timm`] says of timm's file after a change.
fn fault(change: impl FnOnce(&mut HashMap<String, Tensor>)) -> String {
    let mut tensors = golden("tiny_timm.safetensors");
    change(&mut tensors);
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("changed.safetensors");
    candle_core::safetensors::save(&tensors, &path).expect("a file");
    let (_, store) = fresh(&config(), DType::F32);
    let before = values(&store.to_tensors()["layer1.0.bn1.weight"]);
    let error = load_timm(&store, &path).expect_err("a file that does not fit").to_string();
    assert_eq!(before, values(&store.to_tensors()["layer1.0.bn1.weight"]), "nothing changes on an error");
    assert!(error.contains("changed.safetensors"), "{error}");
    error
}

#[test]
fn names_what_is_missing_surplus_or_of_another_shape() {
    let error = fault(|t| {
        t.remove("layer3.0.se.fc1.bias");
    });
    assert!(error.contains("missing: layer3.0.se.fc1.bias"), "{error}");
    let zeros = |n| Tensor::zeros(n, DType::F32, device()).expect("zeros");
    let error = fault(|t| {
        t.insert("layer1.1.conv1.weight".into(), zeros(4));
    });
    assert!(error.contains("surplus: layer1.1.conv1.weight"), "{error}");
    let error = fault(|t| {
        t.insert("bn1.bias".into(), zeros(9));
    });
    assert!(error.contains("bn1.bias (expected [8], found [9])"), "{error}");
}

#[test]
fn a_file_that_is_not_there_or_no_safetensors_is_named() {
    let (_, store) = fresh(&config(), DType::F32);
    let error = load_timm(&store, "nowhere.safetensors").expect_err("no such file").to_string();
    assert!(error.contains("nowhere.safetensors"), "{error}");
    let script = golden_path("fill.py");
    let error = load_timm(&store, script).expect_err("not a safetensors file").to_string();
    assert!(error.contains("fill.py") && error.contains("safetensors"), "{error}");
}
