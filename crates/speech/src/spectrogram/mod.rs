//! Spectrograms as rows of power in decibels: settings, mel filters, one frame, the stream, a whole slice.

mod config;
mod frame;
mod mel;
mod stream;
mod whole;

pub use config::{LogMelConfig, PaperConfig, SpectrogramConfig, WhisperMelConfig};
pub use frame::MIN_POWER_DB;
pub use mel::{MelFilter, mel_filters};
pub use stream::SpectrogramStream;
pub use whole::{Spectrogram, spectrogram_db};
