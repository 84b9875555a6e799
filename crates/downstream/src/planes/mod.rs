//! Stage 3, plane detection: which standard plane does a frame show?
//!
//! Protocol of Droste et al., IPMI 2019 (method.md, "Plane detection").
//!
//! ```text
//! clips ─labelled─▶ frames with planes ─sampler, augment─▶ Batch ─Detector─▶ cross-entropy
//!                        └─ test subjects ─▶ Predictions ─▶ PlaneReport
//! ```

mod augment;
mod config;
mod detector;
mod evaluate;
mod finetune;
pub(crate) mod labelled;
mod predictions;
mod report;
mod sampler;
mod task;

pub(crate) use labelled::LabelledFrames;
pub(crate) use predictions::Predictions;

pub use augment::PlaneAugmentation;
pub use config::PlanesConfig;
pub use detector::DetectorDetails;
pub use evaluate::evaluate;
pub use finetune::finetune;
pub use report::{Baseline, PlaneReport};
pub use sampler::{BACKGROUND, ClassSampler};
