//! Triangular mel filters on Slaney's scale, as `librosa.filters.mel(htk=False, norm="slaney")`.
//!
//! Slaney, Auditory Toolbox, 1998: linear below 1 kHz (66.7 Hz to a mel), logarithmic above (27 steps from 1 kHz to
//! 6.4 kHz); each triangle is divided by half its width in Hz, so that all have the same area.

/// Hz to a mel in the linear part.
const HZ_PER_MEL: f64 = 200.0 / 3.0;
/// Where the logarithmic part begins, in Hz.
const LOG_FROM_HZ: f64 = 1000.0;
/// Where the logarithmic part begins, in mels.
const LOG_FROM_MEL: f64 = LOG_FROM_HZ / HZ_PER_MEL;

/// Natural logarithm of the frequency ratio of one mel in the logarithmic part.
fn log_step() -> f64 {
    6.4f64.ln() / 27.0
}

fn hz_to_mel(hz: f64) -> f64 {
    if hz < LOG_FROM_HZ { hz / HZ_PER_MEL } else { LOG_FROM_MEL + (hz / LOG_FROM_HZ).ln() / log_step() }
}

fn mel_to_hz(mel: f64) -> f64 {
    if mel < LOG_FROM_MEL {
        mel * HZ_PER_MEL
    } else {
        LOG_FROM_HZ * (log_step() * (mel - LOG_FROM_MEL)).exp()
    }
}

/// The band's weights on the FFT bins, from bin `first_bin` on; zero elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct MelFilter {
    /// The first bin with a weight.
    pub first_bin: usize,
    /// Weights of the bins from there on.
    pub weights: Vec<f64>,
}

/// Filters of `n_mels` bands between 0 Hz and half the sample rate, lowest first.
///
/// Weights are rounded to f32 where librosa, whose filters are f32, rounds them: once as a triangle of height 1,
/// once scaled.
pub fn mel_filters(sample_rate_hz: u32, n_fft: usize, n_mels: usize) -> Vec<MelFilter> {
    let rate = f64::from(sample_rate_hz);
    let top_mel = hz_to_mel(rate / 2.0);
    let edge = |i: usize| mel_to_hz(top_mel * i as f64 / (n_mels + 1) as f64);
    (0..n_mels)
        .map(|band| {
            let (low, centre, high) = (edge(band), edge(band + 1), edge(band + 2));
            let scale = 2.0 / (high - low);
            let weight = |bin: usize| {
                let hz = bin as f64 * rate / n_fft as f64;
                let triangle = ((hz - low) / (centre - low)).min((high - hz) / (high - centre)).max(0.0);
                f64::from((f64::from(triangle as f32) * scale) as f32)
            };
            let bins: Vec<f64> = (0..=n_fft / 2).map(weight).collect();
            let first_bin = bins.iter().position(|&w| w > 0.0).unwrap_or(0);
            let end = bins.iter().rposition(|&w| w > 0.0).map_or(first_bin, |last| last + 1);
            MelFilter { first_bin, weights: bins[first_bin..end].to_vec() }
        })
        .collect()
}

/// The first band that holds no bin at all, if there is one.
pub(super) fn empty_filter(filters: &[MelFilter]) -> Option<usize> {
    filters.iter().position(|filter| filter.weights.is_empty())
}
