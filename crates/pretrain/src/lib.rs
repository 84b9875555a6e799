//! Stage 2: clips to encoders, by the self-supervised method of Jiao et al., MICCAI 2020 (docs: method.md's facts in
//! `docs/architecture.md`).
//!
//! ```text
//! clips ─Library─▶ Fragments ─Sampler─▶ Pair, OrderTuple ─Source─▶ Batch ─Networks, Objective─▶ losses
//!                                                             held-out └─HeldOut─▶ retrieval, chance levels
//! ```
//! [`run`] reads a clips artifact, trains both encoders on the subjects of the training part, looks at those of the
//! validation part after every epoch, never at those of the test part, and leaves a pretrain artifact.

mod aligner;
mod batch;
mod config;
mod error;
mod evaluate;
mod library;
mod networks;
mod objective;
mod order;
mod sampler;
mod stage;

pub use aligner::Aligner;
pub use batch::{Batch, Pairs, Source, Tuples};
pub use config::{Contrastive, LossWeights, PairConfig, PretrainConfig};
pub use error::PretrainError;
pub use library::{IntervalCounts, Library};
pub use networks::Networks;
pub use objective::{Computed, Objective};
pub use sampler::{Fragment, OrderTuple, Pair, Sampler};
pub use stage::{PretrainDetails, Request, Summary, run};
