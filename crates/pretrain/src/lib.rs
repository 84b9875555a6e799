//! Stage 2: clips to encoders, by the self-supervised method of Jiao et al., MICCAI 2020, and by its rivals
//! (`docs/method.md` has every equation).
//!
//! ```text
//! clips ─Library─▶ Fragments ─Sampler─▶ Pair, OrderTuple, ... ─Source─▶ Batch ─Networks, Objective─▶ losses
//!                                                                │        └─Pace─▶ weights of pairs
//!                                                       held-out └─HeldOut─▶ retrieval, chance levels ─▶ Alarms
//! ```
//! [`run`] reads a clips artifact, trains both encoders on the subjects of the training part, looks at those of the
//! validation part after every epoch, never at those of the test part, and leaves a pretrain artifact.

mod alarms;
mod aligner;
mod augment;
mod batch;
mod clusters;
mod config;
mod error;
mod evaluate;
mod library;
mod networks;
mod objective;
mod order;
mod pacing;
mod published;
mod sampler;
mod shortcut;
mod stage;
mod warp;

pub use aligner::Aligner;
pub use batch::{Batch, Clips, Copies, Pairs, Plan, Source, Tuples};
pub use clusters::{Clusters, Targets};
pub use config::{
    AffineConfig, ClusterConfig, Contrastive, Curriculum, FrameAugmentation, GraphConfig, Join, LossWeights,
    Negatives, PacingConfig, PacingKind, PairConfig, Phase, PretrainConfig, Scale, SpeechAugmentation, Start,
    SyncConfig, WhisperConfig,
};
pub use error::PretrainError;
pub use library::{IntervalCounts, Library, Window};
pub use networks::{Networks, Seen};
pub use objective::{Computed, Embeddings, Moment, Objective};
pub use pacing::Pace;
pub use published::published_inputs;
pub use sampler::{ClipTuple, Fragment, FrameCopy, OrderTuple, Pair, Pool, Sampler};
pub use stage::{PretrainDetails, Request, Summary, run};
pub use warp::Warp;
