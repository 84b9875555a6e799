//! The stage: config and clips in, encoders out.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use candle_core::{DType, Device};
use serde::{Deserialize, Serialize};
use sonovox_artifact::clips::ClipsArtifact;
use sonovox_artifact::{ArtifactWriter, Begin, Counts, OnExisting, RunFacts, Stage};
use sonovox_model::EncoderConfig;
use sonovox_ops::{ParamStore, describe_device};
use sonovox_study::{Split, SplitConfig, SplitItem};
use sonovox_train::{Best, Evaluation, Losses, Monitor, Outcome, Task, TrainError};

use crate::batch::{Batch, Plan, Source};
use crate::evaluate::HeldOut;
use crate::library::{IntervalCounts, Library};
use crate::networks::Networks;
use crate::objective::{Moment, Objective};
use crate::sampler::{Pool, Sampler};
use crate::{PretrainConfig, PretrainError};

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
}

/// `details` of a pretrain manifest: what a later stage needs to use the encoder rightly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PretrainDetails {
    /// Network of both encoders.
    pub encoder: EncoderConfig,
    /// Height and width of the frames it was trained on.
    pub frame: (u32, u32),
    /// Bands and columns of the speech image it was trained on.
    pub speech: (u32, u32),
    /// Subjects it was trained on: none of them may be tested on later.
    pub train_subjects: Vec<String>,
    /// Subjects that chose the epoch.
    pub validation_subjects: Vec<String>,
    /// Whether the clips are of a simulated study.
    pub simulated: bool,
    /// What the training recordings' intervals are.
    pub intervals: IntervalCounts,
    /// The epoch whose weights these are and its held-out score, where [`sonovox_train::Keep::Best`] chose it.
    pub best: Option<Best>,
    /// Held-out values after that epoch (after the last, where none was chosen).
    pub held_out: Vec<(String, f64)>,
}

/// How a run ended.
pub enum Summary {
    /// The artifact is written.
    Finished {
        /// Where.
        out: PathBuf,
        /// Its details.
        details: Box<PretrainDetails>,
    },
    /// Stopped on request: `--resume` goes on.
    Interrupted {
        /// Steps done.
        step: u64,
    },
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
    let train = Side::open(&clips, &parts.train, config, request.seed)?;
    let held_out = Side::open(&clips, &parts.validation, config, request.seed)?;
    train.must_train(request)?;

    let begin = Begin {
        stage: Stage::Pretrain,
        config: serde_json::json!({"pretrain": config, "split": request.split}),
        seed: request.seed,
        inputs: vec![clips.artifact.input_ref()],
    };
    let mut writer = ArtifactWriter::create(request.out, begin, request.existing)?;
    writer.exclude_from_hash("events.");
    let store =
        ParamStore::new(request.seed, DType::F32, &request.device).with_precision(config.run.precision)?;
    let (counts, library) = (train.counts.clone(), train.library.clone());
    let left_out = train.left_out();
    let mut task = Pretraining::new(config, &store, train, held_out, &request.device)?;
    let outcome =
        sonovox_train::run(&mut task, &store, &config.run, writer.dir(), writer.resumed(), monitor)?;
    let best = match outcome {
        Outcome::Interrupted { step } => return Ok(Summary::Interrupted { step }),
        Outcome::Finished { best, .. } => best,
    };
    Networks::export(&store, writer.dir())?;
    let details = PretrainDetails {
        encoder: config.encoder_config(),
        frame: (clips.details.height, clips.details.width),
        speech: (library.bands() as u32, library.time() as u32),
        train_subjects: parts.subjects(&clips, &parts.train),
        validation_subjects: parts.subjects(&clips, &parts.validation),
        simulated: clips.details.simulated,
        intervals: counts.clone(),
        best,
        held_out: sonovox_ops::no_grad(|| task.evaluate(0))?.values,
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

/// Indices of the recordings of each part that pretraining looks at.
struct Parts {
    train: Vec<usize>,
    validation: Vec<usize>,
}

impl Parts {
    fn new(clips: &ClipsArtifact, split: &SplitConfig) -> Result<Self, PretrainError> {
        let recordings = &clips.details.recordings;
        let given: Vec<_> = recordings
            .iter()
            .map(|clip| SplitItem {
                subject: &clip.subject,
                split: clip.split.as_deref().and_then(Split::from_word),
                fold: clip.fold,
            })
            .collect();
        let by_subject = split.split(&given)?;
        let of = |part| {
            (0..recordings.len()).filter(|&at| by_subject.of(&recordings[at].subject) == Some(part)).collect()
        };
        Ok(Self { train: of(Split::Train), validation: of(Split::Validation) })
    }

    fn subjects(&self, clips: &ClipsArtifact, members: &[usize]) -> Vec<String> {
        let mut subjects: Vec<_> =
            members.iter().map(|&at| clips.details.recordings[at].subject.clone()).collect();
        subjects.sort();
        subjects.dedup();
        subjects
    }
}

/// One part of the split, ready to draw from.
struct Side {
    library: Arc<Library>,
    sampler: Sampler,
    counts: IntervalCounts,
}

impl Side {
    fn open(
        clips: &ClipsArtifact,
        members: &[usize],
        config: &PretrainConfig,
        seed: u64,
    ) -> Result<Self, PretrainError> {
        let (library, fragments, counts) = Library::open(clips, members, &config.pairs)?;
        let sampler = Sampler::new(fragments, &config.pairs, Pool::Voiced, seed);
        Ok(Self { library: Arc::new(library), sampler, counts })
    }

    /// Refuses data that gives none of the weighted losses.
    fn must_train(&self, request: &Request<'_>) -> Result<(), PretrainError> {
        let weights = &request.config.weights;
        let pairs = self.sampler.paired() > 0 && weights.needs_pairs();
        let tuples = self.sampler.ordered() > 0 && weights.ord > 0.0;
        let copies = self.sampler.seen() > 0 && weights.affine > 0.0;
        if pairs || tuples || copies {
            return Ok(());
        }
        let counts = &self.counts;
        let cause = format!(
            "of {} intervals {} are voiced, {} of these have no neighbour at least a speech window away (no other \
             recording, for easy negatives), and {} have the four frames that frame order needs",
            counts.intervals,
            counts.voiced,
            self.sampler.without_negative(),
            self.sampler.ordered(),
        );
        Err(PretrainError::NothingToTrain { clips: request.clips.display().to_string(), cause })
    }

    fn left_out(&self) -> std::collections::BTreeMap<String, u64> {
        let counts = &self.counts;
        let causes = [
            ("intervals of low affinity, used for frame order only", counts.intervals - counts.voiced),
            ("voiced intervals without a hard negative", self.sampler.without_negative() as u64),
            ("intervals of fewer than four frames", counts.intervals - self.sampler.ordered() as u64),
            ("recordings shorter than a speech window", counts.recordings_shorter_than_window),
        ];
        causes
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(cause, count)| (cause.to_owned(), count))
            .collect()
    }

    fn source(self, plan: Plan, device: &Device) -> Source {
        Source::new(self.library, self.sampler, plan, device.clone())
    }
}

/// Pretraining as the engine sees it.
struct Pretraining {
    networks: Networks,
    objective: Objective,
    source: Arc<Source>,
    held_out: HeldOut,
    steps_per_epoch: u64,
}

impl Pretraining {
    fn new(
        config: &PretrainConfig,
        store: &ParamStore,
        train: Side,
        held_out: Side,
        device: &Device,
    ) -> Result<Self, PretrainError> {
        let plan = Plan::new(config);
        let pass = match train.sampler.paired() {
            paired if paired > 0 && plan.intervals > 0 => paired.div_ceil(config.voiced_intervals),
            _ => train.sampler.ordered().div_ceil(config.order_intervals),
        };
        let (of_held_out, batches) = held_out_plan(config, &plan, &held_out.sampler);
        Ok(Self {
            networks: Networks::new(config, store)?,
            objective: Objective::new(config),
            source: Arc::new(train.source(plan, device)),
            held_out: HeldOut::new(held_out.source(of_held_out, device), batches, config.pairs.groups),
            steps_per_epoch: config.steps_per_epoch.unwrap_or(pass.max(1) as u64),
        })
    }
}

/// How the held-out part is drawn, and how many batches of it: of distinct intervals where it has fewer than a training
/// batch.
fn held_out_plan(config: &PretrainConfig, plan: &Plan, sampler: &Sampler) -> (Plan, u64) {
    let paired = sampler.paired();
    let voiced = config.voiced_intervals.min(paired.max(1));
    let wanted = config.eval_pairs.div_ceil(voiced * config.pairs.groups);
    let intervals = if plan.intervals > 0 { voiced } else { 0 };
    let available = if plan.intervals > 0 { paired / voiced } else { wanted };
    (Plan { intervals, ..plan.clone() }, wanted.min(available.max(1)) as u64)
}

impl Task for Pretraining {
    type Source = Source;

    fn source(&self) -> Arc<Source> {
        self.source.clone()
    }

    fn steps_per_epoch(&self) -> u64 {
        self.steps_per_epoch
    }

    fn losses(&mut self, batch: Batch) -> Result<Losses, TrainError> {
        let computed = self.objective.losses(&self.networks, &batch, Moment::TRAIN)?;
        Ok(Losses { total: computed.total, parts: computed.parts })
    }

    fn evaluate(&mut self, _epoch: u32) -> Result<Evaluation, TrainError> {
        self.held_out.evaluate(&self.networks, &self.objective)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (out, details) = match self {
            Self::Interrupted { step } => return write!(f, "stopped after step {step}; --resume goes on"),
            Self::Finished { out, details } => (out, details),
        };
        let counts = &details.intervals;
        writeln!(
            f,
            "{} training subjects, {} intervals of which {} voiced; {} validation subjects",
            details.train_subjects.len(),
            counts.intervals,
            counts.voiced,
            details.validation_subjects.len()
        )?;
        if let Some(best) = details.best {
            writeln!(f, "weights of epoch {}, held-out score {:.3}", best.epoch + 1, best.score)?;
        }
        for (name, value) in &details.held_out {
            writeln!(f, "  {name:<32} {value:>9.4}")?;
        }
        write!(f, "encoder: {}", out.display())
    }
}
