//! The comparison of methods: which cells it has, where they lie, and the tables and figures that come of them.
//!
//! ```text
//! CompareConfig ─▶ Plan: cells of method x narration x fold x seed x kind ─▶ (the program fills them) ─▶ Gathered ─▶ results.md
//!                                                                                                         └▶ figures/*.svg
//! ```
//! Nothing is computed here but means: figures come from the `metrics.json` of finished artifacts, and a cell that is not
//! there is shown as missing.

mod baseline;
mod cell;
mod config;
mod error;
mod events;
mod figures;
mod gather;
mod markdown;
mod numbers;
mod paper;
mod results;
mod tables;

pub use baseline::{Baseline, BaselineRow};
pub use cell::{Cell, IMAGENET, IMAGENET_RANDOM, Kind, Method, Narration, Plan, RANDOM};
pub use config::CompareConfig;
pub use error::ReportError;
pub use figures::{Across, Series, write_curves, write_figures};
pub use gather::Gathered;
pub use numbers::Spread;
pub use results::{Notes, Pictures, write_results};
