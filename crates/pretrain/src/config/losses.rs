//! Which losses are minimised, and with what weights.

use serde::{Deserialize, Serialize};

/// Which contrastive loss L_cont is (method.md, "Losses").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contrastive {
    /// Eq. 2 of the paper, its margin clamped from below; clamped pairs are counted and logged.
    Paper,
    /// Symmetric InfoNCE on unit-length embeddings with a learned temperature; hard negatives are extra columns.
    InfoNce,
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
}

impl Default for LossWeights {
    fn default() -> Self {
        Self { cls: 1.0, cont: 1.0, ord: 1.0, affine: 0.0 }
    }
}

impl LossWeights {
    /// All of them.
    pub fn all(&self) -> [f64; 4] {
        [self.cls, self.cont, self.ord, self.affine]
    }

    /// Whether a loss is weighted that compares embeddings of frames and speech.
    pub fn embeds_pairs(&self) -> bool {
        self.cls > 0.0 || self.cont > 0.0
    }

    /// Whether a loss is weighted that sees speech.
    pub fn needs_pairs(&self) -> bool {
        self.embeds_pairs()
    }
}
