//! What can go wrong in stage 2.

use std::path::PathBuf;

use sonovox_artifact::ArtifactError;
use sonovox_study::StudyError;
use sonovox_train::TrainError;

/// A failure of pretraining.
#[derive(Debug, thiserror::Error)]
pub enum PretrainError {
    /// A setting is outside its range.
    #[error("[pretrain] {setting} must be {expected}, found {found}")]
    Setting {
        /// Name of the setting, as in the recipe.
        setting: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: f64,
    },
    /// The training subjects' recordings give nothing to train on.
    #[error("{clips}: nothing to train on: {cause}")]
    NothingToTrain {
        /// The clips artifact.
        clips: String,
        /// Why.
        cause: String,
    },
    /// A file of published weights is of another network than the one it is to be.
    #[error("{path}: expected {expected}, found {found}")]
    OtherNetwork {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The clips hold no spectrogram that the speech stream can hear.
    #[error(
        "{clips}: expected a spectrogram of kind whisper with {bands} bands ([preprocess] spectrogram = \"whisper\"), \
         found {found}"
    )]
    OtherSpectrogram {
        /// The clips artifact.
        clips: PathBuf,
        /// Bands that the encoder wants.
        bands: usize,
        /// What the clips hold.
        found: String,
    },
    /// An encoder that was trained without a loss that compares frames with speech.
    #[error(
        "{encoder}: expected an encoder trained to compare frames with speech (weights.cont, weights.cls or weights.sync above 0), found \
         none of these losses"
    )]
    ComparesNothing {
        /// The pretrain artifact.
        encoder: PathBuf,
    },
    /// The clips or the output folder.
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
