//! All that is said in one recording.

use std::sync::Arc;

use super::clip::Clip;
use super::phrases::CHAT;
use super::voice::Speaker;

/// Something said.
#[derive(Debug, Clone)]
pub struct Utterance {
    /// on the recording's clock
    pub start_secs: f64,
    /// on the recording's clock
    pub end_secs: f64,
    /// who speaks, in the script's list
    pub speaker: usize,
    /// what the words are about: a plane, `background`, `vague`, `chat`
    pub label: String,
    /// the words
    pub text: String,
    /// which phrasing the words are a form of
    pub phrasing: String,
    /// the visit that gave rise to it
    pub visit: Option<usize>,
    /// for the first mention of a visit: from finding the plane to speaking; negative when early
    pub lag_secs: Option<f64>,
    /// how it sounds
    pub clip: Arc<Clip>,
    /// louder or softer than usual, all told
    pub loudness_db: f32,
    /// of it, what distance makes
    pub distance_db: f32,
}

impl Utterance {
    /// Whether it has to do with the picture.
    pub fn is_related(&self) -> bool {
        self.label != CHAT
    }

    /// How long it takes.
    pub fn seconds(&self) -> f64 {
        self.end_secs - self.start_secs
    }
}

/// All that is said in one recording.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// the sonographer, then others
    pub speakers: Vec<Speaker>,
    /// in order of time, never two at once
    pub utterances: Vec<Utterance>,
    /// hardly to be heard, from behind a curtain: not counted as speech
    pub behind: Vec<Utterance>,
}

impl Script {
    /// Seconds of speech with a label that `wanted` accepts.
    pub fn spoken_secs(&self, wanted: impl Fn(&str) -> bool) -> f64 {
        self.utterances.iter().filter(|u| wanted(&u.label)).map(Utterance::seconds).sum()
    }
}
