//! Rows of a signal that arrives in blocks.

use super::config::SpectrogramConfig;
use super::frame::FrameTransform;
use crate::SpeechError;

/// Blocks are taken in pieces of this many samples, so that the buffer does not grow with them.
const PIECE: usize = 8192;

/// Makes spectrogram rows while samples arrive; memory does not depend on the signal's length.
///
/// Row `t` is centred on sample `t * hop_length`, silence lies before the first and after the last sample
/// (librosa's `center=True, pad_mode="constant"`). The rows do not depend on how the signal is cut into blocks.
pub struct SpectrogramStream {
    frame: FrameTransform,
    window_length: usize,
    hop_length: usize,
    /// Samples from the start of the next row's window on.
    buffer: Vec<f32>,
    samples: u64,
    rows: u64,
    rows_of: SpectrogramConfig,
}

impl SpectrogramStream {
    /// A stream with these settings, for a signal at their sample rate.
    ///
    /// # Errors
    /// [`SpeechError::Setting`] for settings out of range.
    pub fn new(config: &SpectrogramConfig) -> Result<Self, SpeechError> {
        config.validate()?;
        let window_length = config.window_length();
        // librosa pads the window to n_fft with the odd zero on the right, and centres that.
        let lead = config.n_fft() / 2 - (config.n_fft() - window_length) / 2;
        Ok(Self {
            frame: FrameTransform::new(config),
            window_length,
            hop_length: config.hop_length(),
            buffer: vec![0.0; lead],
            samples: 0,
            rows: 0,
            rows_of: config.clone(),
        })
    }

    /// Takes finite samples and appends to `rows` the rows that are now complete, `n_bands` values each, in dB.
    pub fn push(&mut self, samples: &[f32], rows: &mut Vec<f32>) {
        for piece in samples.chunks(PIECE) {
            self.samples += piece.len() as u64;
            self.buffer.extend_from_slice(piece);
            self.take_rows(u64::MAX, rows);
        }
    }

    /// Ends the signal: appends the rows whose windows reach beyond it.
    pub fn finish(mut self, rows: &mut Vec<f32>) {
        let total = self.rows_of.rows_of(self.samples);
        while self.rows < total {
            self.buffer.resize(self.buffer.len().max(self.window_length), 0.0);
            self.take_rows(total, rows);
        }
    }

    /// Makes the rows whose windows are full, up to `total` rows in all.
    fn take_rows(&mut self, total: u64, rows: &mut Vec<f32>) {
        let mut start = 0;
        while self.rows < total && start + self.window_length <= self.buffer.len() {
            self.frame.append_row(&self.buffer[start..start + self.window_length], rows);
            start += self.hop_length;
            self.rows += 1;
        }
        self.buffer.drain(..start);
    }
}
