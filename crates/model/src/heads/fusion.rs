//! Do this frame and this speech belong together? Both embeddings, concatenated, to two logits.

use candle_core::{Module, Result, Tensor, bail};
use candle_transformers::models::with_tracing::Linear;
use serde::{Deserialize, Serialize};
use sonovox_ops::Scope;

use super::layers::{LOGIT_INIT, check_vectors, he, linear};

/// Form of the classifier.
///
/// Jiao et al. 2020 say "concatenation, then a 2-way classifier". Read as one linear layer, its logits are a sum of
/// something of the frame and something of the speech: it can tell likely frames and likely speech, but never
/// whether the two fit each other. The default is therefore one hidden layer with ReLU, which is our choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FusionConfig {
    /// The literal reading: one linear layer, `hidden` unused.
    pub linear: bool,
    /// Width of the hidden layer; where absent, twice the embedding's.
    pub hidden: Option<usize>,
}

/// Classifier of pairs.
pub struct Fusion {
    embedding: usize,
    hidden: Option<Linear>,
    out: Linear,
}

impl Fusion {
    /// Makes `fc1` (unless linear) and `fc2` in `scope`, for embeddings of width `embedding`.
    ///
    /// # Errors
    /// When names are taken.
    pub fn new(config: &FusionConfig, embedding: usize, scope: &Scope) -> Result<Self> {
        let both = 2 * embedding;
        let width = (!config.linear).then(|| config.hidden.unwrap_or(both));
        let hidden = width.map(|w| linear(&scope.pp("fc1"), both, w, he(both))).transpose()?;
        Ok(Self { embedding, hidden, out: linear(&scope.pp("fc2"), width.unwrap_or(both), 2, LOGIT_INIT)? })
    }

    /// Logits `[B, 2]` of pairs `z_video[i]`, `z_speech[i]`, both `[B, embedding]`: 0 not correlated, 1 correlated.
    ///
    /// # Errors
    /// When shapes are not these.
    pub fn forward(&self, z_video: &Tensor, z_speech: &Tensor) -> Result<Tensor> {
        check_vectors("fusion", z_video, self.embedding)?;
        check_vectors("fusion", z_speech, self.embedding)?;
        if z_video.dims() != z_speech.dims() {
            bail!("fusion: {:?} video and {:?} speech embeddings", z_video.dims(), z_speech.dims());
        }
        let both = Tensor::cat(&[z_video, z_speech], 1)?;
        match &self.hidden {
            Some(hidden) => self.out.forward(&hidden.forward(&both)?.relu()?),
            None => self.out.forward(&both),
        }
    }
}
