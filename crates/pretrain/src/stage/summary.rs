//! What a finished run says of itself.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sonovox_model::EncoderConfig;
use sonovox_train::Best;

use crate::library::IntervalCounts;

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
    /// Signs that the run fooled itself: what they are, and in how many epochs they showed.
    #[serde(default)]
    pub alarms: Vec<String>,
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
        for alarm in &details.alarms {
            writeln!(f, "  alarm: {alarm}")?;
        }
        write!(f, "encoder: {}", out.display())
    }
}
