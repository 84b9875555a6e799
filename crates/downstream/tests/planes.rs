//! Plane detection from end to end on made clips.

mod support;

use std::path::{Path, PathBuf};

use candle_core::Device;
use rand::Rng;
use sonovox_artifact::{OnExisting, Stage};
use sonovox_downstream::planes::{PlaneAugmentation, PlaneReport, PlanesConfig, evaluate, finetune};
use sonovox_downstream::{DownstreamError, EncoderChoice, EvalRequest, FinetuneRequest, Summary};
use sonovox_model::{PlaneHeadConfig, Preset};
use sonovox_study::SplitConfig;
use sonovox_train::{Monitor, Schedule, Silent};
use support::{Made, StopAfter, assert_same, make_clips, make_encoder, manifest, metrics};

const SPLIT: SplitConfig = SplitConfig { validation: 0.2, test: 0.3, seed: 4, folds: 0, fold: 0 };

/// The recipe of the source on a net that a test can afford: SGD at 0.01 times 4 for a random encoder, fewer epochs.
/// Bars keep their direction, so they are hardly rotated.
fn config(epochs: u32) -> PlanesConfig {
    let mut config = PlanesConfig {
        encoder: Preset::Tiny,
        head: PlaneHeadConfig { hidden: 32, ..PlaneHeadConfig::default() },
        every_nth_frame: 2,
        epoch_images: 256,
        augmentation: PlaneAugmentation { rotation_degrees: 5.0, ..PlaneAugmentation::default() },
        ..PlanesConfig::default()
    };
    config.run.epochs = epochs;
    config.run.schedule = Schedule::Cosine { warmup: 0.05, floor: 0.0 };
    config
}

struct Run<'a> {
    clips: &'a Path,
    encoder: EncoderChoice,
    out: PathBuf,
    config: PlanesConfig,
    split: SplitConfig,
    existing: OnExisting,
}

impl<'a> Run<'a> {
    fn random(clips: &'a Path, out: PathBuf, config: PlanesConfig) -> Self {
        Self {
            clips,
            encoder: EncoderChoice::Random,
            out,
            config,
            split: SPLIT,
            existing: OnExisting::Refuse,
        }
    }

    fn start(&self, monitor: &mut dyn Monitor) -> Result<Summary<PlaneReport>, DownstreamError> {
        let request = FinetuneRequest {
            clips: self.clips,
            encoder: &self.encoder,
            out: &self.out,
            config: &self.config,
            split: &self.split,
            seed: 7,
            device: Device::Cpu,
            existing: self.existing,
        };
        finetune(&request, monitor)
    }

    fn error(&self) -> String {
        self.start(&mut Silent).expect_err("must be refused").to_string()
    }
}

fn report(summary: Summary<PlaneReport>) -> PlaneReport {
    match summary {
        Summary::Finished { report, .. } => *report,
        Summary::Interrupted { step } => panic!("stopped at {step}"),
    }
}

fn evaluated(
    model: &Path,
    clips: Option<&Path>,
    out: &Path,
) -> Result<Summary<PlaneReport>, DownstreamError> {
    let (device, existing) = (Device::Cpu, OnExisting::Refuse);
    evaluate(&EvalRequest { model, clips, out, allow_seen_subjects: false, device, existing })
}

#[test]
fn shapes_are_told_apart_and_evaluation_repeats_the_figures() {
    let dir = tempfile::tempdir().expect("temp dir");
    let clips = make_clips(&dir.path().join("clips"), &Made::default());
    let run = Run::random(&clips, dir.path().join("planes"), config(20));
    let summary = run.start(&mut Silent).expect("a detector");
    println!("{summary}");
    let found = report(summary);
    assert!(found.macro_scores.f1 > 0.9, "{found}");
    assert!(found.majority.macro_f1 < 0.2 && found.guessing.macro_f1 < 0.3, "{found}");

    let json = metrics(&run.out);
    assert_eq!(json["macro"]["f1"], found.macro_scores.f1);
    assert_eq!(json["confusion"].as_array().expect("rows").len(), 4);
    let support = json["per_class"]["disc"]["support"].as_u64().expect("support");
    assert_eq!(
        support,
        json["confusion"][2].as_array().expect("row").iter().filter_map(|v| v.as_u64()).sum::<u64>()
    );
    assert_eq!(json["tested"]["subjects"], 3);
    assert!(json["notes"][0].as_str().expect("a note").contains("simulated"));

    for (name, clips) in [("again", None), ("named", Some(clips.as_path()))] {
        let out = dir.path().join(name);
        assert_eq!(report(evaluated(&run.out, clips, &out).expect("evaluation")), found);
        assert_same_predictions(&run.out, &out);
    }
    other_studies(&run.out, dir.path());
}

fn assert_same_predictions(a: &Path, b: &Path) {
    let bytes = |dir: &Path| std::fs::read(dir.join("predictions.safetensors")).expect("predictions");
    assert_eq!(bytes(a), bytes(b));
    assert_eq!(metrics(a), metrics(b));
}

/// A held-out study is evaluated as a whole; one with the training subjects' names is refused.
fn other_studies(model: &Path, dir: &Path) {
    let new = make_clips(&dir.join("new"), &Made { subjects: 3, seed: 2, prefix: "n", ..Made::default() });
    let found = report(evaluated(model, Some(&new), &dir.join("on-new")).expect("evaluation"));
    assert_eq!((found.tested.subjects, found.tested.frames), (3, 3 * 48));
    assert!(found.macro_scores.f1 > 0.9, "{found}");

    let same = make_clips(&dir.join("same"), &Made { seed: 3, ..Made::default() });
    let error = evaluated(model, Some(&same), &dir.join("on-same")).unwrap_err();
    assert!(
        matches!(&error, DownstreamError::SeenSubjects { subjects, .. } if subjects.len() == 7),
        "{error}"
    );
    let error = evaluated(&dir.join("on-new"), None, &dir.join("twice")).unwrap_err().to_string();
    assert!(error.contains("left by eval-planes"), "{error}");
}

#[test]
fn labels_drawn_at_random_stay_near_chance() {
    let dir = tempfile::tempdir().expect("temp dir");
    let made = Made { label: |_, rng| rng.random_range(0..4), ..Made::default() };
    let clips = make_clips(&dir.path().join("clips"), &made);
    let run = Run::random(&clips, dir.path().join("planes"), config(4));
    let found = report(run.start(&mut Silent).expect("a detector"));
    assert!(found.macro_scores.f1 < 0.4, "{found}");
}

#[test]
fn a_stopped_run_ends_in_the_same_bytes() {
    let dir = tempfile::tempdir().expect("temp dir");
    let clips = make_clips(&dir.path().join("clips"), &Made::default());
    let encoder = EncoderChoice::Pretrained(make_encoder(&dir.path().join("encoder"), &[]));
    let small = PlanesConfig { epoch_images: 64, ..config(3) };
    let of = |name: &str| Run {
        encoder: encoder.clone(),
        ..Run::random(&clips, dir.path().join(name), small.clone())
    };
    let whole = of("whole");
    whole.start(&mut Silent).expect("a detector");

    let mut stopped = of("stopped");
    let summary = stopped.start(&mut StopAfter(6, 0)).expect("stopped");
    assert!(matches!(summary, Summary::Interrupted { step: 6 }));
    assert!(stopped.error().contains("--resume"), "an unfinished run is not overwritten by a slip");
    stopped.existing = OnExisting::Resume;
    stopped.start(&mut Silent).expect("the rest");
    let files = ["weights.safetensors", "predictions.safetensors", "metrics.json", "events.jsonl"];
    assert_same(&whole.out, &stopped.out, Stage::Planes, &files);
    assert!(!stopped.out.join("scratch").exists());
    assert!(stopped.error().contains("already complete"));
}

#[test]
fn an_encoder_that_has_seen_the_test_subjects_is_refused() {
    let dir = tempfile::tempdir().expect("temp dir");
    let clips = make_clips(&dir.path().join("clips"), &Made { frames: 16, ..Made::default() });
    let all: Vec<String> = (0..10).map(|subject| format!("s{subject}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let encoder = EncoderChoice::Pretrained(make_encoder(&dir.path().join("encoder"), &all));
    let small = PlanesConfig { epoch_images: 32, ..config(1) };
    let mut run = Run { encoder, ..Run::random(&clips, dir.path().join("planes"), small) };
    let error = run.start(&mut Silent).unwrap_err();
    assert!(
        matches!(&error, DownstreamError::SeenSubjects { subjects, .. } if subjects.len() == 3),
        "{error}"
    );
    assert!(!run.out.with_file_name("planes.partial").exists(), "refused before any work");
    run.config.allow_seen_subjects = true;
    run.start(&mut Silent).expect("allowed");
}

#[test]
fn each_fold_tests_its_own_subjects_and_refuses_the_encoder_of_another() {
    let dir = tempfile::tempdir().expect("temp dir");
    let clips = make_clips(&dir.path().join("clips"), &Made { frames: 16, folds: 3, ..Made::default() });
    let of_fold = |fold| (0..10).filter(|i| i % 3 == fold).map(|i| format!("s{i}")).collect::<Vec<_>>();
    let small = PlanesConfig { epoch_images: 32, ..config(1) };
    let split = |fold| SplitConfig { folds: 3, fold, ..SPLIT };
    let run = Run { split: split(1), ..Run::random(&clips, dir.path().join("fold-1"), small.clone()) };
    run.start(&mut Silent).expect("a detector");
    let tested = &manifest(&run.out)["details"]["test_subjects"];
    assert_eq!(*tested, serde_json::json!(of_fold(1)));
    assert_eq!(manifest(&run.out)["config"]["split"]["fold"], 1);

    // an encoder of fold 1 was trained on subjects of fold 2
    let seen = of_fold(2);
    let seen: Vec<_> = seen.iter().map(String::as_str).collect();
    let encoder = EncoderChoice::Pretrained(make_encoder(&dir.path().join("encoder"), &seen));
    let fold = |fold, name: &str| Run {
        encoder: encoder.clone(),
        split: split(fold),
        ..Run::random(&clips, dir.path().join(name), small.clone())
    };
    fold(1, "same").start(&mut Silent).expect("the encoder's own fold");
    let error = fold(2, "other").error();
    assert!(error.contains("found 3: s2, s5, s8; use the same [split], with the same fold"), "{error}");
}

#[test]
fn without_validation_subjects_the_last_weights_are_kept_and_said_so() {
    let dir = tempfile::tempdir().expect("temp dir");
    let clips = make_clips(&dir.path().join("clips"), &Made { frames: 16, ..Made::default() });
    let small = PlanesConfig { epoch_images: 32, ..config(2) };
    let mut run = Run::random(&clips, dir.path().join("planes"), small);
    run.split.validation = 0.0;
    match run.start(&mut Silent).expect("a detector") {
        Summary::Finished { best: None, report, .. } => {
            assert!(report.notes.iter().any(|note| note.contains("after the last step")), "{report}");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_share_of_the_labels_is_whole_visits_of_training_frames_and_nothing_else_changes() {
    let dir = tempfile::tempdir().expect("temp dir");
    let clips = make_clips(&dir.path().join("clips"), &Made { hold: 6, ..Made::default() });
    let counts = |share: f64, name: &str| {
        let small = PlanesConfig { epoch_images: 32, label_share: share, ..config(1) };
        let run = Run::random(&clips, dir.path().join(name), small);
        run.start(&mut Silent).expect("a detector");
        (manifest(&run.out)["counts"].clone(), manifest(&run.out)["details"]["train_support"].clone())
    };
    let ((all, _), (few, support)) = (counts(1.0, "all"), counts(0.2, "few"));
    for part in ["validation_frames", "test_frames"] {
        assert_eq!(all["used"][part], few["used"][part], "{part}");
    }
    let (of_all, of_few) = (all["used"]["train_frames"].as_u64(), few["used"]["train_frames"].as_u64());
    let (of_all, of_few) = (of_all.expect("a count"), of_few.expect("a count"));
    assert!((of_few as f64 / of_all as f64 - 0.2).abs() < 0.05, "{of_few} of {of_all}");
    let left_out = &few["left_out"]["training frames whose label is not used (label_share 0.2)"];
    assert_eq!(*left_out, of_all - of_few);
    // a picture is held for six frames, of which three are used: every span is at least that long
    assert!(few["used"]["train_spans"].as_u64().expect("a count") <= of_few / 3, "{few}");
    assert!(support.as_array().expect("planes").iter().all(|frames| frames.as_u64() >= Some(3)), "{support}");
    assert!(all["used"].get("train_spans").is_none());
}

#[test]
fn unfit_inputs_get_one_clear_line() {
    let dir = tempfile::tempdir().expect("temp dir");
    let out = |name: &str| dir.path().join(name);
    let of = |name: &str, label| make_clips(&out(name), &Made { frames: 16, label, ..Made::default() });
    let none = of("none", |_, _| -1);
    let error = Run::random(&none, out("p"), config(1)).error();
    assert!(
        error.contains("expected frames with a plane in the recordings of the 5 training subjects"),
        "{error}"
    );
    let one = of("one", |_, _| 2);
    let error = Run::random(&one, out("p"), config(1)).error();
    assert!(error.contains("at least two planes, found all 40 of \"disc\""), "{error}");
    let bad = of("bad", |_, _| 9);
    assert!(Run::random(&bad, out("p"), config(1)).error().contains("plane numbers below 4, found 9"));
    let few = make_clips(&out("few"), &Made { subjects: 2, frames: 8, ..Made::default() });
    assert!(Run::random(&few, out("p"), config(1)).error().contains("at least one subject each"));
    let encoder = EncoderChoice::Pretrained(none.clone());
    let error = Run { encoder, ..Run::random(&few, out("p"), config(1)) }.error();
    assert!(error.contains("expected a pretrain artifact, found a clips artifact"), "{error}");
    assert!(!out("p").exists() && !out("p.partial").exists());
}
