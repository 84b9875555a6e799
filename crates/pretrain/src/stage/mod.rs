//! The stage: config and clips in, encoders out.

mod parts;
mod summary;
mod task;

use std::path::Path;
use std::time::Instant;

use candle_core::{DType, Device};
use sonovox_artifact::clips::ClipsArtifact;
use sonovox_artifact::{ArtifactWriter, Begin, Counts, OnExisting, RunFacts, Stage};
use sonovox_ops::{ParamStore, describe_device};
use sonovox_study::SplitConfig;
use sonovox_train::{Keep, Monitor, Outcome, RunFolder, Task, snapshots};

use crate::networks::Networks;
use crate::published::Published;
use crate::sampler::Pool;
use crate::{PacingKind, PretrainConfig, PretrainError};
use parts::{Parts, Side};
use task::Pretraining;

pub use summary::{PretrainDetails, Summary};

/// What to pretrain, and where.
pub struct Request<'a> {
    /// The clips artifact.
    pub clips: &'a Path,
    /// The artifact to write.
    pub out: &'a Path,
    /// The recipe's `[pretrain]` section.
    pub config: &'a PretrainConfig,
    /// The recipe's `[split]` section.
    pub split: &'a SplitConfig,
    /// Seed of initial weights and of everything drawn.
    pub seed: u64,
    /// Where to compute.
    pub device: Device,
    /// What to do where `out` exists.
    pub existing: OnExisting,
    /// Whether to keep the weights of every epoch, too, for an evaluation over the epochs. They are not in the artifact's hash.
    pub snapshots: bool,
}

/// Pretrains both encoders.
///
/// # Errors
/// A bad setting, clips that cannot be read or give nothing to train on, too few subjects to split, an output that
/// exists, divergence.
pub fn run(request: &Request<'_>, monitor: &mut dyn Monitor) -> Result<Summary, PretrainError> {
    let started = Instant::now();
    let config = request.config;
    config.validate()?;
    config.run.precision.check(&request.device)?;
    let clips = ClipsArtifact::open(request.clips)?;
    let parts = Parts::new(&clips, request.split)?;
    let pool = if config.pacing.kind == PacingKind::None { Pool::Audible } else { Pool::Voiced };
    let train = Side::open(&clips, &parts.train, config, pool, request.seed)?;
    // held-out scores are of the same intervals whatever the pacing, so that they can be compared
    let held_out = Side::open(&clips, &parts.validation, config, Pool::Voiced, request.seed)?;
    train.must_train(request)?;
    let published = Published::open(config, &clips, &request.device)?;

    let begin = Begin {
        stage: Stage::Pretrain,
        config: serde_json::json!({"pretrain": config, "split": request.split}),
        seed: request.seed,
        inputs: [&[clips.artifact.input_ref()], &published.inputs[..]].concat(),
    };
    let mut writer = ArtifactWriter::create(request.out, begin, request.existing)?;
    writer.exclude_from_hash("events.");
    writer.exclude_from_hash(snapshots::FOLDER);
    let store =
        ParamStore::new(request.seed, DType::F32, &request.device).with_precision(config.run.precision)?;
    let (counts, library) = (train.counts.clone(), train.library.clone());
    let left_out = train.left_out();
    let mut task =
        Pretraining::new(config, &store, request.seed, train, held_out, published, &request.device)?;
    let folder = RunFolder { dir: writer.dir(), resume: writer.resumed(), snapshots: request.snapshots };
    let outcome = sonovox_train::run(&mut task, &store, &config.run, folder, monitor)?;
    let best = match outcome {
        Outcome::Interrupted { step } => return Ok(Summary::Interrupted { step }),
        Outcome::Finished { best, .. } => best.filter(|_| config.run.keep == Keep::Best),
    };
    Networks::export(&store, writer.dir())?;
    let details = PretrainDetails {
        encoder: config.encoder_config(),
        frame: (clips.details.height, clips.details.width),
        speech: (library.bands() as u32, library.time() as u32),
        train_subjects: clips.subjects(&parts.train),
        validation_subjects: clips.subjects(&parts.validation),
        simulated: clips.details.simulated,
        intervals: counts.clone(),
        best,
        held_out: sonovox_ops::no_grad(|| task.evaluate(0))?.values,
        alarms: task.alarms(),
    };
    let used = [
        ("recordings".to_owned(), parts.train.len() as u64),
        ("intervals".to_owned(), counts.intervals),
        ("voiced_intervals".to_owned(), counts.voiced),
    ];
    let run = RunFacts {
        device: describe_device(&request.device),
        threads: rayon::current_num_threads() as u64,
        wall_secs: started.elapsed().as_secs_f64(),
    };
    let value = serde_json::to_value(&details).expect("plain data");
    let artifact = writer.finish(Counts { used: used.into(), left_out }, value, run)?;
    Ok(Summary::Finished { out: artifact.path, details: Box::new(details) })
}
