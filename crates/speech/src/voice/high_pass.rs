//! A second-order Butterworth high-pass filter, so that mains hum and fans do not count as energy.

use std::f64::consts::{PI, SQRT_2};

/// Bilinear transform of the analogue prototype, direct form II transposed.
pub(super) struct HighPass {
    b: [f64; 3],
    a: [f64; 2],
    state: [f64; 2],
}

impl HighPass {
    /// Cut-off (-3 dB) at `cutoff_hz`; 0 lets everything pass.
    pub(super) fn new(cutoff_hz: f64, sample_rate_hz: f64) -> Self {
        let k = (PI * cutoff_hz / sample_rate_hz).tan();
        let norm = 1.0 / (1.0 + SQRT_2 * k + k * k);
        Self {
            b: [norm, -2.0 * norm, norm],
            a: [2.0 * (k * k - 1.0) * norm, (1.0 - SQRT_2 * k + k * k) * norm],
            state: [0.0; 2],
        }
    }

    pub(super) fn next(&mut self, sample: f64) -> f64 {
        let out = self.b[0] * sample + self.state[0];
        self.state[0] = self.b[1] * sample - self.a[0] * out + self.state[1];
        self.state[1] = self.b[2] * sample - self.a[1] * out;
        out
    }
}
