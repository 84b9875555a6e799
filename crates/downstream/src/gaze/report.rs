//! `metrics.json`: how well gaze is predicted, beside maps that do not look at the image.

use std::fmt;

use serde::Serialize;
use serde_json::json;

use super::predictions::Predictions;
use super::scores::{Judge, SaliencyScores};
use super::watched::WatchedFrames;
use crate::artifact_parts::SIMULATED_NOTE;
use crate::clips::Clips;
use crate::frame_set::Tested;

/// All figures of one evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct GazeReport {
    /// Means over the frames of the model's scores.
    pub model: SaliencyScores,
    /// Those of the static map, the mean of the training targets.
    pub static_map: SaliencyScores,
    /// Those of a map that is the same everywhere.
    pub uniform: SaliencyScores,
    /// What was tested on.
    pub tested: Tested,
    /// What a reader should know.
    pub notes: Vec<String>,
}

impl GazeReport {
    pub(crate) fn new(
        clips: &Clips,
        watched: &WatchedFrames,
        judge: &Judge,
        predictions: &Predictions,
        static_map: &[f32],
    ) -> Self {
        let uniform = vec![1.0 / judge.map.area() as f32; judge.map.area()];
        let simulated = clips.source.details.simulated;
        Self {
            model: predictions.mean(),
            static_map: judge.constant(static_map, watched),
            uniform: judge.constant(&uniform, watched),
            tested: watched.tested(clips),
            notes: simulated.then(|| SIMULATED_NOTE.to_owned()).into_iter().collect(),
        }
    }
}

impl Serialize for GazeReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json!({
            "model": self.model,
            "static": self.static_map,
            "uniform": self.uniform,
            "tested": self.tested,
            "notes": self.notes,
        })
        .serialize(serializer)
    }
}

impl fmt::Display for GazeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.tested)?;
        writeln!(f, "{:<10} {:>8} {:>8} {:>8} {:>8} {:>8}", "", "KL (low)", "NSS", "AUC-Judd", "CC", "SIM")?;
        let rows = [("model", &self.model), ("static map", &self.static_map), ("uniform", &self.uniform)];
        for (name, scores) in rows {
            let SaliencyScores { kl, nss, auc_judd, cc, sim } = scores;
            writeln!(f, "{name:<10} {kl:>8.3} {nss:>8.3} {auc_judd:>8.3} {cc:>8.3} {sim:>8.3}")?;
        }
        if self.model.kl >= self.static_map.kl {
            writeln!(
                f,
                "the model is no better than the static map: it has not learned to look at the image"
            )?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))
    }
}
