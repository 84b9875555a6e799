//! The frozen probe from end to end on made clips.

mod support;

use std::path::{Path, PathBuf};

use candle_core::Device;
use sonovox_artifact::{OnExisting, Stage};
use sonovox_downstream::probe::{ProbeConfig, ProbeReport, ProbeStages, probe};
use sonovox_downstream::{DownstreamError, EncoderChoice, FinetuneRequest, Summary};
use sonovox_model::Preset;
use sonovox_study::SplitConfig;
use support::{Made, assert_same, make_clips, make_encoder, make_encoder_chosen_by, manifest, metrics};

const SPLIT: SplitConfig = SplitConfig { validation: 0.2, test: 0.3, seed: 4, folds: 0, fold: 0 };

fn config() -> ProbeConfig {
    ProbeConfig { encoder: Preset::Tiny, every_nth_frame: 2, l2_values: 6, ..ProbeConfig::default() }
}

fn start(
    clips: &Path,
    encoder: &EncoderChoice,
    out: &Path,
    config: &ProbeConfig,
) -> Result<Box<ProbeReport>, DownstreamError> {
    let (split, device, existing) = (&SPLIT, Device::Cpu, OnExisting::Refuse);
    let request = FinetuneRequest { clips, encoder, out, config, split, seed: 7, device, existing };
    match probe(&request)? {
        Summary::Finished { report, .. } => Ok(report),
        Summary::Interrupted { .. } => unreachable!("nothing interrupts a probe"),
    }
}

#[test]
fn shapes_are_read_off_random_features_better_than_by_guessing_and_the_run_repeats() {
    let dir = tempfile::tempdir().expect("temp dir");
    let clips = make_clips(&dir.path().join("clips"), &Made { hold: 2, ..Made::default() });
    let config = ProbeConfig {
        stages: ProbeStages::Each,
        label_shares: vec![1.0, 0.2],
        every_nth_frame: 1,
        ..config()
    };
    let out = |name: &str| -> PathBuf { dir.path().join(name) };
    let found = start(&clips, &EncoderChoice::Random, &out("probe"), &config).expect("a probe");
    println!("{found}");
    assert_eq!(found.fits.len(), 8, "two shares, four stages");
    let best = ProbeReport::best(&found.fits, 1.0).expect("a fit");
    assert_eq!(best.macro_scores, found.headline.macro_scores);
    assert!(best.macro_scores.f1 > 0.5 && best.macro_scores.f1 > found.headline.majority.macro_f1, "{found}");
    assert!(found.fits.iter().all(|fit| fit.gradient_norm < 1e-2), "{found}");
    let few = ProbeReport::best(&found.fits, 0.2).expect("a fit");
    let share = few.train_frames as f64 / best.train_frames as f64;
    assert!((share - 0.2).abs() < 0.05, "{found}");

    let json = metrics(&out("probe"));
    assert_eq!(json["macro"]["f1"], found.headline.macro_scores.f1);
    assert_eq!(json["probes"].as_array().map(Vec::len), Some(8));
    assert_eq!(json["probes"][4]["label_share"], 0.2);
    assert_eq!(manifest(&out("probe"))["stage"], "probe");
    start(&clips, &EncoderChoice::Random, &out("again"), &config).expect("a probe");
    let files = ["probe.safetensors", "predictions.safetensors", "metrics.json"];
    assert_same(&out("probe"), &out("again"), Stage::Probe, &files);
}

#[test]
fn an_encoder_that_has_seen_the_test_subjects_is_refused() {
    let dir = tempfile::tempdir().expect("temp dir");
    let clips = make_clips(&dir.path().join("clips"), &Made { frames: 16, ..Made::default() });
    let all: Vec<String> = (0..10).map(|subject| format!("s{subject}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let encoder = EncoderChoice::Pretrained(make_encoder(&dir.path().join("seen"), &all));
    let error = start(&clips, &encoder, &dir.path().join("p"), &config()).unwrap_err();
    assert!(matches!(error, DownstreamError::SeenSubjects { .. }), "{error}");
    let chosen_by = make_encoder_chosen_by(&dir.path().join("chosen-by"), &[], &all);
    let error =
        start(&clips, &EncoderChoice::Pretrained(chosen_by), &dir.path().join("p"), &config()).unwrap_err();
    assert!(matches!(error, DownstreamError::SeenSubjects { .. }), "{error}");
    let encoder = EncoderChoice::Pretrained(make_encoder(&dir.path().join("unseen"), &[]));
    let found = start(&clips, &encoder, &dir.path().join("p"), &config()).expect("a probe");
    assert_eq!(found.fits.len(), 1);
    let inputs = manifest(&dir.path().join("p"))["inputs"].as_array().map(Vec::len);
    assert_eq!(inputs, Some(2), "clips and encoder");
}
