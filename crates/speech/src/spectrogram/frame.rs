//! One frame: Hann window, real FFT, power, bands, decibels; all in f64 (an f32 FFT is off by 2e-3 dB in bins that
//! are almost empty).

use std::f64::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use super::config::SpectrogramConfig;
use super::mel::{MelFilter, mel_filters};

/// Power below this counts as this: librosa's `amin` of `power_to_db`.
const MIN_POWER: f64 = 1e-10;
/// The least value a row can hold, in dB: that of digital silence.
pub const MIN_POWER_DB: f32 = -100.0;

enum Bands {
    Mel(Vec<MelFilter>),
    Linear,
}

/// Turns the samples under one window into one row.
pub(super) struct FrameTransform {
    window: Vec<f64>,
    bands: Bands,
    fft: Arc<dyn RealToComplex<f64>>,
    input: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
    scratch: Vec<Complex<f64>>,
    power: Vec<f64>,
}

impl FrameTransform {
    /// For a config that was validated.
    pub(super) fn new(config: &SpectrogramConfig) -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(config.n_fft());
        let bands = match config {
            SpectrogramConfig::LogMel(_) | SpectrogramConfig::Whisper(_) => {
                Bands::Mel(mel_filters(config.sample_rate_hz(), config.n_fft(), config.n_bands()))
            }
            SpectrogramConfig::Paper(_) => Bands::Linear,
        };
        Self {
            window: hann(config.window_length()),
            bands,
            input: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            power: vec![0.0; config.n_fft() / 2 + 1],
            fft,
        }
    }

    /// Appends the row of `samples` (as many as the window is long), in dB, to `rows`.
    ///
    /// The window lies at the start of the FFT's input rather than in its middle: only the phases differ.
    pub(super) fn append_row(&mut self, samples: &[f32], rows: &mut Vec<f32>) {
        assert_eq!(samples.len(), self.window.len(), "samples under the window");
        for ((slot, &sample), &weight) in self.input.iter_mut().zip(samples).zip(&self.window) {
            *slot = f64::from(sample) * weight;
        }
        self.input[samples.len()..].fill(0.0);
        self.fft
            .process_with_scratch(&mut self.input, &mut self.spectrum, &mut self.scratch)
            .expect("buffers were made by this plan");
        for (power, bin) in self.power.iter_mut().zip(&self.spectrum) {
            *power = bin.norm_sqr();
        }
        match &self.bands {
            Bands::Linear => rows.extend(self.power.iter().map(|&power| decibels(power))),
            Bands::Mel(filters) => {
                rows.extend(filters.iter().map(|filter| decibels(filtered(filter, &self.power))));
            }
        }
    }
}

fn filtered(filter: &MelFilter, power: &[f64]) -> f64 {
    filter.weights.iter().zip(&power[filter.first_bin..]).map(|(weight, power)| weight * power).sum()
}

/// 10 log10 of a power; a power that is not a number counts as silence.
fn decibels(power: f64) -> f32 {
    (10.0 * power.max(MIN_POWER).log10()) as f32
}

/// The periodic Hann window, `scipy.signal.get_window("hann", length)`.
fn hann(length: usize) -> Vec<f64> {
    (0..length).map(|i| 0.5 - 0.5 * (TAU * i as f64 / length as f64).cos()).collect()
}
