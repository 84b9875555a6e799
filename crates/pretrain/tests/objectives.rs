//! Each loss alone: it overfits eight clips, and it can be left out.

mod support;

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device};
use sonovox_artifact::clips::ClipsArtifact;
use sonovox_model::ProjectionConfig;
use sonovox_ops::optim::{AdamW, AdamWConfig, Optimizer};
use sonovox_ops::{ParamStore, backward};
use sonovox_pretrain::{
    ClusterConfig, Clusters, Computed, Contrastive, Curriculum, Join, Library, LossWeights, Moment,
    Negatives, Networks, Objective, Plan, Pool, PretrainConfig, Sampler, Source,
};
use sonovox_train::BatchSource;
use support::{Speech, config, write_clips};

/// Steps of a run, for what follows a curriculum.
const STEPS: u64 = 10;

struct Trained {
    store: ParamStore,
    networks: Networks,
    objective: Objective,
    source: Source,
}

fn made(clips: &Path, config: &PretrainConfig) -> Trained {
    config.validate().expect("settings");
    let clips = ClipsArtifact::open(clips).expect("clips");
    let members: Vec<usize> = (0..clips.details.recordings.len()).collect();
    let (library, fragments, _) = Library::open(&clips, &members, &config.pairs).expect("library");
    let sampler = Sampler::new(fragments, &config.pairs, Pool::Voiced, 3);
    let source = Source::new(
        Arc::new(library),
        sampler,
        Plan::new(config).over(config.curriculum, STEPS),
        Device::Cpu,
    );
    let store = ParamStore::new(5, DType::F32, &Device::Cpu);
    let networks = Networks::new(config, &store).expect("networks");
    Trained { store, networks, objective: Objective::new(config), source }
}

/// Trains on the same two batches again and again; the last value of `loss` on them, and its chance level.
fn overfit(clips: &Path, config: &PretrainConfig, loss: &str, steps: u64) -> (f64, f64) {
    let Trained { store, networks, objective, source } = made(clips, config);
    let mut optimizer = AdamW::new(store.params(), AdamWConfig::default()).expect("optimiser");
    let mut last = [[0.0; 2]; 2];
    for step in 0..steps {
        let batch = source.draw(step % 2).expect("batch");
        let losses = objective.losses(&networks, &batch, Moment::TRAIN).expect("losses");
        optimizer.step(&backward(&losses.total).expect("backward"), 3e-3, 1.0).expect("step");
        last[(step % 2) as usize] = ["loss", "chance"].map(|what| part(&losses, &format!("{what}_{loss}")));
    }
    ((last[0][0] + last[1][0]) / 2.0, (last[0][1] + last[1][1]) / 2.0)
}

fn part(losses: &Computed, name: &str) -> f64 {
    losses.parts.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}")).1
}

/// Every loss by the name it is logged under.
fn alone() -> Vec<(&'static str, LossWeights)> {
    let none = LossWeights::none;
    vec![
        ("cls", LossWeights { cls: 1.0, ..none() }),
        ("cont", LossWeights { cont: 1.0, ..none() }),
        ("ord", LossWeights { ord: 1.0, ..none() }),
        ("affine", LossWeights { affine: 1.0, ..none() }),
        ("sync", LossWeights { sync: 1.0, ..none() }),
        ("graph_intra", LossWeights { graph_intra: 1.0, ..none() }),
        ("graph_inter", LossWeights { graph_inter: 1.0, ..none() }),
        ("snippets", LossWeights { snippets: 1.0, ..none() }),
        ("video_views", LossWeights { video_views: 1.0, ..none() }),
        // not quite alone: the video encoder has to learn from something
        ("speech_views", LossWeights { speech_views: 1.0, video_views: 1.0, ..none() }),
    ]
}

#[test]
fn each_loss_alone_overfits_eight_clips() {
    let dir = tempfile::tempdir().expect("dir");
    let clips = dir.path().join("clips");
    write_clips(&clips, 8, 16, Speech::Matching);
    for (loss, weights) in alone() {
        let (value, chance) = overfit(&clips, &config(weights), loss, 120);
        // two views of a node at a temperature of 0.5 leave at least two thirds of the chance level
        let share = if loss.starts_with("graph") { 0.9 } else { 0.6 };
        println!("{loss}: {value:.3} of {chance:.3}");
        assert!(value < share * chance, "{loss}: {value:.3} of a chance level of {chance:.3}");
    }
}

#[test]
fn several_windows_and_a_recordings_mean_taken_off_overfit_too() {
    let dir = tempfile::tempdir().expect("dir");
    let clips = dir.path().join("clips");
    write_clips(&clips, 8, 16, Speech::Matching);
    for join in [Join::Max, Join::Attention] {
        let mut config = config(LossWeights { cont: 1.0, ..LossWeights::none() });
        config.pairs.join = join;
        config.pairs.speech_windows = 2;
        config.pairs.window_spread_secs = 0.4;
        config.pairs.recordings_per_batch = 2;
        config.centre_by_recording = true;
        let (value, chance) = overfit(&clips, &config, "cont", 120);
        assert!(value < 0.6 * chance, "{join:?}: {value:.3} of a chance level of {chance:.3}");
    }
}

/// What `pairs.negatives = "batch"` is for: nothing is heard for negatives, and nothing but them is lost.
#[test]
fn pairs_without_negatives_of_their_own_overfit_and_refuse_losses_that_need_them() {
    let dir = tempfile::tempdir().expect("dir");
    let clips = dir.path().join("clips");
    write_clips(&clips, 8, 16, Speech::Matching);
    let mut config = config(LossWeights { cont: 1.0, ..LossWeights::none() });
    config.pairs.negatives = Negatives::Batch;
    config.projection.batch_norm = true;
    let (value, chance) = overfit(&clips, &config, "cont", 120);
    assert!(value < 0.6 * chance, "{value:.3} of a chance level of {chance:.3}");
    let batch = made(&clips, &config).source.draw(0).expect("batch");
    assert!(batch.pairs.is_some_and(|pairs| pairs.negative.is_none()));
    config.contrastive = Contrastive::Paper;
    assert!(config.validate().is_err());
    config.contrastive = Contrastive::InfoNce;
    config.weights.cls = 1.0;
    assert!(config.validate().is_err());
}

#[test]
fn in_each_phase_only_its_stream_learns() {
    let dir = tempfile::tempdir().expect("dir");
    let clips = dir.path().join("clips");
    write_clips(&clips, 8, 16, Speech::Matching);
    let mut config = config(LossWeights { cont: 1.0, video_views: 1.0, ..LossWeights::none() });
    config.pairs.negatives = Negatives::Batch;
    config.projection.batch_norm = true;
    config.curriculum = Curriculum { video_alone: 0.3, speech_alone: 0.4 };
    let Trained { store, networks, objective, source } = made(&clips, &config);
    for (step, video, speech, intervals) in [(1, true, false, 4), (5, false, true, 8), (8, true, true, 4)] {
        let batch = source.draw(step).expect("batch");
        let mut drawn = batch.pairs.as_ref().expect("pairs").intervals.clone();
        drawn.dedup();
        assert_eq!(drawn.len(), intervals, "step {step}");
        let moment = Moment { progress: step as f64 / STEPS as f64, ..Moment::TRAIN };
        let losses = objective.losses(&networks, &batch, moment).expect("losses");
        assert_eq!(losses.embeddings.is_some(), speech, "step {step}");
        let gradients = backward(&losses.total).expect("backward");
        let learns = |prefix: &str| {
            let mut of = store.params().into_iter().filter(|(name, _)| name.starts_with(prefix));
            of.any(|(_, var)| gradients.get(&var).is_some())
        };
        assert_eq!((learns("video."), learns("speech.")), (video, speech), "step {step}");
        assert_eq!(learns("heads.video_projection."), speech, "step {step}");
    }
}

/// Two streams told each other's clusters find them, each only in its phase; what has no weight has no head and is not told.
#[test]
fn clusters_of_one_stream_are_learned_by_the_other_and_each_loss_can_be_left_out() {
    let dir = tempfile::tempdir().expect("dir");
    let clips = dir.path().join("clips");
    write_clips(&clips, 8, 16, Speech::Matching);
    for (video, speech) in [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0)] {
        let weights =
            LossWeights { cont: 1.0, video_clusters: video, speech_clusters: speech, ..LossWeights::none() };
        let mut config = PretrainConfig {
            projection: ProjectionConfig { batch_norm: true, ..ProjectionConfig::default() },
            ..config(weights)
        };
        config.pairs.negatives = Negatives::Batch;
        config.clusters = ClusterConfig { count: 6, rounds: 1 };
        config.curriculum = Curriculum { video_alone: 0.0, speech_alone: 0.5 };
        let Trained { store, networks, objective, source } = made(&clips, &config);
        let mut clusters =
            Clusters::new(&config, source.sampler().fragments().len(), 3).expect("losses of clusters");
        let mut optimizer = AdamW::new(store.params(), AdamWConfig::default()).expect("optimiser");
        let mut last = Vec::new();
        for step in 0..160 {
            let progress = if step < 60 { 0.0 } else { 0.5 };
            let renewed = clusters.renew(progress, &networks, &source).expect("clustered");
            assert_eq!(renewed, step == 0 || step == 60);
            let batch = source.draw(if step < 60 { step % 2 } else { 8 + step % 2 }).expect("batch");
            let intervals = &batch.pairs.as_ref().expect("pairs").intervals;
            let targets =
                clusters.targets(intervals, source.sampler().by_recording(), progress).expect("targets");
            let moment = Moment { progress, clusters: Some(&targets), ..Moment::TRAIN };
            let losses = objective.losses(&networks, &batch, moment).expect("losses");
            let of =
                |name: &str| losses.parts.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
            assert_eq!(of("loss_speech_clusters").is_some(), speech > 0.0, "step {step}");
            assert_eq!(of("loss_video_clusters").is_some(), video > 0.0 && step >= 60, "step {step}");
            let beside =
                |clusters: &str| of(&format!("loss_{clusters}")).zip(of(&format!("chance_{clusters}")));
            last = ["video_clusters", "speech_clusters"].into_iter().filter_map(beside).collect();
            optimizer.step(&backward(&losses.total).expect("backward"), 3e-3, 1.0).expect("step");
        }
        assert!(last.iter().all(|(loss, level)| *level <= 6f64.ln() && *loss < 0.6 * level), "{last:?}");
        let names: Vec<String> = store.params().into_iter().map(|(name, _)| name).collect();
        let with = |head: &str| names.iter().any(|name| name.starts_with(head));
        assert_eq!(
            (with("heads.video_clusters.1."), with("heads.speech_clusters.1.")),
            (video > 0.0, speech > 0.0)
        );
        // held-out recordings have no clusters
        let losses =
            objective.losses(&networks, &source.draw(8).expect("batch"), Moment::EVAL).expect("losses");
        assert!(losses.parts.iter().all(|(name, _)| !name.contains("clusters")));
    }
    let alone = LossWeights { video_clusters: 1.0, ..LossWeights::none() };
    assert!(config(alone).validate().expect_err("refused").to_string().contains("weights.cont"));
}

#[test]
fn each_loss_can_be_left_out_and_then_has_no_head() {
    let dir = tempfile::tempdir().expect("dir");
    let clips = dir.path().join("clips");
    write_clips(&clips, 4, 16, Speech::Matching);
    let all = || LossWeights {
        affine: 1.0,
        sync: 1.0,
        graph_intra: 1.0,
        graph_inter: 1.0,
        snippets: 1.0,
        video_views: 1.0,
        speech_views: 1.0,
        ..LossWeights::default()
    };
    let names = |config: &PretrainConfig| -> (Vec<String>, Vec<&'static str>) {
        // plain maps are so small here that speech is one token, to which attention has no choice
        let config = &PretrainConfig { dilated: true, ..config.clone() };
        let Trained { store, networks, objective, source } = made(&clips, config);
        let losses =
            objective.losses(&networks, &source.draw(0).expect("batch"), Moment::TRAIN).expect("losses");
        let gradients = backward(&losses.total).expect("backward");
        for (name, var) in store.params() {
            let gradient = gradients.get(&var).unwrap_or_else(|| panic!("{name}: no gradient"));
            let sum: f32 = gradient.abs().and_then(|g| g.sum_all()).and_then(|g| g.to_scalar()).expect("sum");
            assert!(sum.is_finite() && sum > 0.0, "{name}: {sum}");
        }
        let params = store.params().into_iter().map(|(name, _)| name).collect();
        (params, losses.parts.iter().map(|(name, _)| *name).collect())
    };
    let with_head = |params: &[String], head: &str| params.iter().any(|name| name.starts_with(head));
    let (params, losses) = names(&config(all()));
    let head_of = [
        ("cls", "heads.fusion."),
        ("cont", "heads.log_inv_temperature"),
        ("ord", "heads.order."),
        ("affine", "heads.affine."),
        ("sync", "heads.sync."),
        ("snippets", "heads.graph.order."),
        ("video_views", "heads.video_views."),
        ("speech_views", "heads.speech_views."),
    ];
    for (loss, only) in alone() {
        assert!(losses.contains(&format!("loss_{loss}").as_str()));
        let (alone_params, alone_losses) = {
            let mut config = config(only);
            // with a loss of TCGL alone the parameters of its other losses have no gradient: they are one head
            config.weights.snippets =
                config.weights.snippets.max(f64::from(u8::from(loss.starts_with("graph"))));
            config.weights.graph_inter = config
                .weights
                .graph_inter
                .max(f64::from(u8::from(["graph_intra", "snippets"].contains(&loss))));
            names(&config)
        };
        assert!(alone_losses.contains(&format!("loss_{loss}").as_str()), "{loss}");
        for (other, head) in head_of {
            assert!(with_head(&params, head), "{head}");
            if other != "snippets" {
                let company = loss == "speech_views" && other == "video_views";
                assert_eq!(with_head(&alone_params, head), other == loss || company, "{loss} alone: {head}");
            }
        }
        let sees_speech = ["cls", "cont", "sync", "speech_views"].contains(&loss);
        assert_eq!(with_head(&alone_params, "speech."), sees_speech, "{loss} alone");
        // and every other loss without it
        let mut without = all();
        match loss {
            "cls" => without.cls = 0.0,
            "cont" => without.cont = 0.0,
            "ord" => without.ord = 0.0,
            "affine" => without.affine = 0.0,
            "sync" => without.sync = 0.0,
            "graph_intra" => without.graph_intra = 0.0,
            "graph_inter" => without.graph_inter = 0.0,
            "snippets" => without.snippets = 0.0,
            "video_views" => without.video_views = 0.0,
            _ => without.speech_views = 0.0,
        }
        let Trained { networks, objective, source, .. } = made(&clips, &config(without));
        let rest =
            objective.losses(&networks, &source.draw(0).expect("batch"), Moment::TRAIN).expect("losses");
        assert!(rest.parts.iter().all(|(name, _)| *name != format!("loss_{loss}")), "{loss}");
    }
}

#[test]
fn synchronisation_starts_with_other_recordings_and_goes_on_with_shifted_speech() {
    let dir = tempfile::tempdir().expect("dir");
    let clips = dir.path().join("clips");
    write_clips(&clips, 4, 16, Speech::Matching);
    let loss = |easy_share, progress| {
        let mut config = config(LossWeights { sync: 1.0, ..LossWeights::none() });
        config.sync.easy_share = easy_share;
        let Trained { networks, objective, source, .. } = made(&clips, &config);
        let moment = Moment { progress, ..Moment::EVAL };
        let losses = objective.losses(&networks, &source.draw(0).expect("batch"), moment).expect("losses");
        losses.parts[0].1
    };
    assert_eq!(loss(0.5, 0.1), loss(0.5, 0.4));
    assert_ne!(loss(0.5, 0.4), loss(0.5, 0.6));
    assert_eq!(loss(0.5, 0.6), loss(0.0, 0.0), "the time-shifted negatives");
}

#[test]
fn held_out_plans_change_nothing_of_what_is_seen_and_heard() {
    let mut config = config(LossWeights::default());
    config.speech_augmentation.noise = 0.5;
    config.frame_augmentation.mirror = true;
    let plan = Plan::new(&config);
    assert_eq!((plan.speech.noise, plan.frames.mirror), (0.5, true));
    let plan = plan.unchanged();
    assert_eq!((plan.speech.noise, plan.frames.mirror), (0.0, false));
}

#[test]
fn eq_2_trains_from_margins_that_are_not_clamped() {
    let dir = tempfile::tempdir().expect("dir");
    let clips = dir.path().join("clips");
    write_clips(&clips, 8, 16, Speech::Matching);
    let weights = LossWeights { cont: 1.0, ..LossWeights::none() };
    let config = PretrainConfig { contrastive: Contrastive::Paper, ..config(weights) };
    let Trained { store, networks, objective, source } = made(&clips, &config);
    let mut optimizer = AdamW::new(store.params(), AdamWConfig::default()).expect("optimiser");
    let mut seen = Vec::new();
    for step in 0..200 {
        let losses = objective
            .losses(&networks, &source.draw(step % 2).expect("batch"), Moment::TRAIN)
            .expect("losses");
        optimizer.step(&backward(&losses.total).expect("backward"), 1e-3, 1.0).expect("step");
        seen.push(["clamped_share", "loss_cont", "chance_cont"].map(|name| part(&losses, name)));
    }
    let mean = |steps: &[[f64; 3]]| {
        [0, 1, 2].map(|which| steps.iter().map(|values| values[which]).sum::<f64>() / steps.len() as f64)
    };
    let ([at_first, ..], [at_last, last, last_chance]) = (mean(&seen[..10]), mean(&seen[190..]));
    let [_, fresh, fresh_chance] = seen[0];
    println!("clamped: {at_first:.2} at first, {at_last:.2} at last");
    println!(
        "loss: {fresh:.2} of {fresh_chance:.2} before the first step, {last:.2} of {last_chance:.2} at last"
    );
    assert!(at_first > 0.1, "a fresh network clamps a good part of the pairs");
    assert!(at_last < 0.1, "a trained one few of those it knows");
    // the level is that of positives and negatives exchanged: a network that tells nothing is at it, whatever its embeddings' size
    assert!((0.8..1.25).contains(&(fresh / fresh_chance)) && last < 0.6 * last_chance);
}

/// The paper's words read literally: one linear layer on both embeddings, which can tell likely frames and likely speech, and not whether
/// they belong together.
#[test]
fn the_classifier_of_pairs_is_one_layer_where_that_is_asked_for() {
    let dir = tempfile::tempdir().expect("dir");
    let clips = dir.path().join("clips");
    write_clips(&clips, 4, 16, Speech::Matching);
    for linear in [false, true] {
        let mut config = config(LossWeights { cls: 1.0, ..LossWeights::none() });
        config.fusion.linear = linear;
        let Trained { store, .. } = made(&clips, &config);
        let names: Vec<String> = store.params().into_iter().map(|(name, _)| name).collect();
        let has = |layer: &str| names.iter().any(|name| name.starts_with(&format!("heads.fusion.{layer}.")));
        assert!(has("fc2") && has("fc1") != linear, "{names:?}");
    }
}
