//! `metrics.json` of the probe: the figures of a plane report, and a line to each fit.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};
use sonovox_metrics::MacroScores;

use crate::planes::PlaneReport;

/// One fitted probe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProbeFit {
    /// The encoder's stage, from 1.
    pub stage: usize,
    /// Share of the labelled training frames.
    pub label_share: f64,
    /// Training frames used.
    pub train_frames: usize,
    /// The penalty that was best on the validation subjects.
    pub l2: f64,
    /// Macro F1 there.
    pub validation_f1: Option<f64>,
    /// Length of the objective's gradient where the fit ended: well above 1e-3 it ran out of iterations.
    pub gradient_norm: f64,
    /// Macro scores on the test subjects.
    #[serde(rename = "macro")]
    pub macro_scores: MacroScores,
    /// Share of test frames that are right.
    pub accuracy: f64,
}

/// All figures of a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeReport {
    /// Those of the first label share, at the stage that was best on the validation subjects.
    pub headline: PlaneReport,
    /// Every fit: label shares in the config's order, stages from the first to the last.
    pub fits: Vec<ProbeFit>,
}

impl ProbeReport {
    /// The fit at `label_share` whose stage was best on the validation subjects; the later stage of equals.
    pub fn best(fits: &[ProbeFit], label_share: f64) -> Option<&ProbeFit> {
        let score = |fit: &ProbeFit| fit.validation_f1.unwrap_or(0.0);
        let of_share = fits.iter().filter(|fit| fit.label_share == label_share);
        of_share.max_by(|a, b| score(a).total_cmp(&score(b)).then(a.stage.cmp(&b.stage)))
    }
}

impl Serialize for ProbeReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut value = json!(self.headline);
        if let Value::Object(keys) = &mut value {
            keys.insert("probes".to_owned(), json!(self.fits));
        }
        value.serialize(serializer)
    }
}

impl fmt::Display for ProbeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.headline)?;
        writeln!(
            f,
            "{:>6} {:>7} {:>8} {:>10} {:>10} {:>8}",
            "stage", "labels", "frames", "l2", "validation", "test F1"
        )?;
        for fit in &self.fits {
            let validation = fit.validation_f1.map_or_else(|| "none".to_owned(), |f1| format!("{f1:.3}"));
            writeln!(
                f,
                "{:>6} {:>6}% {:>8} {:>10.1e} {validation:>10} {:>8.3}",
                fit.stage,
                100.0 * fit.label_share,
                fit.train_frames,
                fit.l2,
                fit.macro_scores.f1
            )?;
        }
        Ok(())
    }
}
