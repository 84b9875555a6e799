//! What can go wrong in stages 3 and 4.

use std::path::PathBuf;

use sonovox_artifact::{ArtifactError, Stage};
use sonovox_study::StudyError;
use sonovox_train::TrainError;

/// A failure of plane detection or gaze prediction.
#[derive(Debug, thiserror::Error)]
pub enum DownstreamError {
    /// A setting is outside its range.
    #[error("[{section}] {setting} must be {expected}, found {found}")]
    Setting {
        /// Section of the recipe.
        section: &'static str,
        /// Name of the setting.
        setting: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: f64,
    },
    /// The clips hold nothing that the stage could learn from or be judged by.
    #[error("{clips}: expected {expected} in the recordings of {whose}, found none{hint}")]
    Nothing {
        /// The clips artifact.
        clips: PathBuf,
        /// What is missing.
        expected: &'static str,
        /// Which recordings.
        whose: String,
        /// What may help.
        hint: &'static str,
    },
    /// A detector needs something to tell apart.
    #[error("{clips}: expected training frames of at least two planes, found all {frames} of {plane:?}")]
    OnePlane {
        /// The clips artifact.
        clips: PathBuf,
        /// Labelled training frames.
        frames: usize,
        /// Their plane.
        plane: String,
    },
    /// A label that the list of planes does not have.
    #[error(
        "{clips}: recording {recording}: expected plane numbers below {planes}, found {found} at frame {frame}"
    )]
    BadLabel {
        /// The clips artifact.
        clips: PathBuf,
        /// The recording.
        recording: String,
        /// The frame.
        frame: usize,
        /// Number of planes in the list.
        planes: usize,
        /// The label.
        found: i16,
    },
    /// Subjects that were trained on would be tested on.
    #[error(
        "{model}: expected test subjects that it was not trained on, found {}: {}; use the same [split], with \
         the same fold, in every stage, or set allow_seen_subjects = true to report such figures all the same",
        subjects.len(),
        subjects.join(", ")
    )]
    SeenSubjects {
        /// The encoder or model that has seen them.
        model: PathBuf,
        /// The subjects.
        subjects: Vec<String>,
    },
    /// The clips differ from those the model was fine-tuned on in something it depends on.
    #[error("{clips}: {what}: expected {expected} as in {model}, found {found}")]
    OtherClips {
        /// The clips artifact.
        clips: PathBuf,
        /// The model.
        model: PathBuf,
        /// What differs.
        what: &'static str,
        /// What the model was fine-tuned on.
        expected: String,
        /// What the clips hold.
        found: String,
    },
    /// An artifact of the right stage that holds no model.
    #[error("{path}: expected a {stage} artifact with a model, found one that {cause}")]
    NoModel {
        /// The artifact.
        path: PathBuf,
        /// Its stage.
        stage: Stage,
        /// What it is instead.
        cause: String,
    },
    /// A file could not be written.
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
    /// Training itself.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A tensor operation.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

impl DownstreamError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
