//! The dynamic threshold of Sakhnov, Verteletskaya and Simak; see [`super::energy`] for the equations.

/// Tracks the running minimum and maximum of frame energies (RMS) and the threshold between them.
pub(super) struct DynamicThreshold {
    growth: f64,
    e_min: f64,
    e_max: f64,
    delta: f64,
    started: bool,
}

impl DynamicThreshold {
    /// `growth` is what delta is multiplied by at every frame that is no new minimum.
    pub(super) fn new(growth: f64) -> Self {
        Self { growth, e_min: 0.0, e_max: 0.0, delta: 1.0, started: false }
    }

    /// Takes the RMS of the next frame that is not digital silence.
    pub(super) fn observe(&mut self, rms: f64) {
        if !self.started {
            *self = Self { e_min: rms, e_max: rms, started: true, ..*self };
            return;
        }
        self.e_max = self.e_max.max(rms);
        if rms < self.e_min {
            self.e_min = rms;
            self.delta = 1.0;
        } else {
            self.delta *= self.growth;
            self.e_min = (self.e_min * self.delta).min(self.e_max);
        }
    }

    /// RMS above which a frame is speech; infinite before the first frame.
    pub(super) fn threshold(&self) -> f64 {
        if !self.started {
            return f64::INFINITY;
        }
        let lambda = (self.e_max - self.e_min) / self.e_max;
        (1.0 - lambda) * self.e_max + lambda * self.e_min
    }
}
