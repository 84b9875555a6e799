//! Pretraining from a clips artifact to an encoder, on data small enough to watch.

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device};
use sonovox_artifact::clips::ClipsArtifact;
use sonovox_artifact::{Artifact, OnExisting, Stage};
use sonovox_model::Preset;
use sonovox_ops::{ParamStore, backward};
use sonovox_pretrain::{
    ClusterConfig, Contrastive, Curriculum, FrameAugmentation, Library, LossWeights, Moment, Networks,
    Objective, PacingConfig, PacingKind, Plan, Pool, PretrainConfig, PretrainError, Request, Sampler, Source,
    SpeechAugmentation, Summary, run,
};
use sonovox_study::{Split, SplitConfig, SplitItem};
use sonovox_train::{BatchSource, Keep, Monitor, OptimizerConfig, Silent};
use support::{SPLIT, Speech, request, write_clips};

fn config() -> PretrainConfig {
    let mut config = PretrainConfig { encoder: Preset::Tiny, eval_pairs: 64, ..PretrainConfig::default() };
    config.pairs.window_secs = 1.0;
    config.pairs.groups = 1;
    config.voiced_intervals = 8;
    config.order_intervals = 4;
    config.run.epochs = 2;
    config.run.keep = Keep::Last;
    config.run.optimizer = OptimizerConfig::AdamW { learning_rate: 5e-3, weight_decay: 0.01 };
    config
}

fn pretrain(
    clips: &Path,
    out: &Path,
    config: &PretrainConfig,
    existing: OnExisting,
    monitor: &mut dyn Monitor,
) -> Result<Summary, PretrainError> {
    run(&Request { existing, ..request(clips, out, config, &SPLIT) }, monitor)
}

fn held_out(summary: &Summary, name: &str) -> f64 {
    let Summary::Finished { details, .. } = summary else { panic!("interrupted") };
    details.held_out.iter().find(|(known, _)| known == name).map_or(f64::NAN, |(_, value)| *value)
}

/// A batch of the first `recordings` clips and everything to compute its losses.
fn objective(clips: &Path, config: &PretrainConfig) -> (ParamStore, Networks, Objective, Source) {
    let clips = ClipsArtifact::open(clips).expect("clips");
    let members: Vec<usize> = (0..clips.details.recordings.len()).collect();
    let (library, fragments, _) = Library::open(&clips, &members, &config.pairs).expect("library");
    let sampler = Sampler::new(fragments, &config.pairs, Pool::Voiced, 3);
    let source = Source::new(Arc::new(library), sampler, Plan::new(config), Device::Cpu);
    let store = ParamStore::new(5, DType::F32, &Device::Cpu);
    let networks = Networks::new(config, &store).expect("networks");
    (store, networks, Objective::new(config), source)
}

#[test]
fn after_one_step_every_parameter_has_a_finite_non_zero_gradient() {
    let dir = tempfile::tempdir().expect("dir");
    write_clips(&dir.path().join("clips"), 3, 16, Speech::Matching);
    for contrastive in [Contrastive::InfoNce, Contrastive::Paper] {
        for (encoder, dilated) in [(Preset::Tiny, false), (Preset::Small, true)] {
            let config = PretrainConfig { contrastive, encoder, dilated, ..config() };
            let (store, networks, objective, source) = objective(&dir.path().join("clips"), &config);
            let batch = source.draw(0).expect("batch");
            let losses = objective.losses(&networks, &batch, Moment::TRAIN).expect("losses");
            let gradients = backward(&losses.total).expect("backward");
            for (name, var) in store.params() {
                let gradient = gradients.get(&var).unwrap_or_else(|| panic!("{name}: no gradient"));
                let sum: f32 =
                    gradient.abs().and_then(|g| g.sum_all()).and_then(|g| g.to_scalar()).expect("sum");
                assert!(sum.is_finite() && sum > 0.0, "{contrastive:?} {encoder:?}: {name}: {sum}");
            }
        }
    }
}

/// Trains on the same few batches for a while; mean training L_cont over the last ten steps, and its chance level.
fn overfit(speech: Speech) -> (f64, f64) {
    let dir = tempfile::tempdir().expect("dir");
    write_clips(&dir.path().join("clips"), 8, 16, speech);
    let config = config();
    let (store, networks, objective, source) = objective(&dir.path().join("clips"), &config);
    let optimizer = sonovox_ops::optim::AdamWConfig::default();
    let mut optimizer = sonovox_ops::optim::AdamW::new(store.params(), optimizer).expect("optimiser");
    let mut last = Vec::new();
    for step in 0..150 {
        let batch = source.draw(step).expect("batch");
        let losses = objective.losses(&networks, &batch, Moment::TRAIN).expect("losses");
        let gradients = backward(&losses.total).expect("backward");
        sonovox_ops::optim::Optimizer::step(&mut optimizer, &gradients, 3e-3, 1.0).expect("step");
        let part = |name: &str| losses.parts.iter().find(|(known, _)| *known == name).expect("L_cont").1;
        last.push([part("loss_cont"), part("chance_cont")]);
    }
    let mean = |which: usize| last[140..].iter().map(|values| values[which]).sum::<f64>() / 10.0;
    (mean(0), mean(1))
}

#[test]
fn eight_clips_are_overfitted_and_their_topics_found() {
    let (loss, chance) = overfit(Speech::Matching);
    assert!(loss < 0.6 * chance, "L_cont {loss:.3} of a chance level of {chance:.3}");
}

#[test]
fn a_broken_pairing_stays_at_chance_on_held_out_recordings() {
    let dir = tempfile::tempdir().expect("dir");
    let alignment = |speech, name: &str| {
        let clips = dir.path().join(name);
        write_clips(&clips, 12, 32, speech);
        let config = PretrainConfig { steps_per_epoch: Some(60), ..config() };
        let out = dir.path().join(format!("{name}-encoder"));
        let summary = pretrain(&clips, &out, &config, OnExisting::Refuse, &mut Silent).expect("trained");
        let cont = held_out(&summary, "loss_cont") - held_out(&summary, "chance_cont");
        (held_out(&summary, "alignment_auc"), cont)
    };
    let (true_auc, true_cont) = alignment(Speech::Matching, "true");
    let (broken_auc, broken_cont) = alignment(Speech::Shuffled, "broken");
    assert!(true_auc > 0.85 && true_cont < -0.3, "matching: {true_auc:.3}, {true_cont:.3} from chance");
    assert!(
        (0.3..0.7).contains(&broken_auc) && broken_cont > -0.1,
        "shuffled: {broken_auc:.3}, {broken_cont:.3}"
    );
}

struct StopAfter(u64, u64);
impl Monitor for StopAfter {
    fn step(&mut self, done: u64, _of: u64, _means: &[(String, f64)]) {
        self.1 = done;
    }
    fn interrupted(&self) -> bool {
        self.1 >= self.0
    }
}

#[test]
fn equal_runs_and_resumed_runs_leave_equal_artifacts() {
    stopped_equals_unbroken(&PretrainConfig { steps_per_epoch: Some(5), ..config() });
}

/// The weights of graded pacing depend on all steps before: forgotten affinities would show.
#[test]
fn resumed_runs_of_graded_pacing_and_augmentation_leave_equal_artifacts() {
    let mut config = PretrainConfig { steps_per_epoch: Some(5), ..config() };
    config.pacing = PacingConfig { kind: PacingKind::Graded, warmup: 0.1, ..PacingConfig::default() };
    config.weights.affine = 1.0;
    config.speech_augmentation = SpeechAugmentation {
        speed: 0.1,
        tilt: 0.3,
        noise: 0.2,
        mix_share: 0.3,
        ..config.speech_augmentation
    };
    config.frame_augmentation =
        FrameAugmentation { mirror: true, rotation_degrees: 5.0, ..config.frame_augmentation };
    stopped_equals_unbroken(&config);
}

/// Clusters are found twice a run, here of two streams that both learn: forgotten ones, or ones found anew from later weights, would
/// show.
#[test]
fn resumed_runs_of_clusters_leave_equal_artifacts() {
    let mut config = PretrainConfig { steps_per_epoch: Some(5), ..config() };
    config.weights =
        LossWeights { cont: 1.0, ord: 1.0, video_clusters: 1.0, speech_clusters: 1.0, ..LossWeights::none() };
    config.clusters = ClusterConfig { count: 6, rounds: 2 };
    stopped_equals_unbroken(&config);
    // one stream after the other, as in `ours`
    config.curriculum = Curriculum { video_alone: 0.25, speech_alone: 0.4 };
    stopped_equals_unbroken(&config);
}

/// Where every other interval's speech is about something else, a run finds out which: the affinity that it keeps of an interval is that
/// of its own pairs.
#[test]
fn intervals_of_unrelated_speech_end_with_less_affinity() {
    let dir = tempfile::tempdir().expect("dir");
    let (clips, out) = (dir.path().join("clips"), dir.path().join("out"));
    write_clips(&clips, 12, 48, Speech::HalfShuffled);
    let mut config = PretrainConfig { steps_per_epoch: Some(200), ..config() };
    config.weights = LossWeights { cont: 1.0, ..LossWeights::none() };
    config.run.epochs = 1;
    config.pacing =
        PacingConfig { kind: PacingKind::Graded, warmup: 0.2, memory: 0.5, ..PacingConfig::default() };
    let stopped = pretrain(&clips, &out, &config, OnExisting::Refuse, &mut StopAfter(199, 0));
    assert!(matches!(stopped, Ok(Summary::Interrupted { step: 199 })));
    let state = out.with_extension("partial").join("checkpoint/000000199/task.safetensors");
    let state = candle_core::safetensors::load(state, &Device::Cpu).expect("a checkpoint");
    let affinity: Vec<f64> = state["affinity"].to_vec1().expect("numbers");
    assert!(affinity.len() >= 4 * 24, "24 intervals to a recording");
    // recordings have an even number of intervals
    let of = |first: usize| {
        affinity.iter().skip(first).step_by(2).copied().filter(|a| !a.is_nan()).collect::<Vec<_>>()
    };
    let (related, unrelated) = (of(0), of(1));
    let above = |a: &f64| unrelated.iter().filter(|b| a > b).count();
    let area = related.iter().map(above).sum::<usize>() as f64 / (related.len() * unrelated.len()) as f64;
    println!("{} related against {} unrelated intervals: {area:.3}", related.len(), unrelated.len());
    assert!(area > 0.8, "{area:.3}");
}

fn stopped_equals_unbroken(config: &PretrainConfig) {
    let dir = tempfile::tempdir().expect("dir");
    let clips = dir.path().join("clips");
    write_clips(&clips, 6, 16, Speech::Matching);
    let out = |name: &str| dir.path().join(name);
    for name in ["a", "b"] {
        pretrain(&clips, &out(name), config, OnExisting::Refuse, &mut Silent).expect("trained");
    }
    let stopped = pretrain(&clips, &out("c"), config, OnExisting::Refuse, &mut StopAfter(3, 0));
    assert!(matches!(stopped, Ok(Summary::Interrupted { step: 3 })));
    assert!(!out("c").exists(), "nothing half-written looks finished");
    let again = pretrain(&clips, &out("c"), config, OnExisting::Refuse, &mut Silent)
        .map(|_| ())
        .expect_err("refused");
    assert!(again.to_string().contains("--resume"), "{again}");
    pretrain(&clips, &out("c"), config, OnExisting::Resume, &mut Silent).expect("resumed");
    let hash = |name: &str| {
        let artifact = Artifact::open(&out(name), Stage::Pretrain).expect("artifact");
        artifact.verify().expect("whole");
        artifact.hash()
    };
    assert_eq!(hash("a"), hash("b"));
    assert_eq!(hash("a"), hash("c"));
    let weights = |name: &str| fs::read(out(name).join("encoder.safetensors")).expect("weights");
    assert_eq!(weights("a"), weights("c"));
    let events = |name: &str| fs::read_to_string(out(name).join("events.jsonl")).expect("events");
    assert_eq!(events("a"), events("c"));
    let paced = events("a").lines().filter(|line| line.contains("weight_bin_9")).count();
    assert_eq!(paced, if config.pacing.kind == PacingKind::Graded { 2 } else { 0 });
}

#[test]
fn silent_recordings_train_frame_order_only() {
    let dir = tempfile::tempdir().expect("dir");
    let clips = dir.path().join("clips");
    write_clips(&clips, 4, 16, Speech::Silent);
    let config = PretrainConfig { steps_per_epoch: Some(3), ..config() };
    let summary =
        pretrain(&clips, &dir.path().join("out"), &config, OnExisting::Refuse, &mut Silent).expect("trained");
    assert!(held_out(&summary, "loss_ord").is_finite() && held_out(&summary, "loss_cont").is_nan());
    let Summary::Finished { details, .. } = &summary else { panic!("finished") };
    assert!(details.best.is_none(), "the last weights are kept, whichever were best");

    let mut pairs_only = config;
    pairs_only.weights.ord = 0.0;
    let error = pretrain(&clips, &dir.path().join("none"), &pairs_only, OnExisting::Refuse, &mut Silent);
    let error = error.map(|_| ()).expect_err("nothing to train on").to_string();
    assert!(error.contains("nothing to train on") && error.contains("0 are voiced"), "{error}");
}

#[test]
fn test_subjects_are_never_looked_at() {
    let dir = tempfile::tempdir().expect("dir");
    let clips = dir.path().join("clips");
    write_clips(&clips, 8, 16, Speech::Matching);
    let config = PretrainConfig { steps_per_epoch: Some(2), ..config() };
    let summary =
        pretrain(&clips, &dir.path().join("out"), &config, OnExisting::Refuse, &mut Silent).expect("trained");
    let Summary::Finished { details, .. } = summary else { panic!("finished") };
    let subjects: Vec<_> = (0..8).map(|i| format!("s{i}")).collect();
    let items: Vec<_> =
        subjects.iter().map(|subject| SplitItem { subject, ..SplitItem::default() }).collect();
    let split = SPLIT.split(&items).expect("split");
    let looked_at = details.train_subjects.iter().chain(&details.validation_subjects);
    assert!(looked_at.clone().all(|subject| split.of(subject) != Some(Split::Test)));
    assert_eq!(looked_at.count(), 6);
}

#[test]
fn with_folds_the_tested_one_is_never_opened() {
    let dir = tempfile::tempdir().expect("dir");
    let clips = dir.path().join("clips");
    write_clips(&clips, 8, 16, Speech::Matching);
    let config = PretrainConfig { steps_per_epoch: Some(1), ..config() };
    let folds = SplitConfig { validation: 0.25, folds: 4, seed: 1, ..SplitConfig::default() };
    let mut tested = Vec::new();
    for fold in 0..4 {
        let (out, split) = (dir.path().join(format!("fold-{fold}")), SplitConfig { fold, ..folds });
        let request = request(&clips, &out, &config, &split);
        let Summary::Finished { details, .. } = run(&request, &mut Silent).expect("trained") else {
            panic!("finished")
        };
        let looked_at = [details.train_subjects, details.validation_subjects].concat();
        let left = (0..8).map(|i| format!("s{i}")).filter(|subject| !looked_at.contains(subject));
        tested.extend(left);
        assert_eq!((looked_at.len(), tested.len()), (6, 2 * (fold as usize + 1)));
    }
    tested.sort();
    assert!(tested.iter().cloned().eq((0..8).map(|i| format!("s{i}"))), "{tested:?}");
}

#[test]
fn too_few_subjects_and_bad_settings_are_refused_before_any_work() {
    let dir = tempfile::tempdir().expect("dir");
    let clips = dir.path().join("clips");
    write_clips(&clips, 2, 8, Speech::Matching);
    let out = dir.path().join("out");
    let few =
        pretrain(&clips, &out, &config(), OnExisting::Refuse, &mut Silent).map(|_| ()).expect_err("too few");
    assert!(few.to_string().contains("subject"), "{few}");
    let mut bad = config();
    bad.pairs.voiced_share = 1.5;
    let bad =
        pretrain(&clips, &out, &bad, OnExisting::Refuse, &mut Silent).map(|_| ()).expect_err("bad setting");
    assert!(bad.to_string().contains("voiced_share") && bad.to_string().contains("1.5"), "{bad}");
    assert!(!out.exists() && !dir.path().join("out.partial").exists());
}

#[test]
fn alarms_reach_the_log_and_the_summary() {
    let dir = tempfile::tempdir().expect("dir");
    let (clips, out) = (dir.path().join("clips"), dir.path().join("out"));
    write_clips(&clips, 12, 32, Speech::Matching);
    // as cold as it may get from the start
    let config = PretrainConfig { steps_per_epoch: Some(2), temperature: 0.01, ..config() };
    let summary = pretrain(&clips, &out, &config, OnExisting::Refuse, &mut Silent).expect("trained");
    for name in ["train_recording_recall_unrelated", "effective_rank_video", "alignment_auc_within_recording"]
    {
        assert!(held_out(&summary, name).is_finite(), "{name}");
    }
    let said = summary.to_string();
    assert!(said.contains("alarm: temperature_at_bound"), "{said}");
    let events = fs::read_to_string(out.join("events.jsonl")).expect("events");
    assert!(events.lines().any(|line| line.contains("\"alarm\"") && line.contains("temperature_at_bound")));
}
