//! Voice activity by the crate `earshot`: a 40 KB recurrent net on 40 mel bands of 16 kHz audio.
//!
//! earshot takes frames of 256 samples at 16 kHz (16 ms), looks at windows of 768 samples and gives a score for the
//! frame just taken. The signal is resampled to 16 kHz here.

use earshot::Detector;
use serde::{Deserialize, Serialize};

use super::RowDetector;
use crate::{Resampler, SpeechError};

/// Rate that earshot was trained at, in Hz.
const RATE_HZ: u32 = 16_000;
/// Samples of a frame, at [`RATE_HZ`].
const FRAME: usize = 256;
/// How far a score lags behind the sound it is about, counted from the end of its frame, in samples at [`RATE_HZ`]: a
/// window's length. Measured: with this, no other shift of the scores agrees clearly better with word times.
const LATENCY: u64 = 768;

/// Blocks are taken in pieces of this many samples, so that the buffer does not grow with them.
const PIECE: usize = 8192;

/// earshot has nothing to set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarshotConfig {}

impl EarshotConfig {
    pub(super) fn validate(&self) -> Result<(), SpeechError> {
        Ok(())
    }
}

pub(super) struct EarshotStream {
    sample_rate_hz: u64,
    hop_length: u64,
    /// Taken at the end of the signal.
    resampler: Option<Resampler>,
    detector: Box<Detector>,
    /// 16 kHz samples that do not fill a frame yet.
    pending: Vec<f32>,
    samples: u64,
    rows: u64,
    frames: u64,
}

impl EarshotStream {
    pub(super) fn new(sample_rate_hz: u32, hop_length: usize) -> Result<Self, SpeechError> {
        Ok(Self {
            sample_rate_hz: u64::from(sample_rate_hz),
            hop_length: hop_length as u64,
            resampler: Some(Resampler::new(sample_rate_hz, RATE_HZ)?),
            detector: Detector::default_boxed(),
            pending: Vec::new(),
            samples: 0,
            rows: 0,
            frames: 0,
        })
    }

    fn take_frames(&mut self, total: u64, voice: &mut Vec<f32>) {
        let mut pending = std::mem::take(&mut self.pending);
        let whole = pending.len() / FRAME * FRAME;
        for frame in pending[..whole].chunks_exact_mut(FRAME) {
            frame.iter_mut().for_each(|sample| *sample = sample.clamp(-1.0, 1.0));
            let score = self.detector.predict_f32(frame);
            self.frames += 1;
            self.emit_rows(score, total, voice);
        }
        pending.drain(..whole);
        self.pending = pending;
    }

    /// Emits the rows, up to `total` in all, whose times lie in the stretch that the last frame's score is about.
    fn emit_rows(&mut self, score: f32, total: u64, voice: &mut Vec<f32>) {
        let known_until = (self.frames * FRAME as u64).saturating_sub(LATENCY);
        // row * hop / sample_rate < known_until / 16 kHz, in whole numbers
        while self.rows < total
            && self.rows * self.hop_length * u64::from(RATE_HZ) < known_until * self.sample_rate_hz
        {
            voice.push(score);
            self.rows += 1;
        }
    }
}

impl RowDetector for EarshotStream {
    fn push(&mut self, samples: &[f32], voice: &mut Vec<f32>) {
        self.samples += samples.len() as u64;
        for piece in samples.chunks(PIECE) {
            if let Some(resampler) = &mut self.resampler {
                resampler.push(piece, &mut self.pending);
            }
            self.take_frames(u64::MAX, voice);
        }
    }

    fn finish(&mut self, voice: &mut Vec<f32>) {
        if self.samples == 0 {
            return;
        }
        let total = 1 + self.samples / self.hop_length;
        if let Some(resampler) = self.resampler.take() {
            resampler.finish(&mut self.pending);
        }
        while self.rows < total {
            // silence after the end, until the last row's frame has been heard
            self.pending.resize(self.pending.len().max(1).next_multiple_of(FRAME), 0.0);
            self.take_frames(total, voice);
        }
    }
}
