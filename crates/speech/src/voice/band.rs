//! The band that energy is measured in: a second-order Butterworth high-pass and a low-pass one after the other.

use std::f64::consts::{PI, SQRT_2};

/// One second-order section, direct form II transposed.
struct Section {
    b: [f64; 3],
    a: [f64; 2],
    state: [f64; 2],
}

impl Section {
    /// `b` and `a` by the bilinear transform of the analogue Butterworth prototype, with `k = tan(pi f / rate)`.
    fn new(k: f64, numerator: [f64; 3]) -> Self {
        let norm = 1.0 / (1.0 + SQRT_2 * k + k * k);
        Self {
            b: numerator.map(|b| b * norm),
            a: [2.0 * (k * k - 1.0) * norm, (1.0 - SQRT_2 * k + k * k) * norm],
            state: [0.0; 2],
        }
    }

    fn next(&mut self, sample: f64) -> f64 {
        let out = self.b[0] * sample + self.state[0];
        self.state[0] = self.b[1] * sample - self.a[0] * out + self.state[1];
        self.state[1] = self.b[2] * sample - self.a[1] * out;
        out
    }
}

/// Passes what lies between two frequencies (-3 dB each, 12 dB an octave beyond).
pub(super) struct Band {
    high_pass: Section,
    /// Absent where the band reaches up to half the sample rate.
    low_pass: Option<Section>,
}

impl Band {
    /// From `low_hz` (0 lets everything below pass) to `high_hz`.
    pub(super) fn new(low_hz: f64, high_hz: f64, sample_rate_hz: f64) -> Self {
        let low = (PI * low_hz / sample_rate_hz).tan();
        let low_pass = (high_hz < 0.45 * sample_rate_hz).then(|| {
            let k = (PI * high_hz / sample_rate_hz).tan();
            Section::new(k, [k * k, 2.0 * k * k, k * k])
        });
        Self { high_pass: Section::new(low, [1.0, -2.0, 1.0]), low_pass }
    }

    pub(super) fn next(&mut self, sample: f64) -> f64 {
        let high = self.high_pass.next(sample);
        self.low_pass.as_mut().map_or(high, |section| section.next(high))
    }
}
