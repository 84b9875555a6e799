//! Settings of the spectrograms.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::frame::MIN_POWER_DB;
use super::mel::{empty_filter, mel_filters};
use crate::{MAX_RATE_HZ, MIN_RATE_HZ, SpeechError};

/// Which spectrogram, with its settings. In a recipe: `kind = "log-mel"`, `"paper"` or `"whisper"` beside the fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum SpectrogramConfig {
    /// Mel bands on Slaney's scale: the default.
    LogMel(LogMelConfig),
    /// Linear bins with the windows of the MICCAI 2020 paper.
    Paper(PaperConfig),
    /// Mel bands as the published Whisper encoders want them.
    Whisper(WhisperMelConfig),
}

/// Log-mel rows; the defaults are our choice, see docs/method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogMelConfig {
    /// Rate of the signal, in Hz.
    pub sample_rate_hz: u32,
    /// FFT length in samples, even; a shorter window is padded with zeros on both sides.
    pub n_fft: usize,
    /// Length of the Hann window, rounded to whole samples.
    pub window_secs: f64,
    /// Time between rows; a whole number of samples.
    pub hop_secs: f64,
    /// Number of mel bands between 0 Hz and half the sample rate.
    pub n_mels: usize,
    /// Values are raised to this many dB below the recording's loudest.
    pub top_db: f32,
}

impl Default for LogMelConfig {
    fn default() -> Self {
        Self {
            sample_rate_hz: 24_000,
            n_fft: 1024,
            window_secs: 0.025,
            hop_secs: 0.010,
            n_mels: 128,
            top_db: 80.0,
        }
    }
}

/// The paper's short-time Fourier transform: 24 kHz, 10 ms windows every 5 ms, 256 bands (Jiao et al. 2020, section
/// 3.1). A 240-sample window has 121 bins, so the 256 bands imply an FFT of 510 samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PaperConfig {
    /// Rate of the signal, in Hz.
    pub sample_rate_hz: u32,
    /// FFT length in samples, even; gives `n_fft / 2 + 1` bands.
    pub n_fft: usize,
    /// Length of the Hann window, rounded to whole samples.
    pub window_secs: f64,
    /// Time between rows; a whole number of samples.
    pub hop_secs: f64,
    /// Values are raised to this many dB below the recording's loudest.
    pub top_db: f32,
}

impl Default for PaperConfig {
    fn default() -> Self {
        Self { sample_rate_hz: 24_000, n_fft: 510, window_secs: 0.010, hop_secs: 0.005, top_db: 80.0 }
    }
}

/// Whisper's mel rows (Radford et al. 2022; openai/whisper `audio.py`): 16 kHz, Hann windows of 400 samples every 160, Slaney's
/// mel bands, log10 of the power, at least 1e-10. They stay as they are: Whisper floors and scales every window it hears by
/// the window's own loudest value, so no level of the recording may go in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WhisperMelConfig {
    /// Number of mel bands between 0 Hz and 8 kHz: 80, and 128 for large-v3.
    pub n_mels: usize,
}

impl WhisperMelConfig {
    const SAMPLE_RATE_HZ: u32 = 16_000;
    const N_FFT: usize = 400;
    const HOP_SECS: f64 = 0.010;
}

impl Default for WhisperMelConfig {
    fn default() -> Self {
        Self { n_mels: 80 }
    }
}

impl Default for SpectrogramConfig {
    fn default() -> Self {
        Self::LogMel(LogMelConfig::default())
    }
}

impl FromStr for SpectrogramConfig {
    type Err = SpeechError;

    /// The defaults of the kind of that name.
    fn from_str(kind: &str) -> Result<Self, SpeechError> {
        match kind {
            "log-mel" => Ok(Self::LogMel(LogMelConfig::default())),
            "paper" => Ok(Self::Paper(PaperConfig::default())),
            "whisper" => Ok(Self::Whisper(WhisperMelConfig::default())),
            _ => Err(SpeechError::UnknownKind {
                what: "spectrogram",
                expected: "log-mel, paper, whisper",
                found: kind.to_string(),
            }),
        }
    }
}

impl SpectrogramConfig {
    /// The name of the kind, as it stands in recipes and artifacts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::LogMel(_) => "log-mel",
            Self::Paper(_) => "paper",
            Self::Whisper(_) => "whisper",
        }
    }

    /// Rate that the signal must have, in Hz.
    pub fn sample_rate_hz(&self) -> u32 {
        match self {
            Self::LogMel(c) => c.sample_rate_hz,
            Self::Paper(c) => c.sample_rate_hz,
            Self::Whisper(_) => WhisperMelConfig::SAMPLE_RATE_HZ,
        }
    }

    /// FFT length in samples.
    pub fn n_fft(&self) -> usize {
        match self {
            Self::LogMel(c) => c.n_fft,
            Self::Paper(c) => c.n_fft,
            Self::Whisper(_) => WhisperMelConfig::N_FFT,
        }
    }

    /// Window length as given, in seconds.
    pub fn window_secs(&self) -> f64 {
        match self {
            Self::LogMel(c) => c.window_secs,
            Self::Paper(c) => c.window_secs,
            Self::Whisper(_) => WhisperMelConfig::N_FFT as f64 / f64::from(WhisperMelConfig::SAMPLE_RATE_HZ),
        }
    }

    /// Time between rows, in seconds.
    pub fn hop_secs(&self) -> f64 {
        match self {
            Self::LogMel(c) => c.hop_secs,
            Self::Paper(c) => c.hop_secs,
            Self::Whisper(_) => WhisperMelConfig::HOP_SECS,
        }
    }

    /// Depth of the floor below the recording's loudest value, in dB; `None` where rows are not levelled by the recording but
    /// kept as log10 of the power.
    pub fn top_db(&self) -> Option<f32> {
        match self {
            Self::LogMel(c) => Some(c.top_db),
            Self::Paper(c) => Some(c.top_db),
            Self::Whisper(_) => None,
        }
    }

    /// What a row of digital silence holds: nothing, where rows are levelled by the recording, else its log10.
    pub fn silence(&self) -> f32 {
        if self.top_db().is_some() { 0.0 } else { MIN_POWER_DB / 10.0 }
    }

    /// Window length in samples.
    pub fn window_length(&self) -> usize {
        (self.window_secs() * f64::from(self.sample_rate_hz())).round() as usize
    }

    /// Time between rows in samples.
    pub fn hop_length(&self) -> usize {
        (self.hop_secs() * f64::from(self.sample_rate_hz())).round() as usize
    }

    /// Values in a row.
    pub fn n_bands(&self) -> usize {
        match self {
            Self::LogMel(c) => c.n_mels,
            Self::Paper(c) => c.n_fft / 2 + 1,
            Self::Whisper(c) => c.n_mels,
        }
    }

    /// Rows of a signal of `samples` samples: librosa's `1 + samples / hop_length` (`center=True`), none for an
    /// empty signal.
    pub fn rows_of(&self, samples: u64) -> u64 {
        if samples == 0 { 0 } else { 1 + samples / self.hop_length() as u64 }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`SpeechError::Setting`] for the first one that is out of range.
    pub fn validate(&self) -> Result<(), SpeechError> {
        let table = self.kind();
        let err =
            |field, expected: String, found: String| Err(SpeechError::setting(table, field, expected, found));
        let rate = self.sample_rate_hz();
        if !(MIN_RATE_HZ..=MAX_RATE_HZ).contains(&rate) {
            return err("sample_rate_hz", format!("{MIN_RATE_HZ} to {MAX_RATE_HZ}"), rate.to_string());
        }
        let n_fft = self.n_fft();
        if !(2..=1 << 20).contains(&n_fft) || n_fft % 2 == 1 {
            return err("n_fft", "an even number from 2 to 1048576".into(), n_fft.to_string());
        }
        let hop_samples = self.hop_secs() * f64::from(rate);
        if !(hop_samples >= 1.0 && (hop_samples - hop_samples.round()).abs() < 1e-6) {
            // Rounding it would let the rows drift from the recording's clock.
            let expected = format!("a whole number of samples at {rate} Hz");
            return err("hop_secs", expected, format!("{} ({hop_samples} samples)", self.hop_secs()));
        }
        let window_secs = self.window_secs();
        if !(window_secs.is_finite() && (self.hop_length()..=n_fft).contains(&self.window_length())) {
            let expected = format!("{} (the hop) to {n_fft} (n_fft) samples", self.hop_length());
            let samples = window_secs * f64::from(rate);
            return err("window_secs", expected, format!("{window_secs} ({samples} samples)"));
        }
        if let Some(top_db) = self.top_db().filter(|top_db| !(*top_db > 0.0 && top_db.is_finite())) {
            return err("top_db", "a positive number".into(), top_db.to_string());
        }
        match self {
            Self::LogMel(_) | Self::Whisper(_) => self.validate_bands(),
            Self::Paper(_) => Ok(()),
        }
    }

    fn validate_bands(&self) -> Result<(), SpeechError> {
        let (n_fft, n_mels) = (self.n_fft(), self.n_bands());
        let most = n_fft / 2 + 1;
        if !(1..=most).contains(&n_mels) {
            let expected = format!("1 to {most} (the bins of n_fft {n_fft})");
            return Err(SpeechError::setting(self.kind(), "n_mels", expected, n_mels));
        }
        match empty_filter(&mel_filters(self.sample_rate_hz(), n_fft, n_mels)) {
            None => Ok(()),
            Some(band) => {
                let expected =
                    format!("few enough that every band holds a bin of n_fft {n_fft} (band {band} has none)");
                Err(SpeechError::setting(self.kind(), "n_mels", expected, n_mels))
            }
        }
    }
}
