//! What can go wrong when results are put together.

use std::path::PathBuf;

/// A failure of the report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A setting is outside its range.
    #[error("[compare] {setting} must be {expected}, found {found}")]
    Setting {
        /// Name of the setting, as in the recipe.
        setting: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file of a cell does not hold what it should.
    #[error("{path}: {cause}")]
    Garbled {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// A figure could not be drawn.
    #[error("{path}: drawing: {cause}")]
    Figure {
        /// The figure.
        path: PathBuf,
        /// What the drawing library says.
        cause: String,
    },
}

impl ReportError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
