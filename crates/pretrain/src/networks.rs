//! The networks of pretraining in one store: `video.*`, `speech.*` and `heads.*`.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Result, Tensor, Var};
use sonovox_model::{
    Fusion, FusionConfig, OrderHead, OrderHeadConfig, Projection, ProjectionConfig, SeResNext,
};
use sonovox_ops::{Init, Mode, ParamStore};

use crate::order;
use crate::{Contrastive, PretrainConfig};

/// Both encoders and the heads of the three losses.
pub struct Networks {
    video: SeResNext,
    speech: SeResNext,
    video_projection: Projection,
    speech_projection: Projection,
    fusion: Option<Fusion>,
    order: Option<OrderHead>,
    log_inv_temperature: Option<Var>,
}

impl Networks {
    /// Makes the networks; a head whose loss has no weight is not made.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn new(config: &PretrainConfig, store: &ParamStore) -> Result<Self> {
        let (encoder, scope) = (config.encoder_config(), store.scope());
        let heads = scope.pp("heads");
        let video = SeResNext::new(&encoder, &scope.pp("video"))?;
        let width = encoder.channels()[3];
        let projection = ProjectionConfig::default();
        let project = |name: &str| Projection::new(&projection, width, &heads.pp(name));
        let weights = &config.weights;
        let make_temperature = || {
            let start = Init::Const((1.0 / config.temperature).ln());
            heads.param("log_inv_temperature", 1, start)
        };
        Ok(Self {
            speech: SeResNext::new(&encoder, &scope.pp("speech"))?,
            video_projection: project("video_projection")?,
            speech_projection: project("speech_projection")?,
            fusion: (weights.cls > 0.0)
                .then(|| Fusion::new(&FusionConfig::default(), projection.embedding, &heads.pp("fusion")))
                .transpose()?,
            order: (weights.ord > 0.0)
                .then(|| OrderHead::new(&OrderHeadConfig::default(), width, &heads.pp("order")))
                .transpose()?,
            log_inv_temperature: (weights.cont > 0.0 && config.contrastive == Contrastive::InfoNce)
                .then(make_temperature)
                .transpose()?,
            video,
        })
    }

    /// Pooled features of frames `[N, 1, H, W]`: `[N, C]`.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn video_features(&self, frames: &Tensor, mode: Mode) -> Result<Tensor> {
        Ok(self.video.forward(frames, mode)?.pooled)
    }

    /// Embeddings of pooled video features: `[N, D]`.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn project_video(&self, features: &Tensor) -> Result<Tensor> {
        self.video_projection.forward(features)
    }

    /// Embeddings of speech windows `[N, 1, bands, time]`: `[N, D]`.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn embed_speech(&self, windows: &Tensor, mode: Mode) -> Result<Tensor> {
        self.speech_projection.forward(&self.speech.forward(windows, mode)?.pooled)
    }

    /// Logits of belonging together `[N, 2]` (class 1: they do), or `None` where L_cls has no weight.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn correlated(&self, z_video: &Tensor, z_speech: &Tensor) -> Result<Option<Tensor>> {
        self.fusion.as_ref().map(|head| head.forward(z_video, z_speech)).transpose()
    }

    /// Logits of the order `[M, 12]` from pooled features `[4 M, C]`, or `None` where L_ord has no weight.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn order(&self, features: &Tensor) -> Result<Option<Tensor>> {
        let (rows, width) = features.dims2()?;
        let tuples = features.reshape((rows / order::FRAMES, order::FRAMES, width))?;
        self.order.as_ref().map(|head| head.forward(&tuples)).transpose()
    }

    /// The learned log of the inverse temperature, where there is one.
    pub fn log_inv_temperature(&self) -> Option<&Tensor> {
        self.log_inv_temperature.as_ref().map(Var::as_tensor)
    }

    /// Writes `encoder.safetensors` (video), `speech.safetensors` and `heads.safetensors` into `dir`; the encoders'
    /// names are timm's.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn export(store: &ParamStore, dir: &Path) -> Result<()> {
        let all = store.to_tensors();
        for (prefix, file) in [("video.", "encoder"), ("speech.", "speech"), ("heads.", "heads")] {
            let part: HashMap<&str, Tensor> = all
                .iter()
                .filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?, tensor.clone())))
                .collect();
            candle_core::safetensors::save(&part, dir.join(file).with_extension("safetensors"))?;
        }
        Ok(())
    }
}
