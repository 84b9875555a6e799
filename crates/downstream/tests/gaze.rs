//! Gaze prediction from end to end on made clips.

mod support;

use std::path::{Path, PathBuf};

use candle_core::Device;
use sonovox_artifact::{Artifact, OnExisting, Stage};
use sonovox_downstream::gaze::{GazeConfig, GazeReport, evaluate, finetune};
use sonovox_downstream::{DownstreamError, EncoderChoice, EvalRequest, FinetuneRequest, Summary};
use sonovox_model::{GazeHeadConfig, Preset};
use sonovox_study::SplitConfig;
use sonovox_train::{Monitor, Silent};
use support::{Made, StopAfter, assert_same, make_clips, make_encoder, metrics};

const SPLIT: SplitConfig = SplitConfig { validation: 0.2, test: 0.3, seed: 4, folds: 0, fold: 0 };

/// The recipe of the source on a net and a batch that a test can afford.
fn config(epochs: u32) -> GazeConfig {
    let mut config = GazeConfig {
        encoder: Preset::Tiny,
        head: GazeHeadConfig { hidden: 32, ..GazeHeadConfig::default() },
        every_nth_frame: 2,
        epoch_images: Some(256),
        batch: 16,
        sigma: 0.08,
        keep_maps: 10,
        ..GazeConfig::default()
    };
    config.run.epochs = epochs;
    config
}

fn start(
    clips: &Path,
    encoder: &EncoderChoice,
    out: &Path,
    config: &GazeConfig,
    existing: OnExisting,
    monitor: &mut dyn Monitor,
) -> Result<Summary<GazeReport>, DownstreamError> {
    let device = Device::Cpu;
    finetune(
        &FinetuneRequest { clips, encoder, out, config, split: &SPLIT, seed: 7, device, existing },
        monitor,
    )
}

fn report(summary: Summary<GazeReport>) -> GazeReport {
    match summary {
        Summary::Finished { report, .. } => *report,
        Summary::Interrupted { step } => panic!("stopped at {step}"),
    }
}

fn evaluated(model: &Path, clips: Option<&Path>, out: &Path) -> Result<Summary<GazeReport>, DownstreamError> {
    let (device, existing) = (Device::Cpu, OnExisting::Refuse);
    evaluate(&EvalRequest { model, clips, out, allow_seen_subjects: false, device, existing })
}

#[test]
fn gaze_on_shapes_beats_the_static_map_and_evaluation_repeats_the_figures() {
    let dir = tempfile::tempdir().expect("temp dir");
    let clips = make_clips(&dir.path().join("clips"), &Made::default());
    let out = dir.path().join("gaze");
    let summary = start(&clips, &EncoderChoice::Random, &out, &config(8), OnExisting::Refuse, &mut Silent);
    let summary = summary.expect("a predictor");
    println!("{summary}");
    let found = report(summary);
    let (model, fixed, uniform) = (found.model, found.static_map, found.uniform);
    assert!(model.kl < 0.6 * fixed.kl && fixed.kl < uniform.kl, "{found}");
    assert!(model.nss > 2.0 * fixed.nss && model.cc > fixed.cc && model.sim > fixed.sim, "{found}");
    assert!(model.auc_judd > 0.85, "{found}");
    assert_eq!((uniform.nss, uniform.auc_judd, uniform.cc), (0.0, 0.5, 0.0));

    let json = metrics(&out);
    for map in ["model", "static"] {
        for score in ["kl", "nss", "auc_judd", "cc", "sim"] {
            assert!(json[map][score].as_f64().is_some_and(f64::is_finite), "{map} {score}");
        }
    }
    let manifest = Artifact::open(&out, Stage::Gaze).expect("artifact").manifest;
    assert!(manifest.counts.left_out["frames without gaze"] > 50, "backgrounds: {:?}", manifest.counts);
    assert_eq!(manifest.details["map"], serde_json::json!([6, 8]));

    let again = dir.path().join("again");
    assert_eq!(report(evaluated(&out, None, &again).expect("evaluation")), found);
    let bytes = |dir: &Path| std::fs::read(dir.join("predictions.safetensors")).expect("predictions");
    assert_eq!(bytes(&out), bytes(&again));

    let made = Made { subjects: 3, seed: 2, prefix: "n", ..Made::default() };
    let new = make_clips(&dir.path().join("new"), &made);
    let on_new = report(evaluated(&out, Some(&new), &dir.path().join("on-new")).expect("evaluation"));
    assert_eq!(on_new.tested.subjects, 3);
    assert!(on_new.model.kl < 0.6 * on_new.static_map.kl, "{on_new}");
}

#[test]
fn a_stopped_run_ends_in_the_same_bytes() {
    let dir = tempfile::tempdir().expect("temp dir");
    let clips = make_clips(&dir.path().join("clips"), &Made::default());
    let encoder = EncoderChoice::Pretrained(make_encoder(&dir.path().join("encoder"), &[]));
    let config = GazeConfig { epoch_images: Some(64), ..config(3) };
    let out = |name: &str| -> PathBuf { dir.path().join(name) };
    start(&clips, &encoder, &out("whole"), &config, OnExisting::Refuse, &mut Silent).expect("a predictor");
    let stopped = start(&clips, &encoder, &out("stopped"), &config, OnExisting::Refuse, &mut StopAfter(6, 0));
    assert!(matches!(stopped, Ok(Summary::Interrupted { step: 6 })));
    start(&clips, &encoder, &out("stopped"), &config, OnExisting::Resume, &mut Silent).expect("the rest");
    let files = [
        "weights.safetensors",
        "predictions.safetensors",
        "static_map.safetensors",
        "metrics.json",
        "events.jsonl",
    ];
    assert_same(&out("whole"), &out("stopped"), Stage::Gaze, &files);
}

#[test]
fn frozen_frames_are_left_out_and_counted() {
    let dir = tempfile::tempdir().expect("temp dir");
    let made = Made { subjects: 4, frames: 64, hold: 8, ..Made::default() };
    let clips = make_clips(&dir.path().join("clips"), &made);
    let config = GazeConfig { epoch_images: Some(16), ..config(1) };
    let out = dir.path().join("gaze");
    start(&clips, &EncoderChoice::Random, &out, &config, OnExisting::Refuse, &mut Silent)
        .expect("a predictor");
    let counts = Artifact::open(&out, Stage::Gaze).expect("artifact").manifest.counts;
    let used: u64 = counts.used.values().sum();
    // of every picture's eight frames every second is looked at, and the first of those is kept
    assert_eq!(counts.left_out["frozen frames, equal to the one before"], 3 * used);
    assert_eq!(used + counts.left_out.values().sum::<u64>(), 4 * 64, "no frame is lost: {counts:?}");
}

#[test]
fn a_share_of_the_gaze_is_whole_spans_and_nothing_else_changes() {
    let dir = tempfile::tempdir().expect("temp dir");
    let clips = make_clips(&dir.path().join("clips"), &Made::default());
    let counts = |share: f64, name: &str| {
        let config = GazeConfig { epoch_images: Some(16), label_share: share, ..config(1) };
        let out = dir.path().join(name);
        let random = EncoderChoice::Random;
        start(&clips, &random, &out, &config, OnExisting::Refuse, &mut Silent).expect("a predictor");
        Artifact::open(&out, Stage::Gaze).expect("artifact").manifest.counts
    };
    let (all, few) = (counts(1.0, "all"), counts(0.1, "few"));
    for part in ["validation_frames", "test_frames"] {
        assert_eq!(all.used[part], few.used[part], "{part}");
    }
    let left_out = few.left_out["training frames whose label is not used (label_share 0.1)"];
    assert_eq!(few.used["train_frames"] + left_out, all.used["train_frames"]);
    let share = few.used["train_frames"] as f64 / all.used["train_frames"] as f64;
    assert!((share - 0.1).abs() < 0.05, "{few:?}");
}

#[test]
fn unfit_inputs_get_one_clear_line() {
    let dir = tempfile::tempdir().expect("temp dir");
    let out = dir.path().join("gaze");
    let blind = make_clips(&dir.path().join("blind"), &Made { frames: 16, gaze: false, ..Made::default() });
    let random = EncoderChoice::Random;
    let error =
        start(&blind, &random, &out, &config(1), OnExisting::Refuse, &mut Silent).unwrap_err().to_string();
    assert!(
        error.contains("expected frames with gaze in the recordings of the 5 training subjects"),
        "{error}"
    );
    let encoder =
        EncoderChoice::Pretrained(make_encoder(&dir.path().join("encoder"), &["s0", "s1", "s2", "s3"]));
    let clips = make_clips(&dir.path().join("clips"), &Made { subjects: 4, frames: 16, ..Made::default() });
    let error = start(&clips, &encoder, &out, &config(1), OnExisting::Refuse, &mut Silent).unwrap_err();
    assert!(matches!(error, DownstreamError::SeenSubjects { .. }), "{error}");
    assert!(!dir.path().join("gaze.partial").exists());
}
