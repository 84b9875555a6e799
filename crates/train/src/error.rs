//! What can go wrong while training.

use std::path::PathBuf;

/// A failure of the training engine or of the task it runs.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A setting is outside its range.
    #[error("{setting} must be {expected}, found {found}")]
    Setting {
        /// Name of the setting, as in the recipe.
        setting: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A loss or the gradient is no longer a finite number.
    #[error(
        "training diverged at step {step}: {what} is {value}; a smaller learning rate or clip_norm may help"
    )]
    Diverged {
        /// Global step, counted from 0.
        step: u64,
        /// Which loss, or "gradient norm".
        what: String,
        /// Its value.
        value: f64,
    },
    /// A file of the run could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A checkpoint that is not one of this run.
    #[error("{path}: not a checkpoint of this run: {cause}; start over with --overwrite")]
    Checkpoint {
        /// The checkpoint's folder or file.
        path: PathBuf,
        /// What does not fit.
        cause: String,
    },
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// The task's own failure (reading a clip, say).
    #[error("{0}")]
    Task(Box<dyn std::error::Error + Send + Sync>),
}

impl TrainError {
    /// Wraps a task's own error.
    pub fn task(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Task(Box::new(error))
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
