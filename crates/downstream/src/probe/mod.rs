//! The frozen probe: how well do the encoder's features, as they are, tell the planes apart?
//!
//! Multinomial logistic regression on average-pooled activations (method.md, "Frozen probe"; Droste et al., IPMI 2019).
//! Nothing of the encoder is trained, so that what the probe reads was there before the labels: in few-label trials it
//! showed the content of narration where fine-tuning showed none (first-findings.md, 3).
//!
//! ```text
//! clips ─labelled─▶ frames with planes ─encoder, pool─▶ Features ─Logistic, l2 by validation─▶ ProbeReport
//! ```

mod config;
mod features;
mod fit;
mod logistic;
mod report;
mod stage;

pub use config::{ProbeConfig, ProbeStages};
pub use report::{ProbeFit, ProbeReport};
pub use stage::probe;
