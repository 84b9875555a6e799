//! The whole chain, as a person calls it, on a study of seconds with networks of thousands of parameters.
#![cfg(feature = "media")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{Folder, sonovox};

const RECIPE: &str = r#"
seed = 3
[split]
validation = 0.25
test = 0.25
[simulate]
recordings = 4
subjects = 4
sonographers = 2
seconds = 14.0
planes = ["femur", "BrainTv"]
video = { fps = 5 }
[preprocess]
spectrogram = { kind = "log-mel", n_mels = 32, hop_secs = 0.02 }
frame = { height = 48, width = 64 }
[pretrain]
encoder = "tiny"
voiced_intervals = 4
order_intervals = 2
steps_per_epoch = 3
pairs = { window_secs = 1.0 }
run = { epochs = 2 }
[planes]
encoder = "tiny"
every_nth_frame = 2
epoch_images = 16
batch = 8
run = { epochs = 1 }
[gaze]
encoder = "tiny"
every_nth_frame = 2
epoch_images = 16
batch = 8
run = { epochs = 1 }
"#;

#[test]
fn a_study_goes_through_all_stages_and_leaves_its_figures() {
    let folder = Folder::new();
    fs::write(folder.file("recipe.toml"), RECIPE).expect("written");
    let at = |name: &str| folder.path(name);
    let call = |args: &[&str]| {
        let said = sonovox(&[args, &["--recipe", &at("recipe.toml")]].concat());
        assert_eq!(said.code, 0, "{args:?}: {}{}", said.out, said.err);
        said.out
    };
    call(&["simulate", "--out", &at("study")]);
    let table = call(&["preprocess", &at("study"), "--out", &at("clips")]);
    assert!(table.contains("4 recordings, 0 failed"), "{table}");
    call(&["pretrain", "--clips", &at("clips"), "--out", &at("encoder")]);
    let tuned = ["--clips", &at("clips"), "--encoder", &at("encoder"), "--out"];
    let planes = call(&[&["finetune-planes"], &tuned[..], &[&at("planes")]].concat());
    assert!(planes.contains("femur") && planes.contains("claim nothing clinical"), "{planes}");
    call(&["eval-planes", "--model", &at("planes"), "--clips", &at("clips"), "--out", &at("eval-planes")]);
    call(&[&["finetune-gaze"], &tuned[..], &[&at("gaze")]].concat());
    let gaze =
        call(&["eval-gaze", "--model", &at("gaze"), "--clips", &at("clips"), "--out", &at("eval-gaze")]);
    assert!(gaze.contains("static map"), "{gaze}");

    planes_figures(&folder.file("planes"), &folder.file("eval-planes"));
    gaze_figures(&folder.file("gaze"), &folder.file("eval-gaze"));
}

fn metrics(artifact: &Path) -> Value {
    let text = fs::read_to_string(artifact.join("metrics.json")).expect("figures");
    serde_json::from_str(&text).expect("JSON")
}

/// The figures have the names that the README promises, are shares, and evaluating again gives the same.
fn planes_figures(tuned: &Path, evaluated: &Path) {
    let (tuned, evaluated) = (metrics(tuned), metrics(evaluated));
    for name in ["precision", "recall", "f1"] {
        let value = tuned["macro"][name].as_f64().expect("a number");
        assert!((0.0..=1.0).contains(&value), "{name}: {value}");
        assert!(tuned["per_class"]["femur"][name].is_number());
    }
    assert!(tuned["accuracy"].is_number() && tuned["per_class"]["background"]["support"].is_number());
    assert_eq!(tuned["confusion"].as_array().map(Vec::len), Some(3));
    for key in ["macro", "accuracy", "per_class", "confusion"] {
        assert_eq!(tuned[key], evaluated[key], "{key}");
    }
}

fn gaze_figures(tuned: &Path, evaluated: &Path) {
    let (tuned, evaluated) = (metrics(tuned), metrics(evaluated));
    for who in ["model", "static"] {
        for name in ["kl", "nss", "auc_judd", "cc", "sim"] {
            assert!(tuned[who][name].is_number(), "{who} {name}");
        }
        assert_eq!(tuned[who], evaluated[who], "{who}");
    }
}
