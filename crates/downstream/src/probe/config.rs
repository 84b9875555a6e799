//! Settings of the frozen probe: the recipe's `[probe]` section.

use serde::{Deserialize, Serialize};
use sonovox_model::Preset;

use crate::{DownstreamError, label_share};

/// Which of the encoder's four stages are probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeStages {
    /// The last, whose pooled map pretraining compares.
    Last,
    /// Each by itself, as the source does; the figures at the top of `metrics.json` are those of the stage that is best on
    /// the validation subjects.
    Each,
}

/// The whole section (method.md, "Frozen probe"; Droste et al., IPMI 2019). What the source does not say is ours: the
/// features are standardised over the training frames first, `l2` is the weight of half the squared length beside the
/// mean cross-entropy, and each value starts from the solution of the next larger one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProbeConfig {
    /// Network of a random encoder; a pretrained or published one brings its own.
    pub encoder: Preset,
    /// Which stages.
    pub stages: ProbeStages,
    /// Frames used of each recording: those whose number is a multiple of this.
    pub every_nth_frame: usize,
    /// Shares of the labelled training frames, above 0 and at most 1, drawn as `planes.label_share` draws them: a fit to
    /// each, of features that are computed once. The first gives the figures at the top of `metrics.json`.
    pub label_shares: Vec<f64>,
    /// Smallest penalty that is tried.
    pub l2_from: f64,
    /// Largest penalty that is tried.
    pub l2_to: f64,
    /// Number of penalties, spaced evenly by their logarithm; the validation subjects choose.
    pub l2_values: usize,
    /// Most iterations of L-BFGS for a penalty.
    pub max_iterations: u64,
    /// Images to a batch.
    pub batch: usize,
    /// Report figures even where the encoder was pretrained on test subjects.
    pub allow_seen_subjects: bool,
}

impl Default for ProbeConfig {
    fn default() -> Self {
        Self {
            encoder: Preset::Small,
            stages: ProbeStages::Last,
            every_nth_frame: 8,
            label_shares: vec![1.0],
            l2_from: 1e-5,
            l2_to: 1e1,
            l2_values: 16,
            max_iterations: 200,
            batch: 32,
            allow_seen_subjects: false,
        }
    }
}

impl ProbeConfig {
    /// Refuses settings outside their range.
    ///
    /// # Errors
    /// Names the first setting that is wrong, what it must be and what it is.
    pub fn validate(&self) -> Result<(), DownstreamError> {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let own = [
            ("every_nth_frame", "at least 1", self.every_nth_frame as f64, self.every_nth_frame >= 1),
            ("label_shares", "at least one", 0.0, !self.label_shares.is_empty()),
            ("l2_from", "above 0", self.l2_from, positive(self.l2_from)),
            ("l2_to", "l2_from or more", self.l2_to, self.l2_to >= self.l2_from && positive(self.l2_to)),
            ("l2_values", "at least 1", self.l2_values as f64, self.l2_values >= 1),
            ("max_iterations", "at least 1", self.max_iterations as f64, self.max_iterations >= 1),
            ("batch", "at least 1", self.batch as f64, self.batch >= 1),
        ];
        let shares = self.label_shares.iter().map(|&share| {
            let (_, expected, found, holds) = label_share::check(share);
            ("label_shares", expected, found, holds)
        });
        for (setting, expected, found, holds) in own.into_iter().chain(shares) {
            if !holds {
                return Err(DownstreamError::Setting { section: "probe", setting, expected, found });
            }
        }
        Ok(())
    }

    /// The penalties, largest first.
    pub(crate) fn penalties(&self) -> Vec<f64> {
        let (from, to) = (self.l2_from.ln(), self.l2_to.ln());
        let steps = self.l2_values.saturating_sub(1).max(1) as f64;
        (0..self.l2_values).map(|i| (to + (from - to) * i as f64 / steps).exp()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn penalties_are_spaced_by_their_logarithm() {
        let penalties = ProbeConfig::default().penalties();
        assert_eq!(penalties.len(), 16);
        assert!((penalties[0] - 10.0).abs() < 1e-12 && (penalties[15] - 1e-5).abs() < 1e-15);
        let ratio = penalties[1] / penalties[0];
        assert!(penalties.windows(2).all(|pair| (pair[1] / pair[0] - ratio).abs() < 1e-12));
        assert_eq!(ProbeConfig { l2_values: 1, ..ProbeConfig::default() }.penalties().len(), 1);
    }

    #[test]
    fn wrong_settings_are_named() {
        for (json, expected) in [
            (r#"{"label_shares": []}"#, "[probe] label_shares must be at least one, found 0"),
            (r#"{"label_shares": [1, 2]}"#, "[probe] label_shares must be above 0 and at most 1, found 2"),
            (r#"{"l2_to": 1e-6}"#, "[probe] l2_to must be l2_from or more, found 0.000001"),
        ] {
            let config: ProbeConfig = serde_json::from_str(json).expect("valid JSON");
            assert_eq!(config.validate().unwrap_err().to_string(), expected);
        }
        ProbeConfig::default().validate().expect("defaults");
    }
}
