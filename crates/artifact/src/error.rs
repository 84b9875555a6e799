//! Faults of artifacts, each with the path it is about.

use std::path::PathBuf;

/// A failure to read or write an artifact.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// The operating system's word on a file.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// There is no such folder.
    #[error("{path}: no such folder; expected a {expected} artifact{hint}")]
    Missing {
        /// The folder.
        path: PathBuf,
        /// Stage that was expected.
        expected: String,
        /// What to do instead.
        hint: &'static str,
    },
    /// A folder that is no artifact.
    #[error("{path}: not an artifact: it has no manifest.json{hint}")]
    NoManifest {
        /// The folder.
        path: PathBuf,
        /// What it may be instead.
        hint: &'static str,
    },
    /// The manifest cannot be understood.
    #[error("{path}: not a manifest this program understands: {cause}")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// An artifact of another stage.
    #[error("{path}: expected a {expected} artifact, found a {found} artifact")]
    Stage {
        /// The artifact.
        path: PathBuf,
        /// Stage that was expected.
        expected: String,
        /// Its stage.
        found: String,
    },
    /// A file that is not as its manifest or header says.
    #[error("{path}: {what}: expected {expected}, found {found}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which property.
        what: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The output is there already.
    #[error(
        "{path}: exists already; --overwrite replaces it, --resume goes on with what is unfinished, or choose another --out"
    )]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// An unfinished run lies there.
    #[error("{path}: an unfinished run lies there; --resume goes on with it, --overwrite starts over")]
    Unfinished {
        /// The `.partial` folder.
        path: PathBuf,
    },
    /// A folder that is not ours lies where the artifact should go.
    #[error("{path}: exists and is not an artifact; it is left alone: choose another --out")]
    NotOurs {
        /// The folder.
        path: PathBuf,
    },
    /// Resume was asked for and the artifact is finished.
    #[error("{path}: already complete")]
    AlreadyFinished {
        /// The artifact.
        path: PathBuf,
    },
    /// Another process is writing there.
    #[error("{path}: another run is writing here; wait for it or choose another --out")]
    Busy {
        /// The `.partial` folder.
        path: PathBuf,
    },
    /// Resume was asked for with other settings.
    #[error("{path}: cannot be resumed: {what} was {found} and is now {expected}; --overwrite starts over")]
    OtherRun {
        /// The `.partial` folder.
        path: PathBuf,
        /// First key that differs.
        what: String,
        /// Its value now.
        expected: String,
        /// Its value then.
        found: String,
    },
}

impl ArtifactError {
    /// A file whose `what` is not as it should be.
    pub(crate) fn damaged(
        path: impl Into<PathBuf>,
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Damaged { path: path.into(), what: what.into(), expected: expected.into(), found: found.into() }
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
