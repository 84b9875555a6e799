//! What a stage is asked for and what it answers.

use std::fmt;
use std::path::{Path, PathBuf};

use candle_core::Device;
use sonovox_artifact::OnExisting;
use sonovox_study::SplitConfig;
use sonovox_train::Best;

use crate::EncoderChoice;

/// What to fine-tune, and where; `C` is the recipe's section.
pub struct FinetuneRequest<'a, C> {
    /// The clips artifact.
    pub clips: &'a Path,
    /// The weights to start from.
    pub encoder: &'a EncoderChoice,
    /// The artifact to write.
    pub out: &'a Path,
    /// The recipe's section of the stage.
    pub config: &'a C,
    /// The recipe's `[split]` section.
    pub split: &'a SplitConfig,
    /// Seed of fresh weights and of everything drawn.
    pub seed: u64,
    /// Where to compute.
    pub device: Device,
    /// What to do where `out` exists.
    pub existing: OnExisting,
}

/// What to evaluate, and where.
pub struct EvalRequest<'a> {
    /// The artifact that fine-tuning left.
    pub model: &'a Path,
    /// Clips to evaluate on. `None`, or the very clips that the model was fine-tuned on: its test subjects; any other
    /// clips: all of their recordings.
    pub clips: Option<&'a Path>,
    /// The artifact to write.
    pub out: &'a Path,
    /// Evaluate even on subjects that the model or its encoder was trained on.
    pub allow_seen_subjects: bool,
    /// Where to compute.
    pub device: Device,
    /// What to do where `out` exists.
    pub existing: OnExisting,
}

/// How a stage ended, with its figures `R`.
#[derive(Debug)]
pub enum Summary<R> {
    /// The artifact is written.
    Finished {
        /// Where.
        out: PathBuf,
        /// The figures, also in its `metrics.json`.
        report: Box<R>,
        /// The epoch whose weights were kept and its score on the validation subjects; none of an evaluation.
        best: Option<Best>,
    },
    /// Stopped on request: `--resume` goes on.
    Interrupted {
        /// Steps done.
        step: u64,
    },
}

impl<R: fmt::Display> fmt::Display for Summary<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted { step } => write!(f, "stopped after step {step}; --resume goes on"),
            Self::Finished { out, report, best } => {
                if let Some(best) = best {
                    writeln!(f, "weights of epoch {}, the best on the validation subjects", best.epoch + 1)?;
                }
                write!(f, "{report}written to {}", out.display())
            }
        }
    }
}
