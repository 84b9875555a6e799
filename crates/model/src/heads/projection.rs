//! From pooled features to the embedding that the contrastive loss compares.

use candle_core::{Module, Result, Tensor};
use candle_transformers::models::with_tracing::Linear;
use serde::{Deserialize, Serialize};
use sonovox_ops::{BatchNorm2d, Fuse, Init, Mode, Scope};

use super::layers::{check_vectors, he, linear};
use crate::block::BATCH_NORM_EPS;

/// Sizes of the projection. Jiao et al. 2020 say one hidden layer and a non-linearity; the sizes are our choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectionConfig {
    /// Width of the hidden layer; where absent, that of the features.
    pub hidden: Option<usize>,
    /// Width of the embedding.
    pub embedding: usize,
    /// Batch normalisation after both layers, as in MoCo v3 (Chen, Xie, He, ICCV 2021) and SimSiam. A fresh encoder gives nearly
    /// the same features for every image, so that all cosines are nearly 1 and the contrastive gradient is nearly 0; normalised
    /// over the batch, what differs is what is compared, from the first step on.
    pub batch_norm: bool,
}

impl Default for ProjectionConfig {
    fn default() -> Self {
        Self { hidden: None, embedding: 128, batch_norm: false }
    }
}

/// `fc2(relu(fc1(features)))`, with `batch_norm` `bn2(fc2(relu(bn1(fc1(features)))))`.
pub struct Projection {
    features: usize,
    fc1: Linear,
    fc2: Linear,
    norms: Option<[BatchNorm2d; 2]>,
}

impl Projection {
    /// Makes `fc1` and `fc2`, and where asked for `bn1` and `bn2`, in `scope`, for features of width `features`.
    ///
    /// # Errors
    /// When names are taken.
    pub fn new(config: &ProjectionConfig, features: usize, scope: &Scope) -> Result<Self> {
        let hidden = config.hidden.unwrap_or(features);
        let norm = |name, width| BatchNorm2d::new(&scope.pp(name), width, BATCH_NORM_EPS);
        let norms = || Ok::<_, candle_core::Error>([norm("bn1", hidden)?, norm("bn2", config.embedding)?]);
        Ok(Self {
            features,
            fc1: linear(&scope.pp("fc1"), features, hidden, he(features))?,
            // Embeddings are compared, not read as logits: PyTorch's usual spread.
            fc2: linear(&scope.pp("fc2"), hidden, config.embedding, Init::UniformFanIn)?,
            norms: config.batch_norm.then(norms).transpose()?,
        })
    }

    /// `[B, features]` to `[B, embedding]`, not of unit length.
    ///
    /// # Errors
    /// When `x` has another width.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        check_vectors("projection", x, self.features)?;
        let hidden = self.fc1.forward(x)?;
        match &self.norms {
            None => self.fc2.forward(&hidden.relu()?),
            Some([first, second]) => {
                let hidden = of_vectors(first, &hidden, mode, Fuse::RELU)?;
                of_vectors(second, &self.fc2.forward(&hidden)?, mode, Fuse::NONE)
            }
        }
    }
}

/// Batch normalisation of `[B, C]`, as maps of one place each.
fn of_vectors(norm: &BatchNorm2d, x: &Tensor, mode: Mode, fuse: Fuse) -> Result<Tensor> {
    let (rows, width) = x.dims2()?;
    norm.forward(&x.reshape((rows, 1, 1, width))?, mode, fuse)?.reshape((rows, width))
}
