//! Clusters of one stream as the other's labels.

use serde::{Deserialize, Serialize};

use super::{Check, Curriculum};

/// Cross-modal clustering (`weights.video_clusters`, `weights.speech_clusters`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterConfig {
    /// Clusters of each stream.
    pub count: usize,
    /// How often both streams are clustered anew in the part of the run in which both are trained; each time has heads of its own.
    /// Where speech is trained alone before it (`curriculum.speech_alone`), video is clustered once more, at its start.
    pub rounds: usize,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self { count: 40, rounds: 2 }
    }
}

impl ClusterConfig {
    /// Shares of the run at which the streams are clustered, in their order.
    pub fn schedule(&self, curriculum: &Curriculum) -> Vec<f64> {
        let joint = curriculum.video_alone + curriculum.speech_alone;
        let before = (curriculum.speech_alone > 0.0).then_some(curriculum.video_alone);
        let round = |round: usize| joint + (1.0 - joint) * round as f64 / self.rounds as f64;
        before.into_iter().chain((0..self.rounds).map(round)).collect()
    }

    pub(super) fn checks(&self, of_clusters: f64, cont: f64) -> Vec<Check> {
        vec![
            ("clusters.count", "at least 2", self.count as f64, self.count >= 2),
            ("clusters.rounds", "at least 1", self.rounds as f64, self.rounds >= 1),
            (
                "weights.cont",
                "above 0 for weights.video_clusters and weights.speech_clusters: held-out recordings have no clusters, so that \
                 nothing else would say how well the streams are aligned",
                cont,
                of_clusters == 0.0 || cont > 0.0,
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_alone_has_a_clustering_of_its_own() {
        let config = ClusterConfig { rounds: 2, ..ClusterConfig::default() };
        let curriculum = |video_alone, speech_alone| Curriculum { video_alone, speech_alone };
        assert_eq!(config.schedule(&curriculum(0.25, 0.25)), [0.25, 0.5, 0.75]);
        assert_eq!(config.schedule(&curriculum(0.5, 0.0)), [0.5, 0.75]);
        assert_eq!(config.schedule(&Curriculum::default()), [0.0, 0.5]);
    }
}
