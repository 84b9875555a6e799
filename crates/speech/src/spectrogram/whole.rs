//! The spectrogram of a slice at once: for tests, short clips and tools.

use super::config::SpectrogramConfig;
use super::stream::SpectrogramStream;
use crate::{LevelStats, Levels, PeakLevel, SpeechError};

/// Rows of values, `[T, n_bands]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrogram {
    /// Values in a row.
    pub n_bands: usize,
    /// The rows one after the other; in dB until [`Spectrogram::standardise`].
    pub values: Vec<f32>,
}

/// The spectrogram of `samples` in dB, without the floor.
///
/// # Errors
/// [`SpeechError::Setting`] for settings out of range.
pub fn spectrogram_db(samples: &[f32], config: &SpectrogramConfig) -> Result<Spectrogram, SpeechError> {
    let mut stream = SpectrogramStream::new(config)?;
    let rows = config.rows_of(samples.len() as u64) as usize;
    let mut values = Vec::with_capacity(rows * config.n_bands());
    stream.push(samples, &mut values);
    stream.finish(&mut values);
    Ok(Spectrogram { n_bands: config.n_bands(), values })
}

impl Spectrogram {
    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.values.len() / self.n_bands
    }

    /// Row `t`.
    pub fn row(&self, t: usize) -> &[f32] {
        &self.values[t * self.n_bands..][..self.n_bands]
    }

    /// Raises values to `top_db` below the loudest: `librosa.power_to_db(..., ref=1.0, top_db=top_db)`.
    pub fn floor(&mut self, top_db: f32) {
        let mut peak = PeakLevel::default();
        peak.observe(&self.values);
        let floor_db = peak.floor_db(top_db);
        self.values.iter_mut().for_each(|value| *value = value.max(floor_db));
    }

    /// Floors, then standardises with the mean and deviation of the rows that `is_audio` accepts.
    pub fn standardise(&mut self, top_db: f32, is_audio: impl Fn(usize) -> bool) -> Levels {
        let mut peak = PeakLevel::default();
        peak.observe(&self.values);
        let mut stats = LevelStats::new(peak.floor_db(top_db));
        (0..self.n_rows()).filter(|&t| is_audio(t)).for_each(|t| stats.observe(self.row(t)));
        let levels = stats.finish();
        levels.apply(&mut self.values);
        levels
    }
}
