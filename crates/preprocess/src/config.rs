//! What a clip is to be: the recipe's section `[preprocess]`.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use sonovox_speech::{EarshotConfig, SpectrogramConfig, VoiceDetector};

use crate::PreprocessError;

/// Settings of the stage. Unknown keys are refused; what is left out takes its default.
///
/// ```toml
/// crop = "auto"
/// spectrogram = "log-mel"          # or a table: { kind = "log-mel", n_mels = 64 }
/// voice = "earshot"
/// [frame]
/// height = 224
/// width = 288
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PreprocessConfig {
    /// Size and choice of the frames.
    pub frame: FrameConfig,
    /// Which part of the picture is kept.
    pub crop: CropMode,
    /// What becomes of a recording that breaks off before its end.
    pub incomplete: Incomplete,
    /// The spectrogram: the name of its kind, or a table with `kind` and its settings.
    #[serde(deserialize_with = "name_or_table")]
    pub spectrogram: SpectrogramConfig,
    /// The voice activity detector: its name, or a table with `kind` and its settings.
    #[serde(deserialize_with = "name_or_table")]
    pub voice: VoiceDetector,
    /// Recordings worked on at the same time; 0 takes one to a core. It does not change the result and so does not
    /// stand in the manifest.
    #[serde(skip_serializing)]
    pub jobs: usize,
    /// Threads that decode one recording; 0 shares the cores out. It does not change the result either.
    #[serde(skip_serializing)]
    pub decode_threads: usize,
}

/// Size and choice of the frames.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FrameConfig {
    /// Height in pixels (224: the group's networks, IPMI 2019).
    pub height: u32,
    /// Width in pixels (288).
    pub width: u32,
    /// Keep every n-th frame.
    pub every: u32,
    /// Of those, keep at most this many to a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_frames_per_sec: Option<f64>,
}

/// Which part of the picture is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CropMode {
    /// The study's rectangle where study.toml gives one, else the inner rectangle of the ultrasound image, found in
    /// every recording.
    #[default]
    Auto,
    /// All of it, and the study's rectangle is not used either: whatever is burnt into the picture stays in.
    None,
}

/// What becomes of a recording that breaks off before the end that its container states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Incomplete {
    /// It is refused: most often a copy went wrong, and the rest lies elsewhere.
    #[default]
    Refuse,
    /// What could be read is kept, with a note.
    Keep,
}

impl Default for PreprocessConfig {
    fn default() -> Self {
        Self {
            frame: FrameConfig::default(),
            crop: CropMode::default(),
            incomplete: Incomplete::default(),
            spectrogram: SpectrogramConfig::default(),
            voice: VoiceDetector::Earshot(EarshotConfig::default()),
            jobs: 0,
            decode_threads: 0,
        }
    }
}

impl Default for FrameConfig {
    fn default() -> Self {
        Self { height: 224, width: 288, every: 1, max_frames_per_sec: None }
    }
}

impl PreprocessConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`PreprocessError::Setting`] or [`PreprocessError::Speech`] for the first one out of range.
    pub fn validate(&self) -> Result<(), PreprocessError> {
        let FrameConfig { height, width, every, max_frames_per_sec } = self.frame;
        let setting = |key, expected, found| Err(PreprocessError::Setting { key, expected, found });
        for (key, side) in [("frame.height", height), ("frame.width", width)] {
            if !(8..=4096).contains(&side) {
                return setting(key, "8 to 4096", side.to_string());
            }
        }
        if every == 0 {
            return setting("frame.every", "at least 1", every.to_string());
        }
        if let Some(rate) = max_frames_per_sec.filter(|rate| !(rate.is_finite() && *rate > 0.0)) {
            return setting("frame.max_frames_per_sec", "a number above 0", rate.to_string());
        }
        self.spectrogram.validate()?;
        self.voice.validate()?;
        Ok(())
    }

    /// How many recordings to work on side by side, and with how many decoding threads each, on `cores` cores.
    pub(crate) fn workers(&self, cores: usize, recordings: usize) -> (usize, usize) {
        let jobs = if self.jobs == 0 { cores } else { self.jobs };
        let jobs = jobs.clamp(1, recordings.max(1));
        let threads = if self.decode_threads == 0 { cores / jobs } else { self.decode_threads };
        (jobs, threads.max(1))
    }
}

/// A string, which names a kind with its defaults, or a table.
fn name_or_table<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    struct NameOrTable<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de> + FromStr<Err: fmt::Display>> Visitor<'de> for NameOrTable<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the name of a kind, or a table with `kind` and its settings")
        }

        fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<T, E> {
            name.parse().map_err(E::custom)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_any(NameOrTable(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sonovox_speech::LogMelConfig;

    fn parse(text: &str) -> Result<PreprocessConfig, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_the_paper_s_frames_and_log_mel() {
        let config = parse("").unwrap();
        assert_eq!(config, PreprocessConfig::default());
        config.validate().unwrap();
        assert_eq!((config.frame.height, config.frame.width, config.frame.every), (224, 288, 1));
        assert_eq!((config.spectrogram.kind(), config.voice.kind()), ("log-mel", "earshot"));
    }

    #[test]
    fn kinds_by_name_or_by_table() {
        let config = parse("spectrogram = \"paper\"\nvoice = \"energy\"").unwrap();
        assert_eq!((config.spectrogram.kind(), config.voice.kind()), ("paper", "energy"));
        let config = parse("[spectrogram]\nkind = \"log-mel\"\nn_mels = 64").unwrap();
        let SpectrogramConfig::LogMel(LogMelConfig { n_mels, n_fft, .. }) = config.spectrogram else {
            panic!("{config:?}")
        };
        assert_eq!((n_mels, n_fft), (64, 1024));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("frames = 3", "unknown field `frames`"),
            ("[frame]\nheigth = 3", "unknown field `heigth`"),
            ("crop = \"fan\"", "unknown variant `fan`, expected `auto` or `none`"),
            ("spectrogram = \"mel\"", "mel"),
            ("voice = 3", "the name of a kind"),
            ("[spectrogram]\nkind = \"log-mel\"\nmels = 3", "unknown field `mels`"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn values_out_of_range_are_named() {
        for (text, expected) in [
            ("[frame]\nheight = 4", "frame.height"),
            ("[frame]\nevery = 0", "frame.every"),
            ("[frame]\nmax_frames_per_sec = -1.0", "frame.max_frames_per_sec"),
            ("[frame]\nmax_frames_per_sec = nan", "frame.max_frames_per_sec"),
            ("[spectrogram]\nkind = \"log-mel\"\nn_fft = 3", "n_fft"),
        ] {
            let error = parse(text).unwrap().validate().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn the_manifest_does_not_know_how_many_worked() {
        let config = PreprocessConfig { jobs: 7, decode_threads: 3, ..Default::default() };
        assert_eq!(
            serde_json::to_value(&config).unwrap(),
            serde_json::to_value(PreprocessConfig::default()).unwrap()
        );
        assert_eq!(config.workers(2, 100), (7, 3));
        assert_eq!(PreprocessConfig::default().workers(8, 2), (2, 4));
        assert_eq!(PreprocessConfig::default().workers(2, 9), (2, 1));
    }
}
