//! Stage 4, gaze prediction: where on a frame does the sonographer look?
//!
//! Protocol of Droste et al., IPMI 2019 (method.md, "Gaze saliency").
//!
//! ```text
//! clips ─watched─▶ frames with gaze points ─augment, target─▶ Batch ─Predictor─▶ KL(target || prediction)
//!           │            └─ test subjects ─▶ Predictions ─Judge─▶ GazeReport
//!           └─ training subjects ─▶ static map ──────────────────────┘
//! ```

mod augment;
mod config;
mod evaluate;
mod finetune;
mod predictions;
mod predictor;
mod report;
mod scores;
mod static_map;
mod target;
mod task;
mod watched;

pub use augment::GazeAugmentation;
pub use config::GazeConfig;
pub use evaluate::evaluate;
pub use finetune::finetune;
pub use predictor::PredictorDetails;
pub use report::GazeReport;
pub use scores::SaliencyScores;
