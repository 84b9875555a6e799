//! Which cluster of the other stream does this belong to? From pooled features to one logit a cluster.

use candle_core::{Module, Result, Tensor};
use candle_transformers::models::with_tracing::Linear;
use sonovox_ops::Scope;

use super::layers::{LOGIT_INIT, check_vectors, linear};

/// Classifier of clusters: one linear layer, as in XDC (Alwassel et al., NeurIPS 2020), so that what tells clusters apart has to
/// be in the features.
pub struct ClusterHead {
    features: usize,
    out: Linear,
}

impl ClusterHead {
    /// Makes `fc` in `scope`, from `features` features to `count` clusters.
    ///
    /// # Errors
    /// When names are taken.
    pub fn new(features: usize, count: usize, scope: &Scope) -> Result<Self> {
        Ok(Self { features, out: linear(&scope.pp("fc"), features, count, LOGIT_INIT)? })
    }

    /// Logits `[B, clusters]` of pooled features `[B, features]`.
    ///
    /// # Errors
    /// When there are not as many features.
    pub fn forward(&self, features: &Tensor) -> Result<Tensor> {
        check_vectors("cluster head", features, self.features)?;
        self.out.forward(features)
    }
}
