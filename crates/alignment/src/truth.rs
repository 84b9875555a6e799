//! The parts of a simulated study's `truth.json` (crates/simulate/src/truth.rs) that this evaluation asks for.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::AlignmentError;

/// The truth of every recording, by the recording's name.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    recordings: BTreeMap<String, RecordingTruth>,
}

/// The truth of one recording; times in seconds on its clock.
#[derive(Clone, Debug, Deserialize)]
pub struct RecordingTruth {
    recording: String,
    /// What is on the screen.
    pub plane_spans: Vec<Span>,
    /// All that is said.
    pub utterances: Vec<Utterance>,
}

/// A plane or `background` on the screen.
#[derive(Clone, Debug, Deserialize)]
pub struct Span {
    start_secs: f64,
    end_secs: f64,
    plane: String,
}

/// Something said.
#[derive(Clone, Debug, Deserialize)]
pub struct Utterance {
    /// First sound.
    pub start_secs: f64,
    /// Last sound.
    pub end_secs: f64,
    /// Whether it has to do with the picture.
    pub related: bool,
    /// What the words are about: a plane, `background`, `vague` or `chat`.
    pub label: String,
}

impl Truth {
    /// Reads a truth.
    ///
    /// # Errors
    /// When the file cannot be read or is no truth.
    pub fn read(path: &Path) -> Result<Self, AlignmentError> {
        #[derive(Deserialize)]
        struct Whole {
            recordings: Vec<RecordingTruth>,
        }
        let text = std::fs::read(path).map_err(AlignmentError::io(path))?;
        let whole: Whole = serde_json::from_slice(&text).map_err(|error| AlignmentError::Truth {
            path: path.to_owned(),
            cause: format!("expected the truth.json of a simulated study: {error}"),
        })?;
        let recordings = whole.recordings.into_iter().map(|truth| (truth.recording.clone(), truth)).collect();
        Ok(Self { recordings })
    }

    /// Of one recording.
    pub fn of(&self, recording: &str) -> Option<&RecordingTruth> {
        self.recordings.get(recording)
    }
}

impl RecordingTruth {
    /// The plane (or `background`) on the screen at `secs`.
    pub fn plane_at(&self, secs: f64) -> Option<&str> {
        let span = self.plane_spans.iter().find(|span| span.start_secs <= secs && secs < span.end_secs);
        span.map(|span| span.plane.as_str())
    }
}

impl Utterance {
    /// Its middle.
    pub fn middle_secs(&self) -> f64 {
        (self.start_secs + self.end_secs) / 2.0
    }
}
