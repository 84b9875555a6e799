//! The training engine: it knows neither the task nor the network.
//!
//! A stage gives a [`Task`] (losses of a batch, an evaluation, a [`BatchSource`]) and a [`sonovox_ops::ParamStore`];
//! [`run`] does the rest: optimiser and learning-rate schedule, gradient clipping, a loader that draws the next
//! batch while this one is trained on, checkpoints from which a run continues to the same bytes, and an event log
//! (JSON lines and TensorBoard).
//!
//! ```text
//! BatchSource::draw(step) ──Loader──▶ Task::losses ──▶ backward ──clip──▶ optimiser
//!                                          └──▶ EventLog        └──▶ Checkpoint ──▶ --resume
//! ```

mod checkpoint;
mod config;
mod engine;
mod error;
mod events;
mod loader;
mod schedule;
pub mod snapshots;
mod tensorboard;

pub use checkpoint::{Best, Progress};
pub use config::{Keep, OptimizerConfig, RunConfig};
pub use engine::{Evaluation, Losses, Monitor, Outcome, Report, RunFolder, Silent, Task, run};
pub use error::TrainError;
pub use events::EventLog;
pub use loader::{BatchSource, Loader};
pub use schedule::Schedule;
pub use tensorboard::TensorBoard;
