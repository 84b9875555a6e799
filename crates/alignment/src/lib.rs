//! Evaluation of stage 2: has the encoder learned what is said, or only who says it?
//!
//! ```text
//! encoder ─▶ Aligner ─┐
//! clips ─▶ Track ─────┼─▶ moments ─▶ cosines of frames and speech ─▶ AlignmentReport
//! truth.json ─────────┘
//! ```
//! [`evaluate`] looks at held-out subjects. Without a truth it tells how well speech finds its frame and the other way
//! round, and whether silence finds its recording; with the truth of a simulated study also whether a high affinity
//! means speech about the picture, whether the right plane's words win over another plane's, and whether small talk
//! finds its recording. No crate that trains reads a truth.

mod config;
mod error;
mod moments;
mod report;
mod score;
mod stage;
mod track;
mod truth;

pub use config::AlignmentConfig;
pub use error::AlignmentError;
pub use report::{Affinity, AfterEpoch, AlignmentReport, Direction, Phrases, Recall, Retrieval, Shortcut};
pub use stage::{Request, Summary, evaluate};
