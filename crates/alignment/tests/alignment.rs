//! Evaluation of an encoder that has learned which words go with which image, and of one that has not.

#[path = "../../pretrain/tests/support/mod.rs"]
mod clips;

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::Device;
use clips::{BANDS, HEIGHT, HOP_SECS, Speech, TOPIC_SECS, WIDTH, write_clips};
use half::f16;
use serde_json::{Value, json};
use sonovox_alignment::{AlignmentConfig, AlignmentError, AlignmentReport, Request, evaluate};
use sonovox_artifact::OnExisting;
use sonovox_artifact::clips::{ClipReader, ClipsArtifact};
use sonovox_model::Preset;
use sonovox_pretrain::{LossWeights, PretrainConfig};
use sonovox_study::SplitConfig;
use sonovox_train::{Keep, OptimizerConfig, Silent};

const SPLIT: SplitConfig = SplitConfig { validation: 0.2, test: 0.4, seed: 1, folds: 0, fold: 0 };

fn pretrained(clips: &Path, out: PathBuf, steps: u64) -> PathBuf {
    pretrained_by(LossWeights { cont: 1.0, ..LossWeights::none() }, clips, out, steps)
}

fn pretrained_by(weights: LossWeights, clips: &Path, out: PathBuf, steps: u64) -> PathBuf {
    let mut config = PretrainConfig { encoder: Preset::Tiny, eval_pairs: 16, ..PretrainConfig::default() };
    config.weights = weights;
    config.pairs.window_secs = 1.0;
    config.pairs.groups = 1;
    config.voiced_intervals = 16;
    // two epochs where there are steps for them
    config.run.epochs = if steps > 1 { 2 } else { 1 };
    config.steps_per_epoch = Some(steps / u64::from(config.run.epochs));
    config.run.keep = Keep::Last;
    config.run.optimizer = OptimizerConfig::AdamW { learning_rate: 1e-2, weight_decay: 0.0 };
    let request = sonovox_pretrain::Request {
        clips,
        out: &out,
        config: &config,
        split: &SPLIT,
        seed: 5,
        device: Device::Cpu,
        existing: OnExisting::Refuse,
        snapshots: steps > 1,
    };
    sonovox_pretrain::run(&request, &mut Silent).expect("trained");
    out
}

/// What is seen and what is heard of each topic's time, read back from the clip.
fn topics(clip: &ClipReader) -> Vec<(usize, usize)> {
    let rows = (TOPIC_SECS as f64 / HOP_SECS) as usize;
    let (mut grey, mut mel) = (vec![0; HEIGHT * WIDTH], vec![f16::ZERO; BANDS]);
    let most =
        |values: Vec<f32>| (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b])).expect("some");
    let times = clip.mel_frames() / rows;
    let topic = |time: usize, grey: &mut [u8], mel: &mut [f16]| {
        clip.read_frame(time * clip.frames() / times + 1, grey).expect("a frame");
        clip.read_mel(time * rows + rows / 2..time * rows + rows / 2 + 1, mel).expect("a row");
        let stripe =
            |at: usize| grey[at * 4 * WIDTH..(at + 1) * 4 * WIDTH].iter().map(|&v| f32::from(v)).sum();
        let tone = |at: usize| mel[at * 4..(at + 1) * 4].iter().map(|&v| f32::from(v)).sum();
        (most((0..8).map(stripe).collect()), most((0..8).map(tone).collect()))
    };
    (0..times).map(|time| topic(time, &mut grey, &mut mel)).collect()
}

/// A truth in which speech that names another topic than the one on the screen is small talk.
fn write_truth(clips: &Path, out: &Path) {
    let clips = ClipsArtifact::open(clips).expect("clips");
    let of = |at: usize| {
        let times = |time: usize| (time * TOPIC_SECS, (time + 1) * TOPIC_SECS);
        let (mut spans, mut said) = (Vec::new(), Vec::new());
        for (time, (seen, heard)) in topics(&clips.reader(at).expect("a clip")).into_iter().enumerate() {
            let (start, end) = times(time);
            let related = seen == heard;
            let label = if related { format!("topic-{heard}") } else { "chat".to_owned() };
            spans.push(json!({"start_secs": start, "end_secs": end, "plane": format!("topic-{seen}")}));
            said.push(json!({"start_secs": start, "end_secs": end, "related": related, "label": label, "text": "?"}));
        }
        json!({"recording": format!("r{at}"), "plane_spans": spans, "utterances": said})
    };
    let recordings: Vec<Value> = (0..clips.details.recordings.len()).map(of).collect();
    fs::write(out, json!({"what": "made", "recordings": recordings}).to_string()).expect("written");
}

fn evaluated(
    encoder: &Path,
    clips: &Path,
    truth: Option<&Path>,
    out: &Path,
    allow: bool,
) -> Result<AlignmentReport, AlignmentError> {
    let config = AlignmentConfig { allow_seen_subjects: allow, ..AlignmentConfig::default() };
    let (split, device, existing) = (&SPLIT, Device::Cpu, OnExisting::Refuse);
    let over_epochs = encoder.join("snapshots").is_dir();
    let request =
        Request { encoder, clips, truth, out, config: &config, split, device, existing, over_epochs };
    Ok(evaluate(&request)?.report)
}

#[test]
fn content_is_told_from_small_talk_only_where_it_was_learned() {
    let dir = tempfile::tempdir().expect("dir");
    let out = |name: &str| dir.path().join(name);
    write_clips(&out("clips"), 10, 48, Speech::Matching);
    write_clips(&out("mixed"), 10, 48, Speech::Shuffled);
    write_truth(&out("mixed"), &out("truth.json"));
    let trained = pretrained(&out("clips"), out("trained"), 250);
    let fresh = pretrained(&out("clips"), out("fresh"), 1);

    let found = evaluated(&trained, &out("clips"), None, &out("eval-clips"), false).expect("figures");
    println!("{found}");
    assert!(found.retrieval.alignment_auc > 0.85, "{found}");
    assert!(found.affinity.is_none() && found.notes.iter().any(|note| note.contains("no truth")), "{found}");

    let truth = out("truth.json");
    let mixed = |encoder: &Path, name: &str| {
        evaluated(encoder, &out("mixed"), Some(&truth), &out(name), true).expect("figures")
    };
    let (trained, fresh) = (mixed(&trained, "eval-trained"), mixed(&fresh, "eval-fresh"));
    println!("{trained}\n{fresh}");
    let auc =
        |report: &AlignmentReport| report.affinity.and_then(|affinity| affinity.auc).expect("both kinds");
    assert!(auc(&trained) > 0.9, "{trained}");
    assert!(auc(&fresh) < 0.75, "{fresh}");
    let phrases =
        |report: &AlignmentReport| report.phrases.and_then(|p| p.auc_video_to_speech).expect("moments");
    assert!(phrases(&trained) > 0.9 && phrases(&fresh) < 0.75, "{trained}\n{fresh}");

    // the last epoch's weights are those that it kept, the first's are others
    let [first, last] = trained.over_epochs[..] else { panic!("two epochs: {trained}") };
    assert_eq!((first.epoch, last.epoch), (1, 2));
    assert_eq!(last.affinity_auc, trained.affinity.and_then(|affinity| affinity.auc));
    assert_eq!(last.alignment_auc, trained.retrieval.alignment_auc);
    assert!(first.alignment_auc != last.alignment_auc, "{trained}");
    assert!(fresh.over_epochs.is_empty(), "{fresh}");

    let text = fs::read_to_string(out("eval-trained").join("metrics.json")).expect("figures");
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["affinity"]["auc"], auc(&trained));
    assert_eq!(json["retrieval"]["speech_to_video"]["recall"][0]["k"], 1);
    let text = fs::read_to_string(out("eval-trained").join("manifest.json")).expect("a manifest");
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&json["stage"], &json["inputs"][2]["stage"]), (&json!("alignment"), &json!("truth")));
}

/// Frames and speech are compared by what was trained to do so: the projections of an encoder that had L_cls alone were never trained to
/// have cosines, and one that had L_sync alone has none.
#[test]
fn each_loss_is_judged_by_what_it_trained() {
    let dir = tempfile::tempdir().expect("dir");
    let out = |name: &str| dir.path().join(name);
    write_clips(&out("clips"), 10, 48, Speech::Matching);
    let of = |name: &str, weights: LossWeights| {
        let encoder = pretrained_by(weights, &out("clips"), out(name), 250);
        let report = evaluated(&encoder, &out("clips"), None, &out(&format!("eval-{name}")), false);
        report.map(|report| report.retrieval.alignment_auc)
    };
    let cls = of("cls", LossWeights { cls: 1.0, ..LossWeights::none() }).expect("figures");
    let sync = of("sync", LossWeights { sync: 1.0, ..LossWeights::none() }).expect("figures");
    println!("L_cls {cls:.3}, L_sync {sync:.3}");
    assert!(cls > 0.8 && sync > 0.8, "L_cls {cls:.3}, L_sync {sync:.3}");
    let error =
        of("ord", LossWeights { ord: 1.0, ..LossWeights::none() }).expect_err("nothing to judge").to_string();
    assert!(error.contains("ord: expected an encoder trained to compare frames with speech"), "{error}");
}

#[test]
fn seen_subjects_and_another_studys_truth_are_refused() {
    let dir = tempfile::tempdir().expect("dir");
    let out = |name: &str| dir.path().join(name);
    write_clips(&out("clips"), 10, 16, Speech::Matching);
    let encoder = pretrained(&out("clips"), out("encoder"), 1);
    let other = SplitConfig { seed: 2, ..SPLIT };
    let config = AlignmentConfig::default();
    let mut request = Request {
        encoder: &encoder,
        clips: &out("clips"),
        truth: None,
        out: &out("eval"),
        config: &config,
        split: &other,
        device: Device::Cpu,
        existing: OnExisting::Refuse,
        over_epochs: false,
    };
    let error = evaluate(&request).expect_err("refused").to_string();
    assert!(error.contains("expected test subjects that it was not trained on"), "{error}");
    request.split = &SPLIT;
    request.over_epochs = true;
    let error = evaluate(&request).expect_err("refused").to_string();
    assert!(error.contains("encoder: expected the weights of every epoch, found none"), "{error}");
    request.over_epochs = false;
    fs::write(out("truth.json"), r#"{"recordings": []}"#).expect("written");
    let truth = out("truth.json");
    request.truth = Some(&truth);
    let error = evaluate(&request).expect_err("refused").to_string();
    assert!(error.contains("found none of recording"), "{error}");
    fs::write(&truth, "[]").expect("written");
    let error = evaluate(&request).expect_err("refused").to_string();
    assert!(error.contains("expected the truth.json of a simulated study"), "{error}");
}
