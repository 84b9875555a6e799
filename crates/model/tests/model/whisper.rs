//! The frozen speech encoder against transformers, on a tiny random model (golden/whisper.py), and files that are none.

use std::collections::HashMap;
use std::fs;

use candle_core::{DType, Device, Tensor};
use sonovox_model::WhisperEncoder;

use crate::support::{device, difference, fill, golden, golden_path, values};

fn windows(rows: usize) -> Tensor {
    let flat = fill::uniform("input").take(2 * 6 * rows).map(|u| u * 3f64.sqrt()).collect();
    fill::tensor(flat, &[2, 1, 6, rows], DType::F32)
}

#[test]
fn gives_what_transformers_gives_for_whole_and_for_short_windows() {
    let encoder = WhisperEncoder::open(golden_path("whisper_tiny"), 0.0, device()).expect("the model");
    assert_eq!((encoder.n_mels(), encoder.width()), (6, 16));
    let golden = golden("whisper.safetensors");
    for rows in [40, 22] {
        let found = values(&encoder.forward(&windows(rows)).expect("positions"));
        let error = difference(&found, &values(&golden[&format!("tanh.{rows}")]));
        assert!(error < 1e-5, "{rows} rows: {error:e} from the tanh form");
        // candle has no exact GELU here
        let error = difference(&found, &values(&golden[&format!("exact.{rows}")]));
        assert!(error < 2e-3, "{rows} rows: {error:e} from Whisper's own");
    }
    // the file alone stands for the folder
    let file = WhisperEncoder::open(golden_path("whisper_tiny/model.safetensors"), 0.0, device());
    assert_eq!(file.expect("the model").width(), 16);
}

#[test]
fn a_context_is_silence_behind_the_window() {
    let plain = WhisperEncoder::open(golden_path("whisper_tiny"), 0.0, device()).expect("the model");
    let filled = WhisperEncoder::open(golden_path("whisper_tiny"), 0.4, device()).expect("the model");
    let short = windows(22);
    let floor: Vec<f64> = values(&short)
        .chunks(6 * 22)
        .flat_map(|window| vec![window.iter().copied().fold(f64::MIN, f64::max) - 2.0; 6 * 18])
        .collect();
    let whole = Tensor::cat(&[&short, &fill::tensor(floor, &[2, 1, 6, 18], DType::F32)], 3).expect("40 rows");
    let found = filled.forward(&short).expect("positions");
    assert_eq!(found.dims(), [2, 11, 16]);
    let expected = plain.forward(&whole).and_then(|t| t.narrow(1, 0, 11)).expect("positions");
    assert!(difference(&values(&found), &values(&expected)) < 1e-6);
    assert!(difference(&values(&found), &values(&plain.forward(&short).expect("positions"))) > 1e-3);
}

/// What is said of the tiny model after a change of its tensors or its config.
fn fault(
    tensors: impl FnOnce(&mut HashMap<String, Tensor>),
    config: impl FnOnce(String) -> String,
) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    let mut all = golden("whisper_tiny/model.safetensors");
    tensors(&mut all);
    candle_core::safetensors::save(&all, dir.path().join("model.safetensors")).expect("a file");
    let text = fs::read_to_string(golden_path("whisper_tiny/config.json")).expect("a config");
    fs::write(dir.path().join("config.json"), config(text)).expect("a config");
    WhisperEncoder::open(dir.path(), 0.0, &Device::Cpu).err().expect("refused").to_string()
}

#[test]
fn other_models_are_refused_by_file_expected_and_found() {
    let same = |text: String| text;
    let error = fault(
        |t| {
            t.remove("model.encoder.layers.1.fc1.bias");
        },
        same,
    );
    assert!(error.contains("model.safetensors") && error.contains("layers.1.fc1.bias"), "{error}");
    let error = fault(|_| (), |text| text.replace("\"encoder_layers\": 2", "\"encoder_layers\": 1"));
    assert!(error.contains("an encoder of 1 layers, found also layers.1."), "{error}");
    let error = fault(|_| (), |text| text.replace("\"num_mel_bins\": 6", "\"num_mel_bins\": 80"));
    assert!(error.contains("conv1.weight") && error.contains("80"), "{error}");
    let error = fault(
        |_| (),
        |text| text.replace("\"activation_function\": \"gelu\"", "\"activation_function\": \"relu\""),
    );
    assert!(error.contains("config.json: activation_function: expected gelu, found relu"), "{error}");
    let error = fault(|_| (), |_| "{}".to_owned());
    assert!(error.contains("config.json: expected the config of a Whisper model: missing field"), "{error}");
    let error = fault(|t| t.retain(|name, _| !name.contains("encoder")), same);
    assert!(error.contains("expected tensors named model.encoder.*"), "{error}");
    let moved = |t: &mut HashMap<String, Tensor>| {
        let positions = &t["model.encoder.embed_positions.weight"];
        let moved = (positions + 0.5).expect("moved");
        t.insert("model.encoder.embed_positions.weight".into(), moved);
    };
    assert!(fault(moved, same).contains("Whisper's sinusoids"), "positions");
    let error =
        WhisperEncoder::open("no/such/whisper", 0.0, &Device::Cpu).err().expect("refused").to_string();
    assert!(error.contains("no/such/whisper/config.json"), "{error}");
    let error = WhisperEncoder::open(golden_path("whisper_tiny"), 30.0, &Device::Cpu).err().expect("refused");
    assert!(error.to_string().contains("a context of at most 0.4 s, found 30"), "{error}");
    let encoder = WhisperEncoder::open(golden_path("whisper_tiny"), 0.0, device()).expect("the model");
    let error = encoder.forward(&windows(42)).expect_err("too long").to_string();
    assert!(error.contains("at most 40 rows, found [2, 1, 6, 42]"), "{error}");
}
