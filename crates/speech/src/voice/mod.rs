//! Voice activity: is somebody speaking at the time of a spectrogram row?
//!
//! Two detectors: [`EnergyConfig`], the one the MICCAI 2020 paper divides its fragments with, and [`EarshotConfig`], a
//! small recurrent net (the crate `earshot`, weights included). Both take the signal at the working rate, both have
//! their latency taken out: value `t` belongs to the time `t * hop_secs`, as row `t` of the spectrogram does.

mod band;
mod earshot;
mod energy;
mod threshold;

use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use self::earshot::EarshotConfig;
pub use self::energy::EnergyConfig;
use crate::SpeechError;

/// A value from here on means that somebody is speaking.
pub const VOICED_FROM: f32 = 0.5;

/// Which voice activity detector, with its settings. In a recipe: `kind = "energy"` or `kind = "earshot"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum VoiceDetector {
    /// Short-term energy against a threshold from its running minimum and maximum; values are 0 or 1.
    Energy(EnergyConfig),
    /// earshot's score, 0 to 1.
    Earshot(EarshotConfig),
}

impl Default for VoiceDetector {
    fn default() -> Self {
        Self::Energy(EnergyConfig::default())
    }
}

impl FromStr for VoiceDetector {
    type Err = SpeechError;

    /// The defaults of the detector of that name.
    fn from_str(kind: &str) -> Result<Self, SpeechError> {
        match kind {
            "energy" => Ok(Self::Energy(EnergyConfig::default())),
            "earshot" => Ok(Self::Earshot(EarshotConfig::default())),
            _ => Err(SpeechError::UnknownKind {
                what: "voice detector",
                expected: "energy, earshot",
                found: kind.to_string(),
            }),
        }
    }
}

impl VoiceDetector {
    /// The name of the detector, as it stands in recipes and artifacts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Energy(_) => "energy",
            Self::Earshot(_) => "earshot",
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`SpeechError::Setting`] for the first one that is out of range.
    pub fn validate(&self) -> Result<(), SpeechError> {
        match self {
            Self::Energy(config) => config.validate(),
            Self::Earshot(config) => config.validate(),
        }
    }

    /// A stream of values, one to every `hop_length` samples of a signal at `sample_rate_hz`.
    ///
    /// # Errors
    /// [`SpeechError`] for settings, a rate or a hop out of range.
    pub fn stream(&self, sample_rate_hz: u32, hop_length: usize) -> Result<VoiceStream, SpeechError> {
        self.validate()?;
        if hop_length == 0 {
            return Err(SpeechError::setting(self.kind(), "hop_length", "at least 1", hop_length));
        }
        let detector: Box<dyn RowDetector> = match self {
            Self::Energy(config) => Box::new(energy::EnergyStream::new(config, sample_rate_hz, hop_length)),
            Self::Earshot(_) => Box::new(earshot::EarshotStream::new(sample_rate_hz, hop_length)?),
        };
        Ok(VoiceStream { detector })
    }

    /// The values of a whole signal; as many as its spectrogram has rows with that hop.
    ///
    /// # Errors
    /// As [`VoiceDetector::stream`].
    pub fn detect(
        &self,
        samples: &[f32],
        sample_rate_hz: u32,
        hop_length: usize,
    ) -> Result<Vec<f32>, SpeechError> {
        let mut stream = self.stream(sample_rate_hz, hop_length)?;
        let mut voice = Vec::with_capacity(samples.len() / hop_length + 1);
        stream.push(samples, &mut voice);
        stream.finish(&mut voice);
        Ok(voice)
    }
}

/// What both detectors do.
trait RowDetector: Send {
    fn push(&mut self, samples: &[f32], voice: &mut Vec<f32>);
    fn finish(&mut self, voice: &mut Vec<f32>);
}

/// A detector at work; memory does not depend on the signal's length.
pub struct VoiceStream {
    detector: Box<dyn RowDetector>,
}

impl VoiceStream {
    /// Takes samples and appends to `voice` the values that are now known, in 0..=1.
    pub fn push(&mut self, samples: &[f32], voice: &mut Vec<f32>) {
        self.detector.push(samples, voice);
    }

    /// Ends the signal: appends what is left, up to `1 + samples / hop_length` values in all (none for no samples).
    pub fn finish(mut self, voice: &mut Vec<f32>) {
        self.detector.finish(voice);
    }
}
