//! Whole runs of losses and methods: from clips to an encoder, and what scrambled speech leaves of them.

mod support;

use std::path::Path;

use sonovox_pretrain::{
    Contrastive, Curriculum, LossWeights, Negatives, PacingKind, PretrainConfig, Summary, run,
};
use sonovox_train::{Keep, Silent};
use support::{SPLIT, Speech, config, request, write_clips};

/// Held-out value `name` after a run on matching or scrambled speech.
fn held_out(dir: &Path, speech: Speech, weights: LossWeights, name: &str) -> f64 {
    let clips = dir.join(if speech == Speech::Matching { "true" } else { "scrambled" });
    if !clips.exists() {
        write_clips(&clips, 12, 32, speech);
    }
    let mut config = config(weights);
    config.steps_per_epoch = Some(120);
    config.sync.easy_share = 0.8;
    let out =
        dir.join(format!("{name}-{}-{}", config.weights.cls, clips.file_name().expect("named").display()));
    let request = request(&clips, &out, &config, &SPLIT);
    let Summary::Finished { details, .. } = run(&request, &mut Silent).expect("trained") else {
        panic!("interrupted")
    };
    details.held_out.iter().find(|(known, _)| known == name).expect("a value").1
}

/// Two steps and an evaluation of every kind of method, one after the other stream among them: what is held out is scored, what was
/// not trained is not handed on. (The program's tests run the shipped methods themselves.)
#[test]
fn every_kind_of_method_runs_from_clips_to_an_encoder() {
    let dir = tempfile::tempdir().expect("dir");
    let clips = dir.path().join("clips");
    write_clips(&clips, 8, 32, Speech::Matching);
    let none = LossWeights::none;
    let of = |change: &dyn Fn(&mut PretrainConfig), weights| {
        let mut config = config(weights);
        config.steps_per_epoch = Some(2);
        config.run.keep = Keep::Best;
        change(&mut config);
        config
    };
    let unpaced = |config: &mut PretrainConfig| config.pacing.kind = PacingKind::None;
    let methods = [
        ("order", of(&|_| (), LossWeights { ord: 1.0, ..none() })),
        ("tcgl", of(&|_| (), LossWeights { graph_intra: 1.0, graph_inter: 1.0, snippets: 1.0, ..none() })),
        (
            "correspondence",
            of(
                &|config| {
                    unpaced(config);
                    config.pairs.negatives = Negatives::Easy;
                },
                LossWeights { cls: 1.0, ..none() },
            ),
        ),
        (
            "views",
            of(
                &|config| {
                    config.pairs.groups = 2;
                    config.pairs.negatives = Negatives::Batch;
                },
                LossWeights { video_views: 1.0, ..none() },
            ),
        ),
        ("paper", of(&|config| config.contrastive = Contrastive::Paper, LossWeights::default())),
        ("co-attention", of(&|_| (), LossWeights { sync: 1.0, ..none() })),
        (
            "ours",
            of(
                &|config| {
                    config.pairs.speech_windows = 2;
                    config.pairs.window_spread_secs = 0.5;
                    config.pairs.lag_secs = 0.5;
                    config.pairs.recordings_per_batch = 2;
                    config.pairs.negatives = Negatives::Batch;
                    config.projection.batch_norm = true;
                    config.centre_by_recording = true;
                    config.pacing.kind = PacingKind::Graded;
                    config.pacing.warmup = 0.0;
                    config.curriculum = Curriculum { video_alone: 0.25, speech_alone: 0.25 };
                    config.steps_per_epoch = Some(4);
                },
                LossWeights {
                    cont: 1.0,
                    ord: 1.0,
                    video_views: 1.0,
                    speech_views: 1.0,
                    video_clusters: 1.0,
                    speech_clusters: 1.0,
                    ..none()
                },
            ),
        ),
    ];
    for (name, config) in methods {
        config.validate().expect(name);
        let out = dir.path().join(name);
        let request = request(&clips, &out, &config, &SPLIT);
        let Summary::Finished { details, .. } = run(&request, &mut Silent).expect(name) else {
            panic!("interrupted")
        };
        assert!(
            details.held_out.iter().all(|(_, value)| value.is_finite()),
            "{name}: {:?}",
            details.held_out
        );
        assert!(details.best.is_some_and(|best| best.score.is_finite()), "{name}: no score");
        assert_eq!(out.join("speech.safetensors").exists(), config.weights.hears(), "{name}");
        let aligned = details.held_out.iter().any(|(known, _)| known == "alignment_auc");
        assert_eq!(aligned, config.weights.embeds_pairs(), "{name}");
    }
}

#[test]
fn scrambled_speech_leaves_classification_and_synchronisation_at_chance() {
    let dir = tempfile::tempdir().expect("dir");
    for (name, weights) in [
        ("alignment_auc", LossWeights { cls: 1.0, ..LossWeights::none() }),
        ("auc_sync", LossWeights { sync: 1.0, ..LossWeights::none() }),
    ] {
        let learned = held_out(dir.path(), Speech::Matching, weights.clone(), name);
        let broken = held_out(dir.path(), Speech::Shuffled, weights, name);
        println!("{name}: {learned:.3} matching, {broken:.3} scrambled");
        assert!((0.3..0.7).contains(&broken), "{name}: {broken:.3} on scrambled speech");
        assert!(learned > 0.7, "{name}: {learned:.3} matching, {broken:.3} scrambled");
    }
}
