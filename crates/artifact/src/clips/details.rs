//! What a clips manifest says of its recordings.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::clips::ClipReader;
use crate::{Artifact, ArtifactError, Stage};

/// How the spectrogram was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpectrogramFacts {
    /// "log-mel" or "paper".
    pub kind: String,
    /// Sampling rate of the audio it was made from.
    pub sample_rate_hz: u32,
    /// Seconds between two rows.
    pub hop_secs: f64,
    /// Length of the analysis window in seconds.
    pub window_secs: f64,
    /// Length of the Fourier transform in samples.
    pub n_fft: u32,
    /// Bands of a row.
    pub n_bands: u32,
}

/// One recording of the artifact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClipHeader {
    /// The recording's id in its study.
    pub recording: String,
    /// The subject's id in its study.
    pub subject: String,
    /// The part that the study gives it: "train", "validation" or "test".
    pub split: Option<String>,
    /// Its file inside the artifact.
    pub file: String,
    /// Seconds from the first frame to the end of the last.
    pub seconds: f64,
    /// Number of frames.
    pub frames: u64,
    /// Number of spectrogram rows.
    pub rows: u64,
    /// Share of rows whose voice value is at least one half.
    pub voiced_share: f64,
    /// Number of gaze samples.
    pub gaze_samples: u64,
    /// Number of frames with a plane.
    pub labelled_frames: u64,
    /// Rectangle of the video frame that was kept: x, y, width, height in pixels.
    pub crop: [u32; 4],
    /// Whether there is any sound: neither a missing nor an all-zero track.
    pub has_audio: bool,
    /// What was left out of this recording, by cause.
    pub left_out: BTreeMap<String, u64>,
    /// What a reader should know ("truncated after 3.2 s").
    pub notes: Vec<String>,
}

/// A recording that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRecording {
    /// The recording's id.
    pub recording: String,
    /// Why.
    pub cause: String,
}

/// `details` of a clips manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClipsDetails {
    /// Name of the study.
    pub study: String,
    /// Whether the study says of itself that it is simulated.
    pub simulated: bool,
    /// The planes that `plane` counts.
    pub planes: Vec<String>,
    /// Height of every frame.
    pub height: u32,
    /// Width of every frame.
    pub width: u32,
    /// How the spectrogram was made.
    pub spectrogram: SpectrogramFacts,
    /// Which voice activity detector.
    pub voice_detector: String,
    /// The recordings, in the study's order.
    pub recordings: Vec<ClipHeader>,
    /// Those left out, with the cause.
    pub failed: Vec<FailedRecording>,
}

/// An opened clips artifact.
#[derive(Clone, Debug)]
pub struct ClipsArtifact {
    /// The artifact.
    pub artifact: Artifact,
    /// Its details.
    pub details: ClipsDetails,
}

impl ClipsArtifact {
    /// Opens a clips artifact.
    ///
    /// # Errors
    /// As [`Artifact::open`], and when the details are not those of clips.
    pub fn open(path: &Path) -> Result<Self, ArtifactError> {
        let artifact = Artifact::open(path, Stage::Clips)?;
        let details = serde_json::from_value(artifact.manifest.details.clone()).map_err(|error| {
            ArtifactError::Manifest { path: artifact.file("manifest.json"), cause: format!("details: {error}") }
        })?;
        Ok(Self { artifact, details })
    }

    /// Opens recording `index`.
    ///
    /// # Errors
    /// When its file is not as the details say.
    pub fn reader(&self, index: usize) -> Result<ClipReader, ArtifactError> {
        let header = &self.details.recordings[index];
        ClipReader::open(&self.artifact.file(&header.file), self.details.spectrogram.hop_secs)
    }
}
