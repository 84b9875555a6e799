//! The networks: encoders for frames and speech (SE-ResNeXt, EfficientNet-Lite0, a frozen Whisper), and the heads that are
//! put on them.
//!
//! An encoder's parameters have the names of timm's checkpoints, so that [`load_timm`] needs no mapping; that is why
//! encoder and heads are made in stores (or scopes) of their own. All layers are functions of `&self`: what learns is
//! the [`sonovox_ops::ParamStore`] they were made in.

mod block;
mod config;
mod efficientnet_lite;
mod encoder;
mod heads;
mod imagenet;
pub mod input;
mod load;
mod se_resnext;
mod whisper;

pub use config::{Architecture, EncoderConfig, Preset, StageShape};
pub use encoder::{Encoder, Features};
pub use heads::affine::{AFFINE_PARAMETERS, AffineHead, AffineHeadConfig};
pub use heads::cluster::ClusterHead;
pub use heads::co_attention::{CoAttention, CoAttentionConfig};
pub use heads::fusion::{Fusion, FusionConfig};
pub use heads::gaze::{GazeHead, GazeHeadConfig};
pub use heads::order::{ORDER_CLASSES, ORDER_FRAMES, OrderHead, OrderHeadConfig};
pub use heads::plane::{PlaneHead, PlaneHeadConfig};
pub use heads::projection::{Projection, ProjectionConfig};
pub use heads::temporal_graph::{
    Nodes, SNIPPET_FRAMES, SNIPPET_ORDERS, SNIPPETS, TemporalGraph, TemporalGraphConfig,
};
pub use imagenet::ImageNetWeights;
pub use load::{is_ignorable, load_timm};
pub use whisper::WhisperEncoder;
