//! `truth.json`: what a real study would not know. For evaluation only.

use serde::Serialize;

use crate::SimulateConfig;
use crate::speech::{Role, Script, Utterance};

/// What the file says of itself.
pub const NOTICE: &str = "simulation truth: known only because this study is simulated; for evaluation, never an \
                          input of preprocessing or training";
/// What it says of a study over real videos.
pub const NOTICE_OVER_VIDEOS: &str = "simulation truth: the videos and their labels are real, who says what when is made up; \
                                      for evaluation, never an input of preprocessing or training";

/// The whole file.
#[derive(Debug, Serialize)]
pub struct StudyTruth<'a> {
    /// [`NOTICE`]
    pub what: &'static str,
    /// what the study was made from
    pub config: &'a SimulateConfig,
    /// one to a recording
    pub recordings: Vec<RecordingTruth>,
}

/// Truth of one recording; times in seconds on its clock.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordingTruth {
    /// id in recordings.csv
    pub recording: String,
    /// subject in recordings.csv
    pub subject: String,
    /// who scans and speaks
    pub sonographer: String,
    /// the invented name and number burnt into the picture: what must not be found in any artifact; none in real videos
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient: Option<TruePatient>,
    /// the real videos that it is joined from, in order of time; none where scans are drawn
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub videos: Vec<TrueVideo>,
    /// planes and background, covering the recording
    pub plane_spans: Vec<TrueSpan>,
    /// when the picture stands still, in order of time
    pub freezes: Vec<TrueFreeze>,
    /// all speech, in order of time, never two at once
    pub utterances: Vec<TrueUtterance>,
    /// from behind a curtain, hardly to be heard, over anything: not counted as speech
    pub voices_behind: Vec<TrueUtterance>,
    /// where the structure of interest is while a plane is held
    pub centre_track: Vec<TrueCentre>,
}

/// A real video on the screen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrueVideo {
    /// first moment
    pub start_secs: f64,
    /// end
    pub end_secs: f64,
    /// the video, as the manifest names it
    pub video: String,
    /// whose it is, as the manifest says
    pub patient: String,
    /// where in the video it begins
    pub from_secs: f64,
    /// whether it began anew before it was taken off the screen
    pub repeats: bool,
}

/// What the patient's line says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruePatient {
    /// last and first name
    pub name: String,
    /// hospital number
    pub number: String,
}

/// A frozen picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TrueFreeze {
    /// the key is pressed
    pub start_secs: f64,
    /// the picture moves again
    pub end_secs: f64,
    /// whether it carries the marks of a measurement
    pub calipers: bool,
}

/// A plane or `background` on the screen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrueSpan {
    /// first moment
    pub start_secs: f64,
    /// end
    pub end_secs: f64,
    /// name
    pub plane: String,
}

/// Something said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrueUtterance {
    /// first sound
    pub start_secs: f64,
    /// last sound
    pub end_secs: f64,
    /// who speaks
    pub role: Role,
    /// in whose voice: of espeak-ng or of the recorded phrases
    pub voice: String,
    /// whether it has to do with the picture
    pub related: bool,
    /// what the words are about: a plane, `background` (the search), `vague` (the picture, but not what it shows), `chat`
    pub label: String,
    /// the words
    pub text: String,
    /// which phrasing the words are a form of: a template of the grammar, a row of a file
    pub phrasing: String,
    /// the plane whose visit gave rise to it; differs from `label` where that is vague or narration is scrambled
    pub visited_plane: Option<String>,
    /// from finding the plane to its first mention; negative when early
    pub lag_secs: Option<f64>,
    /// louder or softer than the recipe's level
    pub loudness_db: f32,
}

/// The structure of interest at a moment, 0..1 of the full video frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TrueCentre {
    /// moment
    pub time_secs: f64,
    /// from the left
    pub x: f32,
    /// from the top
    pub y: f32,
}

impl TrueUtterance {
    /// Truth of an utterance of a script on a visit to `visited_plane`.
    pub fn of(script: &Script, utterance: &Utterance, visited_plane: Option<String>) -> Self {
        let speaker = &script.speakers[utterance.speaker];
        Self {
            role: speaker.role,
            voice: speaker.voice.name.clone(),
            related: utterance.is_related(),
            phrasing: utterance.phrasing.clone(),
            // a hundredth of a decibel
            loudness_db: (utterance.loudness_db * 100.0).round() / 100.0,
            start_secs: round_secs(utterance.start_secs),
            end_secs: round_secs(utterance.end_secs),
            label: utterance.label.clone(),
            text: utterance.text.clone(),
            visited_plane,
            lag_secs: utterance.lag_secs.map(round_secs),
        }
    }
}

/// To a tenth of a millisecond: much finer than any frame or gaze sample.
pub fn round_secs(secs: f64) -> f64 {
    (secs * 1e4).round() / 1e4
}
