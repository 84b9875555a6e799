//! Speech signal in, training input out: resampling, spectrograms, level statistics, voice activity.
//!
//! Slices go in and buffers come out; nothing here reads a file or knows of a recording. Every piece exists as a
//! stream with bounded memory, because a recording lasts an hour, and gives the same bytes however its input is
//! cut into blocks:
//!
//! - [`Resampler`]: any rate to the working rate (24 kHz), delay compensated.
//! - [`SpectrogramStream`]: log-mel rows as librosa's, the linear rows of the MICCAI 2020 paper, or Whisper's mel rows.
//! - [`PeakLevel`], [`LevelStats`], [`Levels`]: the floor and the standardisation of a recording, which need all of
//!   it, as second and third passes over spooled rows.
//! - [`VoiceStream`]: one value in 0..=1 to a spectrogram row, by the detector a [`VoiceDetector`] names.
//!
//! Row `t` of a spectrogram and of a voice stream belongs to the time `t * hop_secs` after the first sample. A
//! signal of `n` samples has `1 + n / hop_length` rows, an empty one none ([`SpectrogramConfig::rows_of`]).

mod error;
mod level;
mod resample;
mod spectrogram;
mod voice;

pub use error::SpeechError;
pub use level::{LevelStats, Levels, PeakLevel, SILENT_STD_DB};
pub use resample::{MAX_RATE_HZ, MIN_RATE_HZ, Resampler};
pub use spectrogram::{
    LogMelConfig, MIN_POWER_DB, MelFilter, PaperConfig, Spectrogram, SpectrogramConfig, SpectrogramStream,
    WhisperMelConfig, mel_filters, spectrogram_db,
};
pub use voice::{EarshotConfig, EnergyConfig, VOICED_FROM, VoiceDetector, VoiceStream};
