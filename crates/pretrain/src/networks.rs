//! The networks of pretraining in one store: `video.*`, `speech.*` and `heads.*`.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Result, Tensor, Var};
use sonovox_model::{
    AffineHead, AffineHeadConfig, ClusterHead, CoAttention, CoAttentionConfig, Encoder, Features, Fusion,
    OrderHead, OrderHeadConfig, Projection, TemporalGraph, TemporalGraphConfig, WhisperEncoder,
};
use sonovox_ops::{Init, Mode, ParamStore};

use crate::order;
use crate::{Contrastive, PretrainConfig};

/// The video encoder, the speech encoder where a loss sees speech, and the heads of the weighted losses.
pub struct Networks {
    video: Encoder,
    speech: Option<Listener>,
    video_projection: Option<Projection>,
    speech_projection: Option<Projection>,
    fusion: Option<Fusion>,
    order: Option<OrderHead>,
    affine: Option<AffineHead>,
    sync: Option<CoAttention>,
    graph: Option<TemporalGraph>,
    video_views: Option<Projection>,
    speech_views: Option<Projection>,
    /// One for every clustering.
    video_clusters: Vec<ClusterHead>,
    speech_clusters: Vec<ClusterHead>,
    log_inv_temperature: Option<Var>,
}

/// The speech stream.
enum Listener {
    /// An encoder that learns, `speech.*` of the store.
    Learning(Encoder),
    /// A frozen one, in no store.
    Frozen(WhisperEncoder),
}

impl Listener {
    /// Width of its pooled features.
    fn width(&self) -> usize {
        match self {
            Self::Learning(encoder) => encoder.config().features(),
            Self::Frozen(whisper) => whisper.width(),
        }
    }
}

impl Networks {
    /// Makes the networks; what no weighted loss needs is not made.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn new(config: &PretrainConfig, store: &ParamStore) -> Result<Self> {
        Self::beside(config, store, None)
    }

    /// The same with a frozen speech stream, where there is one.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn beside(
        config: &PretrainConfig,
        store: &ParamStore,
        whisper: Option<WhisperEncoder>,
    ) -> Result<Self> {
        assert_eq!(
            config.whisper.is_some(),
            whisper.is_some(),
            "a frozen speech stream is opened by who asks for it"
        );
        let (encoder, scope) = (config.encoder_config(), store.scope());
        let heads = scope.pp("heads");
        let (weights, width) = (&config.weights, encoder.features());
        let projection = config.projection;
        let make_speech = || match whisper {
            Some(whisper) => Ok(Listener::Frozen(whisper)),
            None => Encoder::new(&encoder, &scope.pp("speech")).map(Listener::Learning),
        };
        let speech = weights.hears().then(make_speech).transpose()?;
        let project = |name: &str, width: usize| {
            let make = || Projection::new(&projection, width, &heads.pp(name));
            weights.embeds_pairs().then(make).transpose()
        };
        let project_views = |name: &str, weight: f64, width: usize| {
            let make = || Projection::new(&projection, width, &heads.pp(name));
            (weight > 0.0).then(make).transpose()
        };
        let clusterings = config.clusters.schedule(&config.curriculum).len();
        let tell_clusters = |name: &str, weight: f64, width: usize| {
            let scope = heads.pp(name);
            let make =
                |round: usize| ClusterHead::new(width, config.clusters.count, &scope.pp(round.to_string()));
            (0..if weight > 0.0 { clusterings } else { 0 }).map(make).collect::<Result<Vec<_>>>()
        };
        let heard = speech.as_ref().map_or(width, Listener::width);
        let make_temperature = || {
            let start = Init::Const((1.0 / config.temperature).ln());
            heads.param("log_inv_temperature", 1, start)
        };
        let make_fusion = || Fusion::new(&config.fusion, projection.embedding, &heads.pp("fusion"));
        let make_order = || OrderHead::new(&OrderHeadConfig::default(), width, &heads.pp("order"));
        let make_affine = || AffineHead::new(&AffineHeadConfig::default(), width, &heads.pp("affine"));
        let make_sync =
            || CoAttention::new(&CoAttentionConfig { width: config.sync.width }, width, &heads.pp("sync"));
        let of_graph = TemporalGraphConfig { width: config.graph.width };
        let make_graph = || TemporalGraph::new(&of_graph, width, &heads.pp("graph"));
        let has_temperature = weights.cont > 0.0 && config.contrastive == Contrastive::InfoNce;
        Ok(Self {
            video: Encoder::new(&encoder, &scope.pp("video"))?,
            video_projection: project("video_projection", width)?,
            speech_projection: project("speech_projection", heard)?,
            speech,
            fusion: (weights.cls > 0.0).then(make_fusion).transpose()?,
            order: (weights.ord > 0.0).then(make_order).transpose()?,
            affine: (weights.affine > 0.0).then(make_affine).transpose()?,
            sync: (weights.sync > 0.0).then(make_sync).transpose()?,
            graph: weights.needs_clips().then(make_graph).transpose()?,
            video_views: project_views("video_views", weights.video_views, width)?,
            speech_views: project_views("speech_views", weights.speech_views, heard)?,
            video_clusters: tell_clusters("video_clusters", weights.video_clusters, width)?,
            speech_clusters: tell_clusters("speech_clusters", weights.speech_clusters, heard)?,
            log_inv_temperature: has_temperature.then(make_temperature).transpose()?,
        })
    }

    /// What the video encoder sees in every part of a batch, `[N, 1, H, W]` each, from one pass over all of them.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn look(&self, parts: &[&Tensor], mode: Mode) -> Result<Vec<Seen>> {
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let all = Seen::new(self.video.forward(&Tensor::cat(parts, 0)?, mode)?);
        let mut start = 0;
        let part = |frames: &&Tensor| {
            let count = frames.dim(0)?;
            start += count;
            all.narrow(start - count, count)
        };
        parts.iter().map(part).collect()
    }

    /// What the speech encoder hears in windows `[N, 1, bands, time]`.
    ///
    /// # Errors
    /// When a tensor operation fails, or no weighted loss hears speech.
    pub fn hear(&self, windows: &Tensor, mode: Mode) -> Result<Seen> {
        match made(self.speech.as_ref())? {
            Listener::Learning(encoder) => Ok(Seen::new(encoder.forward(windows, mode)?)),
            Listener::Frozen(whisper) => {
                let positions = whisper.forward(windows)?;
                Ok(Seen { pooled: positions.mean(1)?, map: positions.unsqueeze(1)? })
            }
        }
    }

    /// Embeddings of pooled video features: `[N, D]`.
    ///
    /// # Errors
    /// When a tensor operation fails, or no weighted loss embeds pairs.
    pub fn project_video(&self, features: &Tensor, mode: Mode) -> Result<Tensor> {
        made(self.video_projection.as_ref())?.forward(features, mode)
    }

    /// Embeddings of pooled speech features: `[N, D]`.
    ///
    /// # Errors
    /// When a tensor operation fails, or no weighted loss embeds pairs.
    pub fn project_speech(&self, features: &Tensor, mode: Mode) -> Result<Tensor> {
        made(self.speech_projection.as_ref())?.forward(features, mode)
    }

    /// Embeddings that two frames of an interval are compared by, from pooled video features: `[N, D]`, or `None` where that has no
    /// weight.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn view_video(&self, features: &Tensor, mode: Mode) -> Result<Option<Tensor>> {
        self.video_views.as_ref().map(|head| head.forward(features, mode)).transpose()
    }

    /// The same of two speech windows, from pooled speech features.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn view_speech(&self, features: &Tensor, mode: Mode) -> Result<Option<Tensor>> {
        self.speech_views.as_ref().map(|head| head.forward(features, mode)).transpose()
    }

    /// Logits of the clusters of speech `[N, K]` from pooled video features, by the heads of clustering `round`; `None` where that
    /// has no weight.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn tell_speech(&self, features: &Tensor, round: usize) -> Result<Option<Tensor>> {
        self.video_clusters.get(round).map(|head| head.forward(features)).transpose()
    }

    /// The same of the clusters of video, from pooled speech features.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn tell_video(&self, features: &Tensor, round: usize) -> Result<Option<Tensor>> {
        self.speech_clusters.get(round).map(|head| head.forward(features)).transpose()
    }

    /// Logits of being in step `[P]` from maps of frames `[P, H, W, C]` and of their speech `[P V, bands, time, C]`, or `None`
    /// where L_sync has no weight.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn in_step(&self, video: &Tensor, speech: &Tensor) -> Result<Option<Tensor>> {
        self.sync.as_ref().map(|head| head.forward(video, speech)).transpose()
    }

    /// The graphs of TCGL, where one of its losses has a weight.
    pub fn graph(&self) -> Option<&TemporalGraph> {
        self.graph.as_ref()
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

    /// Parameters of transforms `[K, 5]` from pooled features `[2 K, C]` of frames and then of their copies, or `None` where
    /// L_aff has no weight.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn affine(&self, features: &Tensor) -> Result<Option<Tensor>> {
        let count = features.dim(0)? / 2;
        let (frames, copies) = (features.narrow(0, 0, count)?, features.narrow(0, count, count)?);
        self.affine.as_ref().map(|head| head.forward(&frames, &copies)).transpose()
    }

    /// Keeps the log of the inverse temperature at `most` or below.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn bound_temperature(&self, most: f64) -> Result<()> {
        let Some(var) = &self.log_inv_temperature else { return Ok(()) };
        let bounded = var.as_detached_tensor().minimum(most)?;
        var.set(&bounded)
    }

    /// The learned log of the inverse temperature, where there is one.
    pub fn log_inv_temperature(&self) -> Option<&Tensor> {
        self.log_inv_temperature.as_ref().map(Var::as_tensor)
    }

    /// Writes `encoder.safetensors` (video), `speech.safetensors` and `heads.safetensors` into `dir`; the encoders'
    /// names are timm's. What was not made, or is frozen, has no file.
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
            if part.is_empty() {
                continue;
            }
            candle_core::safetensors::save(&part, dir.join(file).with_extension("safetensors"))?;
        }
        Ok(())
    }
}

/// What an encoder makes of images.
pub struct Seen {
    /// `[N, C]`.
    pub pooled: Tensor,
    /// The last map `[N, H, W, C]`; of a frozen Whisper its positions `[N, 1, T, C]`.
    pub map: Tensor,
}

impl Seen {
    fn new(features: Features) -> Self {
        let [_, _, _, map] = features.stages;
        Self { pooled: features.pooled, map }
    }

    /// Images `start..start + count` of it.
    ///
    /// # Errors
    /// When it has fewer.
    pub fn narrow(&self, start: usize, count: usize) -> Result<Self> {
        Ok(Self { pooled: self.pooled.narrow(0, start, count)?, map: self.map.narrow(0, start, count)? })
    }
}

/// A network that only a weighted loss asks for.
fn made<T>(network: Option<&T>) -> Result<&T> {
    match network {
        Some(network) => Ok(network),
        None => candle_core::bail!("no weighted loss needs this network, so it was not made"),
    }
}
