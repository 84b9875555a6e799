//! What can go wrong in the evaluation of an encoder.

use std::path::PathBuf;

use sonovox_artifact::ArtifactError;
use sonovox_pretrain::PretrainError;
use sonovox_study::StudyError;

/// A failure of the evaluation.
#[derive(Debug, thiserror::Error)]
pub enum AlignmentError {
    /// A setting is outside its range.
    #[error("[alignment] {setting} must be {expected}, found {found}")]
    Setting {
        /// Name of the setting, as in the recipe.
        setting: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: usize,
    },
    /// Subjects that the encoder was trained on would be tested on.
    #[error(
        "{encoder}: expected test subjects that it was not trained on, found {}: {}; use the same [split], with the \
         same fold, in every stage, or set alignment.allow_seen_subjects = true",
        subjects.len(),
        subjects.join(", ")
    )]
    SeenSubjects {
        /// The encoder.
        encoder: PathBuf,
        /// The subjects.
        subjects: Vec<String>,
    },
    /// The truth is not of these clips, or no truth.
    #[error("{path}: {cause}")]
    Truth {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The test recordings hold nothing to compare.
    #[error("{clips}: expected at least two voiced moments in the test recordings, found {found}")]
    Nothing {
        /// The clips artifact.
        clips: PathBuf,
        /// Voiced moments.
        found: usize,
    },
    /// The encoder has no snapshots to go through.
    #[error(
        "{encoder}: expected the weights of every epoch, found none; sonovox pretrain --snapshots keeps them"
    )]
    NoSnapshots {
        /// The encoder.
        encoder: PathBuf,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// An input artifact or the output folder.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The split by subject.
    #[error(transparent)]
    Split(#[from] StudyError),
    /// The networks.
    #[error(transparent)]
    Pretrain(#[from] PretrainError),
}

impl AlignmentError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
