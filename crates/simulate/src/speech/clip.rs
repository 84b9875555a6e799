//! A spoken phrase as samples.

use std::fmt;

use super::SAMPLE_RATE_HZ;

/// Sound this far below a phrase's peak, at its ends, is breath and decay.
const TRIM_DB: f64 = -36.0;

/// A spoken phrase, without the silence around it, at [`SAMPLE_RATE_HZ`] with an RMS of 1.
#[derive(PartialEq)]
pub struct Clip {
    /// mono samples
    pub samples: Vec<f32>,
}

impl fmt::Debug for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // not the samples: a failing test would print a hundred thousand numbers
        write!(f, "Clip({:.3} s)", self.seconds())
    }
}

impl Clip {
    /// Length, seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(SAMPLE_RATE_HZ)
    }

    /// Cuts the silence off both ends and sets the level; `None` for silence.
    pub fn trimmed(samples: &[f32]) -> Option<Self> {
        let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        let is_heard = |sample: &f32| sample.abs() >= peak * super::amplitude(TRIM_DB) && *sample != 0.0;
        let (first, last) = (samples.iter().position(is_heard)?, samples.iter().rposition(is_heard)?);
        Some(Self::levelled(samples[first..=last].to_vec()))
    }

    /// The samples with an RMS of 1; they must not all be zero.
    pub fn levelled(mut samples: Vec<f32>) -> Self {
        let power = samples.iter().map(|s| f64::from(s * s)).sum::<f64>() / samples.len() as f64;
        let per_rms = (1.0 / power.sqrt()) as f32;
        samples.iter_mut().for_each(|sample| *sample *= per_rms);
        Self { samples }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_are_trimmed_and_level() {
        let samples: Vec<f32> = [0.0, 0.0, 0.01]
            .into_iter()
            .chain((0..100).map(|i| 1.0 - 0.019 * i as f32))
            .chain([0.0; 9])
            .collect();
        let clip = Clip::trimmed(&samples).unwrap();
        let rms = (clip.samples.iter().map(|s| s * s).sum::<f32>() / clip.samples.len() as f32).sqrt();
        assert!((rms - 1.0).abs() < 1e-3);
        assert_eq!(clip.samples.len(), 100);
        assert_eq!(Clip::trimmed(&[0.0, 0.0]), None);
    }
}
