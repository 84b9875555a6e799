//! What a simulated study is to be: every choice with its default and its limits.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sonovox_study::PlaneList;

use crate::SimulateError;
use crate::anatomy::{PLANE_NAMES, plane_index};

/// A simulated study. Unknown keys are refused; what is left out takes its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SimulateConfig {
    /// name of the study
    pub name: String,
    /// everything random follows from it
    pub seed: u64,
    /// recordings; every one visits all planes
    pub recordings: usize,
    /// subjects; each is scanned in one recording at least
    pub subjects: usize,
    /// folds of a cross-validation to put the subjects into, at least 2; 0 for none
    pub folds: usize,
    /// people who scan and speak; each does several recordings where there are enough
    pub sonographers: usize,
    /// length of a recording
    pub seconds: f64,
    /// planes to visit, out of [`PLANE_NAMES`]; `background` is added
    pub planes: Vec<String>,
    /// share of the time off any plane, 0.1 to 0.9
    pub background_share: f64,
    /// usual time on a plane before moving on
    pub hold_secs: f64,
    /// the picture
    pub video: VideoConfig,
    /// what is said and how it sounds
    pub speech: SpeechConfig,
    /// the eye tracker
    pub gaze: GazeConfig,
    /// real videos to lay narration under, in place of drawn scans
    pub over_videos: OverVideosConfig,
}

/// Real, labelled videos under which narration is laid. Where `folder` is set, nothing is drawn: `recordings` are joined
/// from its videos, `subjects` are groups of their patients, `planes` are their labels, `hold_secs` is the usual time of one
/// video on the screen, and there is neither background nor gaze.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OverVideosConfig {
    /// folder of videos with a `manifest.csv` (columns `path,label,patient`; others are passed over)
    pub folder: Option<PathBuf>,
    /// folders below it whose videos are left out
    pub leave_out: Vec<String>,
    /// of each side of a picture, the share about its middle that is kept, 0.2 to 1
    pub centre_share: f64,
    /// planes by the manifest's labels; where it is empty, labels are planes
    pub labels: BTreeMap<String, String>,
}

/// Size and rate of the picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VideoConfig {
    /// pixels, even
    pub width: u32,
    /// pixels, even
    pub height: u32,
    /// frames a second
    pub fps: u32,
}

/// What the words are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Narration {
    /// the plane on the screen
    Matched,
    /// a plane drawn at random, the right one not left out, with the same voices, times and loudness: the control
    Scrambled,
}

/// What is said, when, and how loud.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpeechConfig {
    /// matched or scrambled
    pub narration: Narration,
    /// chance that a visit to a plane is spoken of, once or several times
    pub mention_share: f64,
    /// of what is said on a visit, the share that does not say what is seen ("lovely view of that")
    pub vague_share: f64,
    /// of the time spoken about the picture, the share that is about the search for a plane
    pub search_share: f64,
    /// share of the recording without speech, 0 to 1; reached as far as the phrases fit
    pub silence_share: f64,
    /// share of the spoken time that has nothing to do with the picture
    pub chat_share: f64,
    /// chance that such talk comes from the mother or somebody else, not from the sonographer
    pub other_share: f64,
    /// when a plane is spoken of
    pub lag: LagConfig,
    /// what recordings of different folds do not share
    pub hold_out: HoldOutConfig,
    /// speech over room noise (both RMS, speech while it lasts), dB
    pub speech_to_noise_db: f64,
    /// level of the speech while it lasts, dB of full scale (RMS)
    pub level_dbfs: f64,
    /// reverberation against the direct sound, dB
    pub reverberation_db: f64,
    /// beeps of the machine
    pub beeps_per_minute: f64,
    /// key presses; about a third begin a row of several
    pub keys_per_minute: f64,
    /// chairs, doors, things put down
    pub bumps_per_minute: f64,
    /// utterances behind a curtain, 26 to 32 dB softer than the others and not counted as speech
    pub voices_behind_per_minute: f64,
    /// the speech synthesiser
    pub espeak: PathBuf,
    /// folder of recorded phrases, with a CSV (`file,label,voice,text`), instead of synthesised ones
    pub recorded: Option<PathBuf>,
    /// CSV of phrases (`label,text`) for the synthesiser instead of the built-in grammar
    pub phrases: Option<PathBuf>,
    /// how many texts there are to a plane, to the search and to what is vague, each out of another phrasing while they last, as
    /// a department has its habits; absent: all of them, hundreds to a plane. Small talk is not limited
    pub repertoire: Option<usize>,
}

/// From finding a plane to first speaking of it: uniform between two ends; some speak before they have it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LagConfig {
    /// shortest lag
    pub min_secs: f64,
    /// longest lag
    pub max_secs: f64,
    /// share of the mentions that come before the plane is found
    pub early_share: f64,
    /// how much before, at most
    pub early_max_secs: f64,
}

/// What recordings of different folds do not share; without folds it changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HoldOutConfig {
    /// phrasings of planes: templates of the grammar, texts of a file
    pub phrasings: bool,
    /// voices
    pub voices: bool,
}

/// The eye tracker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GazeConfig {
    /// samples a second
    pub rate_hz: f64,
    /// scatter of a sample about the point looked at, standard deviation, share of the frame's width
    pub noise: f64,
    /// blinks
    pub blinks_per_minute: f64,
}

impl Default for SimulateConfig {
    fn default() -> Self {
        Self {
            name: "simulated".to_owned(),
            seed: 1,
            recordings: 24,
            subjects: 12,
            folds: 0,
            sonographers: 4,
            seconds: 90.0,
            planes: PLANE_NAMES.map(str::to_owned).to_vec(),
            background_share: 0.4,
            hold_secs: 5.0,
            video: VideoConfig::default(),
            speech: SpeechConfig::default(),
            gaze: GazeConfig::default(),
            over_videos: OverVideosConfig::default(),
        }
    }
}

impl Default for OverVideosConfig {
    fn default() -> Self {
        Self { folder: None, leave_out: Vec::new(), centre_share: 1.0, labels: BTreeMap::new() }
    }
}

impl Default for VideoConfig {
    fn default() -> Self {
        Self { width: 400, height: 300, fps: 15 }
    }
}

impl Default for SpeechConfig {
    fn default() -> Self {
        Self {
            narration: Narration::Matched,
            mention_share: 0.7,
            vague_share: 0.25,
            search_share: 0.3,
            silence_share: 0.5,
            chat_share: 0.33,
            other_share: 0.25,
            lag: LagConfig::default(),
            hold_out: HoldOutConfig::default(),
            speech_to_noise_db: 22.0,
            level_dbfs: -24.0,
            reverberation_db: -10.0,
            beeps_per_minute: 4.0,
            keys_per_minute: 8.0,
            bumps_per_minute: 1.0,
            voices_behind_per_minute: 1.0,
            espeak: PathBuf::from("espeak-ng"),
            recorded: None,
            phrases: None,
            repertoire: None,
        }
    }
}

impl Default for LagConfig {
    fn default() -> Self {
        Self { min_secs: 0.0, max_secs: 4.0, early_share: 0.15, early_max_secs: 1.5 }
    }
}

impl Default for HoldOutConfig {
    fn default() -> Self {
        Self { phrasings: true, voices: true }
    }
}

impl Default for GazeConfig {
    /// Noise of 0.006 of the width: about 0.2 degrees on a screen that fills 35 degrees.
    fn default() -> Self {
        Self { rate_hz: 90.0, noise: 0.006, blinks_per_minute: 12.0 }
    }
}

/// Shortest time for a visit to a plane and the way to it.
const VISIT_MIN_SECS: f64 = 2.0;

impl SimulateConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// The first key that is out of its limits, with what was expected and what was found.
    pub fn check(&self) -> Result<(), SimulateError> {
        whole("recordings", self.recordings, 1)?;
        whole("subjects", self.subjects, 1)?;
        whole("sonographers", self.sonographers, 1)?;
        if self.subjects > self.recordings {
            return Err(bad(
                "subjects",
                format!("at most the {} recordings", self.recordings),
                self.subjects,
            ));
        }
        if self.folds == 1 || self.folds > self.subjects {
            let expected = format!("0 for none, or 2 to the {} subjects", self.subjects);
            return Err(bad("folds", expected, self.folds));
        }
        if self.over_videos.folder.is_some() {
            self.check_over_videos()?;
        } else {
            self.plane_indices()?;
            let least = VISIT_MIN_SECS * (self.planes.len() + 1) as f64;
            limits("seconds", self.seconds, least, 36_000.0)?;
        }
        limits("background_share", self.background_share, 0.1, 0.9)?;
        limits("hold_secs", self.hold_secs, 1.0, 600.0)?;
        self.video.check()?;
        self.speech.check()?;
        limits("gaze.rate_hz", self.gaze.rate_hz, 10.0, 2000.0)?;
        limits("gaze.noise", self.gaze.noise, 0.0, 0.1)?;
        limits("gaze.blinks_per_minute", self.gaze.blinks_per_minute, 0.0, 60.0)
    }

    fn check_over_videos(&self) -> Result<(), SimulateError> {
        let planes = PlaneList::new(self.planes.clone());
        if let Err(fault) = planes.and_then(|planes| match planes.len() {
            0 | 1 => Err(format!("{} of them", planes.len())),
            _ => Ok(()),
        }) {
            return Err(bad("planes", "two or more names, every one once".to_owned(), fault));
        }
        if let Some((label, plane)) =
            self.over_videos.labels.iter().find(|(_, plane)| !self.planes.contains(plane))
        {
            let expected = format!("one of the planes {}", self.planes.join(", "));
            return Err(bad("over_videos.labels", expected, format!("{label} = {plane}")));
        }
        limits("over_videos.centre_share", self.over_videos.centre_share, 0.2, 1.0)?;
        // two videos to a recording at the least
        limits("seconds", self.seconds, 2.0 * self.hold_secs, 36_000.0)
    }

    /// Indices of the planes into [`PLANE_NAMES`].
    ///
    /// # Errors
    /// No plane, a plane listed twice, a plane that cannot be drawn.
    pub fn plane_indices(&self) -> Result<Vec<usize>, SimulateError> {
        let known = || format!("one or more of {}", PLANE_NAMES.join(", "));
        if self.planes.is_empty() {
            return Err(bad("planes", known(), "an empty list"));
        }
        let mut indices = Vec::new();
        for name in &self.planes {
            let index = plane_index(name).ok_or_else(|| bad("planes", known(), name))?;
            if indices.contains(&index) {
                return Err(bad("planes", "every plane once".to_owned(), format!("{name} twice")));
            }
            indices.push(index);
        }
        Ok(indices)
    }

    /// Frames of a recording.
    pub fn frames(&self) -> usize {
        (self.seconds * f64::from(self.video.fps)).round() as usize
    }
}

impl VideoConfig {
    fn check(&self) -> Result<(), SimulateError> {
        for (key, value) in [("video.width", self.width), ("video.height", self.height)] {
            if !(160..=4096).contains(&value) || value % 2 != 0 {
                return Err(bad(key, "an even number of pixels of 160 to 4096".to_owned(), value));
            }
        }
        if !(1..=120).contains(&self.fps) {
            return Err(bad("video.fps", "1 to 120 frames a second".to_owned(), self.fps));
        }
        Ok(())
    }
}

impl SpeechConfig {
    fn check(&self) -> Result<(), SimulateError> {
        limits("speech.mention_share", self.mention_share, 0.0, 1.0)?;
        for (key, share) in [
            ("speech.vague_share", self.vague_share),
            ("speech.search_share", self.search_share),
            ("speech.silence_share", self.silence_share),
            ("speech.chat_share", self.chat_share),
            ("speech.other_share", self.other_share),
        ] {
            limits(key, share, 0.0, 1.0)?;
        }
        if let (Some(_), Some(phrases)) = (&self.recorded, &self.phrases) {
            let expected = "nothing beside speech.recorded, whose CSV has the phrases".to_owned();
            return Err(bad("speech.phrases", expected, phrases.display()));
        }
        if self.repertoire == Some(0) {
            return Err(bad("speech.repertoire", "at least 1, or nothing for all texts".to_owned(), 0));
        }
        limits("speech.speech_to_noise_db", self.speech_to_noise_db, -10.0, 80.0)?;
        limits("speech.level_dbfs", self.level_dbfs, -60.0, -15.0)?;
        limits("speech.reverberation_db", self.reverberation_db, -60.0, 6.0)?;
        limits("speech.beeps_per_minute", self.beeps_per_minute, 0.0, 60.0)?;
        limits("speech.keys_per_minute", self.keys_per_minute, 0.0, 120.0)?;
        limits("speech.bumps_per_minute", self.bumps_per_minute, 0.0, 60.0)?;
        limits("speech.voices_behind_per_minute", self.voices_behind_per_minute, 0.0, 30.0)?;
        limits("speech.lag.min_secs", self.lag.min_secs, 0.0, 60.0)?;
        limits("speech.lag.max_secs", self.lag.max_secs, self.lag.min_secs, 60.0)?;
        limits("speech.lag.early_share", self.lag.early_share, 0.0, 1.0)?;
        limits("speech.lag.early_max_secs", self.lag.early_max_secs, 0.0, 60.0)
    }
}

fn bad(key: &'static str, expected: String, found: impl ToString) -> SimulateError {
    SimulateError::BadConfig { key, expected, found: found.to_string() }
}

fn whole(key: &'static str, value: usize, least: usize) -> Result<(), SimulateError> {
    if value < least {
        return Err(bad(key, format!("at least {least}"), value));
    }
    Ok(())
}

fn limits(key: &'static str, value: f64, low: f64, high: f64) -> Result<(), SimulateError> {
    // a NaN is in no range
    if (low..=high).contains(&value) { Ok(()) } else { Err(bad(key, format!("{low} to {high}"), value)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_within_their_limits() {
        SimulateConfig::default().check().unwrap();
    }

    #[test]
    fn unknown_keys_are_refused_and_missing_ones_take_their_default() {
        let read = serde_json::from_str::<SimulateConfig>;
        let config = read(r#"{"seed": 5, "speech": {"lag": {"max_secs": 4.0}}}"#).unwrap();
        assert_eq!((config.seed, config.recordings, config.speech.lag.max_secs), (5, 24, 4.0));
        for text in [r#"{"sed": 5}"#, r#"{"speech": {"lag": {"most_secs": 4.0}}}"#] {
            assert!(read(text).unwrap_err().to_string().contains("unknown field"));
        }
    }

    #[test]
    fn each_bad_value_is_named() {
        type Spoil = fn(&mut SimulateConfig);
        let cases: [(&str, Spoil); 13] = [
            ("recordings", |c| c.recordings = 0),
            ("subjects", |c| c.subjects = 99),
            ("folds", |c| c.folds = 1),
            ("folds", |c| c.folds = 13),
            ("planes", |c| c.planes.push("elbow".to_owned())),
            ("planes", |c| c.planes.push("4CH".to_owned())),
            ("seconds", |c| c.seconds = 5.0),
            ("background_share", |c| c.background_share = f64::NAN),
            ("video.width", |c| c.video.width = 401),
            ("speech.vague_share", |c| c.speech.vague_share = 1.5),
            ("speech.phrases", |c| {
                (c.speech.recorded, c.speech.phrases) = (Some("a".into()), Some("b".into()));
            }),
            ("speech.repertoire", |c| c.speech.repertoire = Some(0)),
            ("speech.lag.max_secs", |c| c.speech.lag.min_secs = 5.0),
        ];
        for (key, spoil) in cases {
            let mut config = SimulateConfig::default();
            spoil(&mut config);
            let message = config.check().unwrap_err().to_string();
            assert!(message.contains(key), "{message}");
        }
    }
}
