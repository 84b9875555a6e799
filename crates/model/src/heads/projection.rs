//! From pooled features to the embedding that the contrastive loss compares.

use candle_core::{Module, Result, Tensor};
use candle_transformers::models::with_tracing::Linear;
use serde::{Deserialize, Serialize};
use sonovox_ops::{Init, Scope};

use super::layers::{check_vectors, he, linear};

/// Sizes of the projection. Jiao et al. 2020 say one hidden layer and a non-linearity; the sizes are our choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectionConfig {
    /// Width of the hidden layer; where absent, that of the features.
    pub hidden: Option<usize>,
    /// Width of the embedding.
    pub embedding: usize,
}

impl Default for ProjectionConfig {
    fn default() -> Self {
        Self { hidden: None, embedding: 128 }
    }
}

/// `fc2(relu(fc1(features)))`.
pub struct Projection {
    features: usize,
    fc1: Linear,
    fc2: Linear,
}

impl Projection {
    /// Makes `fc1` and `fc2` in `scope`, for features of width `features`.
    ///
    /// # Errors
    /// When names are taken.
    pub fn new(config: &ProjectionConfig, features: usize, scope: &Scope) -> Result<Self> {
        let hidden = config.hidden.unwrap_or(features);
        Ok(Self {
            features,
            fc1: linear(&scope.pp("fc1"), features, hidden, he(features))?,
            // Embeddings are compared, not read as logits: PyTorch's usual spread.
            fc2: linear(&scope.pp("fc2"), hidden, config.embedding, Init::UniformFanIn)?,
        })
    }

    /// `[B, features]` to `[B, embedding]`, not normalised.
    ///
    /// # Errors
    /// When `x` has another width.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        check_vectors("projection", x, self.features)?;
        self.fc2.forward(&self.fc1.forward(x)?.relu()?)
    }
}
