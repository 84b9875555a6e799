//! Settings of the methods that ours is compared with.

use serde::{Deserialize, Serialize};

use super::Check;

/// Co-attention synchronisation (Cheng et al. 2020), switched on by `weights.sync`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyncConfig {
    /// Share of the run in which negatives come from other recordings; after it they are time-shifted ones of the same
    /// recording (the source gives the order, the share is ours).
    pub easy_share: f64,
    /// Width of a token.
    pub width: usize,
}

impl Default for SyncConfig {
    fn default() -> Self {
        Self { easy_share: 0.5, width: 128 }
    }
}

impl SyncConfig {
    pub(super) fn checks(&self) -> Vec<Check> {
        vec![
            ("sync.easy_share", "0 to 1", self.easy_share, (0.0..=1.0).contains(&self.easy_share)),
            ("sync.width", "at least 1", self.width as f64, self.width >= 1),
        ]
    }
}

/// TCGL (Liu et al. 2022), switched on by `weights.graph_intra`, `graph_inter` and `snippets`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GraphConfig {
    /// Clips to a batch: three successive intervals each, a snippet of four frames to an interval.
    pub clips: usize,
    /// Share of the edges that a view drops (paper: 0.2).
    pub edge_dropout: f64,
    /// Share of the features that a view blanks (paper: 0.1).
    pub feature_mask: f64,
    /// Temperature of the node contrast (paper: 0.5).
    pub temperature: f64,
    /// Width of a node.
    pub width: usize,
}

impl Default for GraphConfig {
    fn default() -> Self {
        Self { clips: 8, edge_dropout: 0.2, feature_mask: 0.1, temperature: 0.5, width: 128 }
    }
}

impl GraphConfig {
    pub(super) fn checks(&self) -> Vec<Check> {
        let share = |value: f64| (0.0..1.0).contains(&value);
        vec![
            ("graph.clips", "at least 1", self.clips as f64, self.clips >= 1),
            ("graph.edge_dropout", "0 or more and below 1", self.edge_dropout, share(self.edge_dropout)),
            ("graph.feature_mask", "0 or more and below 1", self.feature_mask, share(self.feature_mask)),
            ("graph.temperature", "above 0", self.temperature, self.temperature > 0.0),
            ("graph.width", "at least 1", self.width as f64, self.width >= 1),
        ]
    }
}
