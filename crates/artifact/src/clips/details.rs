//! What a clips manifest says of its recordings.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::clips::ClipReader;
use crate::{Artifact, ArtifactError, Stage};

/// How the spectrogram was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpectrogramFacts {
    /// "log-mel", "paper" or "whisper".
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
    /// The fold of a cross-validation that the study gives it, from 0; `None` also in artifacts from before folds.
    pub fold: Option<u32>,
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
    /// As [`Artifact::open`], and when the details are not those of clips or name a file that the manifest does not.
    pub fn open(path: &Path) -> Result<Self, ArtifactError> {
        let artifact = Artifact::open(path, Stage::Clips)?;
        let garbled = |cause| ArtifactError::Manifest { path: artifact.file("manifest.json"), cause };
        let details: ClipsDetails = serde_json::from_value(artifact.manifest.details.clone())
            .map_err(|error| garbled(format!("details: {error}")))?;
        let files = &artifact.manifest.files;
        if let Some(clip) = details.recordings.iter().find(|clip| !files.contains_key(&clip.file)) {
            let (recording, file) = (&clip.recording, &clip.file);
            return Err(garbled(format!("recording `{recording}`: expected its file `{file}`, found none")));
        }
        Ok(Self { artifact, details })
    }

    /// The subjects of the recordings at these places, sorted, each once.
    ///
    /// # Panics
    /// When there is no such place.
    pub fn subjects(&self, recordings: &[usize]) -> Vec<String> {
        let subject = |&at: &usize| self.details.recordings[at].subject.clone();
        let mut subjects: Vec<String> = recordings.iter().map(subject).collect();
        subjects.sort();
        subjects.dedup();
        subjects
    }

    /// Opens recording `index`.
    ///
    /// # Errors
    /// When its file is not as the details say.
    pub fn reader(&self, index: usize) -> Result<ClipReader, ArtifactError> {
        let (details, header) = (&self.details, &self.details.recordings[index]);
        let clip = ClipReader::open(&self.artifact.file(&header.file), details.spectrogram.hop_secs)?;
        let bands =
            if clip.mel_frames() == 0 { clip.n_bands() } else { details.spectrogram.n_bands as usize };
        let expected = [
            header.frames as usize,
            details.height as usize,
            details.width as usize,
            header.rows as usize,
            bands,
        ];
        let found = [clip.frames(), clip.height(), clip.width(), clip.mel_frames(), clip.n_bands()];
        if found != expected {
            let text =
                |[f, h, w, t, b]: [usize; 5]| format!("{f} frames of {h} x {w}, {t} rows of {b} bands");
            let path = self.artifact.file(&header.file);
            return Err(ArtifactError::damaged(path, "tensors by the manifest", text(expected), text(found)));
        }
        Ok(clip)
    }
}
