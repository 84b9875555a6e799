//! The command line.

use std::path::PathBuf;

use clap::{Args as Group, Parser, Subcommand};
use sonovox_artifact::OnExisting;
use sonovox_ops::Place;

/// Representations from narrated ultrasound scans: recordings to clips, clips to encoders, encoders to plane
/// detectors and gaze predictors. Every stage reads the artifact of the one before and leaves its own.
#[derive(Parser)]
#[command(name = "sonovox", version, propagate_version = true)]
pub struct Args {
    /// Say more on the way (-v: what is read; -vv: everything)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// The stage
    #[command(subcommand)]
    pub command: Command,
}

/// The stages.
#[derive(Subcommand)]
pub enum Command {
    /// Stage 0: write a simulated narrated study (simulated: it claims nothing clinical)
    #[cfg(feature = "media")]
    Simulate(Simulate),
    /// Look before making one: every plane for three subjects, and a short film
    #[cfg(feature = "media")]
    SimulatePreview(SimulatePreview),
    /// Stage 1: recordings to clips
    #[cfg(feature = "media")]
    Preprocess(Preprocess),
    /// Stage 2: clips to encoders
    Pretrain(Pretrain),
    /// What an encoder knows about the speech of held-out subjects
    EvalPretrain(EvalPretrain),
    /// Stage 3: encoder to plane detector
    FinetunePlanes(Finetune),
    /// Stage 4: encoder to gaze predictor
    FinetuneGaze(Finetune),
    /// Stage 3 without training: planes read off the frozen encoder by logistic regression
    ProbePlanes(Finetune),
    /// Score a plane detector on held-out subjects
    EvalPlanes(Eval),
    /// Score a gaze predictor on held-out subjects; fine-tunes one first where none is given
    EvalGaze(EvalGaze),
    /// Every method against every other and against its own scrambled control, kept cell by cell, to docs/results.md
    Compare(Compare),
    /// Print the recipe that a call would use, every key spelled out
    Recipe(Common),
}

/// What every stage takes.
#[derive(Clone, Group)]
pub struct Common {
    /// Recipe (TOML); without one, the defaults that data/recipes/default.toml spells out
    #[arg(long, value_name = "FILE")]
    pub recipe: Option<PathBuf>,
    /// A method of pretraining (data/recipes/methods), laid over the recipe's [pretrain]; several are laid on one another
    #[arg(long, value_name = "FILE")]
    pub method: Vec<PathBuf>,
    /// Override a key of the recipe, e.g. --set pretrain.run.epochs=5
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Seed of everything random; overrides the recipe's (not for `compare`, which has several)
    #[arg(long)]
    pub seed: Option<u64>,
    /// Replace an output that exists
    #[arg(long, conflicts_with = "resume")]
    pub overwrite: bool,
    /// Go on with an unfinished run
    #[arg(long)]
    pub resume: bool,
}

impl Common {
    /// What to do where the output exists.
    pub fn existing(&self) -> OnExisting {
        match (self.overwrite, self.resume) {
            (true, _) => OnExisting::Overwrite,
            (false, true) => OnExisting::Resume,
            (false, false) => OnExisting::Refuse,
        }
    }
}

/// `sonovox simulate`.
#[cfg(feature = "media")]
#[derive(Group)]
pub struct Simulate {
    /// The study folder to write
    #[arg(long, default_value = "data/work/study")]
    pub out: PathBuf,
    /// Lay narration under the real, labelled videos of this folder (with manifest.csv) in place of drawing scans; overrides the
    /// recipe's simulate.over_videos.folder (docs/over-videos.md)
    #[arg(long, value_name = "DIR")]
    pub over_videos: Option<PathBuf>,
    #[command(flatten)]
    pub common: Common,
}

/// `sonovox simulate-preview`.
#[cfg(feature = "media")]
#[derive(Group)]
pub struct SimulatePreview {
    /// The folder to draw into
    #[arg(long, default_value = "data/work/preview")]
    pub out: PathBuf,
    #[command(flatten)]
    pub common: Common,
}

/// `sonovox preprocess`.
#[cfg(feature = "media")]
#[derive(Group)]
pub struct Preprocess {
    /// A study folder (with study.toml), or a bare folder of recordings
    #[arg(default_value = "data/work/study")]
    pub study: PathBuf,
    /// The clips artifact to write
    #[arg(long, default_value = "data/work/clips")]
    pub out: PathBuf,
    /// Stop at the first recording that cannot be used
    #[arg(long)]
    pub strict: bool,
    /// Recordings at once; overrides the recipe's
    #[arg(long)]
    pub jobs: Option<usize>,
    #[command(flatten)]
    pub common: Common,
}

/// Which turn of a cross-validation to train for. Only what trains takes it: an evaluation tests on the subjects that
/// its model kept for that.
#[derive(Group)]
pub struct Turn {
    /// The fold to test, from 0, where the recipe has split.folds; overrides its split.fold
    #[arg(long)]
    pub fold: Option<u32>,
}

/// Where to compute.
#[derive(Group)]
pub struct Compute {
    /// Threads for arithmetic; all cores by default
    #[arg(long)]
    pub threads: Option<usize>,
    /// The CPU, or a CUDA card by its number: cpu, cuda or cuda:N (a build with the feature `cuda`, docs/gpu.md)
    #[arg(long, default_value = "cpu", value_name = "cpu|cuda[:N]")]
    pub device: Place,
}

/// `sonovox pretrain`.
#[derive(Group)]
pub struct Pretrain {
    /// The clips artifact
    #[arg(long, default_value = "data/work/clips")]
    pub clips: PathBuf,
    /// The pretrain artifact to write
    #[arg(long, default_value = "data/work/encoder")]
    pub out: PathBuf,
    /// Keep the weights of every epoch, too, for `eval-pretrain --over-epochs`
    #[arg(long)]
    pub snapshots: bool,
    #[command(flatten)]
    pub turn: Turn,
    #[command(flatten)]
    pub compute: Compute,
    #[command(flatten)]
    pub common: Common,
}

/// `sonovox eval-pretrain`.
#[derive(Group)]
pub struct EvalPretrain {
    /// The pretrain artifact
    #[arg(long, default_value = "data/work/encoder")]
    pub encoder: PathBuf,
    /// The clips artifact
    #[arg(long, default_value = "data/work/clips")]
    pub clips: PathBuf,
    /// truth.json of the simulated study that the clips were made of
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// The artifact to write
    #[arg(long, default_value = "data/work/eval-pretrain")]
    pub out: PathBuf,
    /// Look at the weights of every epoch, too; the encoder was pretrained with --snapshots
    #[arg(long)]
    pub over_epochs: bool,
    #[command(flatten)]
    pub turn: Turn,
    #[command(flatten)]
    pub compute: Compute,
    #[command(flatten)]
    pub common: Common,
}

/// `sonovox compare`.
#[derive(Group)]
pub struct Compare {
    /// The folder of cells: what is done is kept, what is missing is made
    #[arg(long, default_value = "data/work/compare")]
    pub out: PathBuf,
    /// The page to write; its figures go into `figures` beside it
    #[arg(long, default_value = "docs/results.md")]
    pub results: PathBuf,
    /// Stop after this many hours, where the next call can go on
    #[arg(long)]
    pub hours: Option<f64>,
    /// Cells to make side by side, which share the threads [default: one to a thread on the CPU, one on a card]. Each holds
    /// memory of its own
    #[arg(long)]
    pub jobs: Option<usize>,
    /// Run the cells of this method only (may be given several times)
    #[arg(long = "only", value_name = "METHOD")]
    pub only: Vec<String>,
    /// Say what is done and what is missing, with the time it should take, and run nothing
    #[arg(long)]
    pub list: bool,
    #[command(flatten)]
    pub compute: Compute,
    #[command(flatten)]
    pub common: Common,
}

/// `sonovox finetune-planes`, `finetune-gaze` and `probe-planes`.
#[derive(Group)]
pub struct Finetune {
    /// The clips artifact
    #[arg(long, default_value = "data/work/clips")]
    pub clips: PathBuf,
    /// A pretrain artifact, a safetensors file of ImageNet weights (timm SE-ResNeXt, EfficientNet-Lite0), or "random"
    #[arg(long, default_value = "data/work/encoder", value_name = "ARTIFACT|FILE.safetensors|random")]
    pub encoder: String,
    /// The artifact to write [default: data/work/planes, data/work/gaze or data/work/probe]
    #[arg(long)]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub turn: Turn,
    #[command(flatten)]
    pub compute: Compute,
    #[command(flatten)]
    pub common: Common,
}

/// `sonovox eval-planes`.
#[derive(Group)]
pub struct Eval {
    /// The fine-tuned model
    #[arg(long, default_value = "data/work/planes")]
    pub model: PathBuf,
    /// The clips to score it on: the test subjects of those it was tuned on, all subjects of others
    #[arg(long, default_value = "data/work/clips")]
    pub clips: PathBuf,
    /// The artifact to write
    #[arg(long, default_value = "data/work/eval-planes")]
    pub out: PathBuf,
    #[command(flatten)]
    pub compute: Compute,
    #[command(flatten)]
    pub common: Common,
}

/// `sonovox eval-gaze`.
#[derive(Group)]
pub struct EvalGaze {
    /// The fine-tuned model; where it is not given and data/work/gaze does not exist, one is fine-tuned first
    #[arg(long)]
    pub model: Option<PathBuf>,
    /// A pretrain artifact, a safetensors file of ImageNet weights (timm SE-ResNeXt, EfficientNet-Lite0), or "random", for the fine-tuning
    #[arg(long, default_value = "data/work/encoder", value_name = "ARTIFACT|FILE.safetensors|random")]
    pub encoder: String,
    /// The clips to score it on: the test subjects of those it was tuned on, all subjects of others
    #[arg(long, default_value = "data/work/clips")]
    pub clips: PathBuf,
    /// The artifact to write
    #[arg(long, default_value = "data/work/eval-gaze")]
    pub out: PathBuf,
    #[command(flatten)]
    pub turn: Turn,
    #[command(flatten)]
    pub compute: Compute,
    #[command(flatten)]
    pub common: Common,
}
