//! Which losses are minimised, and with what weights.

use serde::{Deserialize, Serialize};

/// Which contrastive loss L_cont is (method.md, "Losses").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contrastive {
    /// Eq. 2 of the paper, its margin clamped from below; clamped pairs are counted and logged.
    Paper,
    /// The same on embeddings of unit length: sim(a, b) is their cosine, so that no loss falls by making them longer. Ours.
    PaperCosine,
    /// Symmetric InfoNCE on unit-length embeddings with a learned temperature; hard negatives are extra columns.
    InfoNce,
}

impl Contrastive {
    /// Whether it is Eq. 2, which needs a negative to every pair and knows one window.
    pub(crate) fn is_eq_2(self) -> bool {
        matches!(self, Self::Paper | Self::PaperCosine)
    }
}

/// Weights of the losses; the paper's three are equal. A weight of 0 leaves the loss out: its head is not made and nothing
/// is drawn for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossWeights {
    /// L_cls, hard positive against hard negative (alpha).
    pub cls: f64,
    /// L_cont, across the batch (beta).
    pub cont: f64,
    /// L_ord, four shuffled frames (gamma).
    pub ord: f64,
    /// L_aff, parameters of a random affine transform (the authors' earlier method).
    pub affine: f64,
    /// L_sync, co-attention synchronisation (Cheng et al. 2020).
    pub sync: f64,
    /// Contrast of the nodes within snippets (TCGL, Liu et al. 2022).
    pub graph_intra: f64,
    /// Contrast of the nodes between snippets (TCGL).
    pub graph_inter: f64,
    /// Order of the snippets (TCGL).
    pub snippets: f64,
    /// Two frames of an interval against those of the others (ours; needs `pairs.groups = 2`).
    pub video_views: f64,
    /// Two speech windows of an interval against those of the others (ours; needs `pairs.groups = 2`).
    pub speech_views: f64,
    /// Video tells the cluster of its speech (`clusters`).
    pub video_clusters: f64,
    /// Speech tells the cluster of its video (`clusters`).
    pub speech_clusters: f64,
}

impl Default for LossWeights {
    fn default() -> Self {
        Self {
            cls: 1.0,
            cont: 1.0,
            ord: 1.0,
            affine: 0.0,
            sync: 0.0,
            graph_intra: 0.0,
            graph_inter: 0.0,
            snippets: 0.0,
            video_views: 0.0,
            speech_views: 0.0,
            video_clusters: 0.0,
            speech_clusters: 0.0,
        }
    }
}

impl LossWeights {
    /// All of them.
    pub fn all(&self) -> [f64; 12] {
        let Self { cls, cont, ord, affine, sync, graph_intra, graph_inter, snippets, .. } = *self;
        let Self { video_views, speech_views, video_clusters, speech_clusters, .. } = *self;
        let within = [cls, cont, ord, affine, sync, graph_intra, graph_inter, snippets];
        let ours = [video_views, speech_views, video_clusters, speech_clusters];
        std::array::from_fn(|at| if at < within.len() { within[at] } else { ours[at - within.len()] })
    }

    /// None: the start of a recipe that names its losses one by one.
    pub fn none() -> Self {
        Self { cls: 0.0, cont: 0.0, ord: 0.0, ..Self::default() }
    }

    /// Whether a loss is weighted that compares embeddings of frames and speech.
    pub fn embeds_pairs(&self) -> bool {
        self.cls > 0.0 || self.cont > 0.0
    }

    /// Whether a loss is weighted that compares frames with speech, as embeddings or otherwise.
    pub fn compares(&self) -> bool {
        self.embeds_pairs() || self.sync > 0.0
    }

    /// Whether a loss is weighted that hears speech.
    pub fn hears(&self) -> bool {
        self.compares() || self.speech_views > 0.0 || self.clusters()
    }

    /// Whether a loss is weighted that is computed on pairs.
    pub fn needs_pairs(&self) -> bool {
        self.hears() || self.video_views > 0.0
    }

    /// Whether a loss is weighted whose labels are clusters.
    pub fn clusters(&self) -> bool {
        self.video_clusters > 0.0 || self.speech_clusters > 0.0
    }

    /// Whether a loss is weighted that sees two views of an interval.
    pub fn needs_views(&self) -> bool {
        self.video_views > 0.0 || self.speech_views > 0.0
    }

    /// Whether a loss is weighted that sees clips of three snippets.
    pub fn needs_clips(&self) -> bool {
        self.graph_intra > 0.0 || self.graph_inter > 0.0 || self.snippets > 0.0
    }
}
