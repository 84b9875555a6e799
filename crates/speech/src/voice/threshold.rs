//! The dynamic threshold of Sakhnov, Verteletskaya and Simak; see [`super::energy`] for the equations.

/// Tracks the running minimum and maximum of frame energies (RMS) and the threshold between them.
pub(super) struct DynamicThreshold {
    growth: f64,
    least_rise: f64,
    e_min: f64,
    e_max: f64,
    delta: f64,
    started: bool,
}

impl DynamicThreshold {
    /// `growth` is what delta is multiplied by at every frame that is no new minimum; the threshold lies at least a
    /// factor of `least_rise` above the minimum.
    pub(super) fn new(growth: f64, least_rise: f64) -> Self {
        Self { growth, least_rise, e_min: 0.0, e_max: 0.0, delta: 1.0, started: false }
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
        let threshold = (1.0 - lambda) * self.e_max + lambda * self.e_min;
        threshold.max(self.least_rise * self.e_min)
    }
}

#[cfg(test)]
mod tests {
    use super::DynamicThreshold;

    #[test]
    fn threshold_follows_the_equations() {
        let mut threshold = DynamicThreshold::new(1.0001, 1.0);
        assert_eq!(threshold.threshold(), f64::INFINITY);
        threshold.observe(0.2);
        threshold.observe(1.0);
        // E_max = 1, E_min = 0.2 * 1.0001, lambda = 1 - E_min
        let e_min = 0.2 * 1.0001;
        let lambda = 1.0 - e_min;
        assert!((threshold.threshold() - (e_min + lambda * e_min)).abs() < 1e-15);
        // delta has grown twice by the next frame, and falls back at a new minimum
        threshold.observe(1.0);
        assert!((threshold.e_min - 0.2 * 1.0001 * 1.0001f64.powi(2)).abs() < 1e-15);
        threshold.observe(0.1);
        assert_eq!((threshold.e_min, threshold.delta), (0.1, 1.0));
    }

    #[test]
    fn threshold_keeps_its_distance_from_constant_noise() {
        let mut threshold = DynamicThreshold::new(1.0001, 1.5);
        threshold.observe(0.2);
        threshold.observe(0.21);
        assert!((threshold.threshold() - 1.5 * 0.2 * 1.0001).abs() < 1e-12);
    }
}
