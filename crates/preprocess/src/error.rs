//! What can go wrong, with the whole run and with one recording.

use std::path::PathBuf;

use sonovox_artifact::ArtifactError;
use sonovox_artifact::clips::FailedRecording;
use sonovox_media::MediaError;
use sonovox_speech::SpeechError;
use sonovox_study::StudyError;

use crate::crop::CropError;

/// Why the stage left no artifact.
#[derive(Debug, thiserror::Error)]
pub enum PreprocessError {
    /// A setting of the recipe is out of range.
    #[error("recipe, [preprocess], `{key}`: expected {expected}, found {found}")]
    Setting {
        /// The key.
        key: &'static str,
        /// What belongs there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A setting of the spectrogram or the voice detector is out of range.
    #[error("recipe, [preprocess]: {0}")]
    Speech(#[from] SpeechError),
    /// The output cannot be written, or is there already.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The operating system refused to write a temporary file.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// `--strict`, and a recording cannot be used.
    #[error("--strict: {} of {total} recordings cannot be used{}", failed.len(), lines(failed))]
    Strict {
        /// Those recordings.
        failed: Vec<FailedRecording>,
        /// How many the study has.
        total: usize,
    },
    /// Not one recording can be used.
    #[error("not one of the {} recordings can be used{}", failed.len(), lines(failed))]
    NothingUsable {
        /// All of them.
        failed: Vec<FailedRecording>,
    },
    /// The run was asked to stop.
    #[error("stopped; {finished} of {total} recordings are done, --resume goes on with the rest")]
    Stopped {
        /// Finished recordings.
        finished: usize,
        /// How many there are.
        total: usize,
    },
}

/// One line to a recording.
fn lines(failed: &[FailedRecording]) -> String {
    failed.iter().map(|one| format!("\n  {}: {}", one.recording, one.cause)).collect()
}

/// Why one recording cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// Its files, gaze or planes.
    #[error(transparent)]
    Study(#[from] StudyError),
    /// Its video or sound.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The operating system refused to tell of one of its files.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// One of its files could not be read again for its hash.
    #[error(transparent)]
    Unreadable(ArtifactError),
    /// A sample rate that cannot be worked with.
    #[error("{}: {source}", path.display())]
    Speech {
        /// The file with the sound.
        path: PathBuf,
        /// What the speech crate said.
        source: SpeechError,
    },
    /// Where the ultrasound image lies was not found.
    #[error(
        "{}: {source}; give its rectangle in study.toml (crop = {{ x, y, width, height }}), or keep the whole frame \
         with crop = \"none\"",
        path.display()
    )]
    Crop {
        /// The video.
        path: PathBuf,
        /// What was found instead.
        source: CropError,
    },
    /// Frame times that no recording has.
    #[error("{}: expected a recording of at most {limit_hours} hours, found frames from {start_secs:.3} s to {end_secs:.3} s", path.display())]
    TooLong {
        /// The video.
        path: PathBuf,
        /// The limit.
        limit_hours: u32,
        /// Time of the first frame.
        start_secs: f64,
        /// End of the last frame.
        end_secs: f64,
    },
}

/// How the work on one recording ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkError {
    /// The recording is at fault: the others go on.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The output is: nothing can go on.
    #[error(transparent)]
    Fatal(#[from] PreprocessError),
    /// The run was asked to stop.
    #[error("stopped")]
    Stopped,
}

impl From<MediaError> for WorkError {
    fn from(error: MediaError) -> Self {
        Self::Recording(error.into())
    }
}

impl From<StudyError> for WorkError {
    fn from(error: StudyError) -> Self {
        Self::Recording(error.into())
    }
}

impl From<ArtifactError> for WorkError {
    fn from(error: ArtifactError) -> Self {
        Self::Fatal(error.into())
    }
}
