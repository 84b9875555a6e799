//! Graphs of frames in time, for TCGL: nodes in, nodes that know their neighbours out.
//!
//! After Liu et al., "TCGL: Temporal Contrastive Graph for Self-Supervised Video Representation Learning" (IEEE TIP 2022, arXiv
//! 2112.03587): 3 snippets to a clip; a graph within each snippet (4 nodes) and one between the snippets (3 nodes); the snippets'
//! order (3! = 6) is predicted from all three. Ours: a node is a frame's pooled feature (their snippets go through a 3-D network),
//! edges join neighbours in time, one graph convolution to a graph (Kipf and Welling 2017), a projection of two layers before
//! nodes are compared.

use candle_core::{Module, Result, Tensor, bail};
use candle_transformers::models::with_tracing::Linear;
use serde::{Deserialize, Serialize};
use sonovox_ops::{Init, Scope};

use super::layers::{LOGIT_INIT, he, linear};

/// Snippets to a clip.
pub const SNIPPETS: usize = 3;
/// Frames to a snippet.
pub const SNIPPET_FRAMES: usize = 4;
/// Orders of the snippets.
pub const SNIPPET_ORDERS: usize = 6;

/// Sizes of the graphs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TemporalGraphConfig {
    /// Width of a node.
    pub width: usize,
}

impl Default for TemporalGraphConfig {
    fn default() -> Self {
        Self { width: 128 }
    }
}

/// Both graphs, the projection of nodes and the head of the snippets' order.
pub struct TemporalGraph {
    features: usize,
    width: usize,
    intra: Linear,
    inter: Linear,
    project1: Linear,
    project2: Linear,
    order: Linear,
}

/// Nodes of both graphs.
pub struct Nodes {
    /// `[M * 3 * 4, width]`.
    pub intra: Tensor,
    /// `[M * 3, width]`.
    pub inter: Tensor,
}

impl TemporalGraph {
    /// Makes `intra`, `inter`, `project1`, `project2` and `order` in `scope`, for pooled features of width `features`.
    ///
    /// # Errors
    /// When names are taken.
    pub fn new(config: &TemporalGraphConfig, features: usize, scope: &Scope) -> Result<Self> {
        let width = config.width;
        Ok(Self {
            features,
            width,
            intra: linear(&scope.pp("intra"), features, width, he(features))?,
            inter: linear(&scope.pp("inter"), width, width, he(width))?,
            project1: linear(&scope.pp("project1"), width, width, he(width))?,
            project2: linear(&scope.pp("project2"), width, width, Init::UniformFanIn)?,
            order: linear(&scope.pp("order"), SNIPPETS * width, SNIPPET_ORDERS, LOGIT_INIT)?,
        })
    }

    /// Nodes from features `[12 M, features]` (a clip's snippets one after the other) and normalised adjacencies
    /// `[3 M, 4, 4]` within and `[M, 3, 3]` between snippets.
    ///
    /// # Errors
    /// When shapes are not these.
    pub fn nodes(&self, features: &Tensor, within: &Tensor, between: &Tensor) -> Result<Nodes> {
        let frames = SNIPPETS * SNIPPET_FRAMES;
        let clips = match features.dims() {
            [rows, width] if *width == self.features && rows.is_multiple_of(frames) => rows / frames,
            found => {
                bail!("temporal graph: expected features [{frames} M, {}], found {found:?}", self.features)
            }
        };
        let (snippets, width) = (clips * SNIPPETS, self.width);
        let x = self.intra.forward(features)?.reshape((snippets, SNIPPET_FRAMES, width))?;
        let intra = within.matmul(&x)?.relu()?;
        let x = self.inter.forward(&intra.mean(1)?)?.reshape((clips, SNIPPETS, width))?;
        let inter = between.matmul(&x)?.relu()?;
        Ok(Nodes {
            intra: intra.reshape((snippets * SNIPPET_FRAMES, width))?,
            inter: inter.reshape((snippets, width))?,
        })
    }

    /// Nodes `[N, width]` as they are compared.
    ///
    /// # Errors
    /// When shapes are not these.
    pub fn project(&self, nodes: &Tensor) -> Result<Tensor> {
        self.project2.forward(&self.project1.forward(nodes)?.relu()?)
    }

    /// Logits of the snippets' order `[M, 6]` from the nodes between snippets `[3 M, width]`, as shown.
    ///
    /// # Errors
    /// When shapes are not these.
    pub fn order(&self, inter: &Tensor) -> Result<Tensor> {
        let clips = inter.dim(0)? / SNIPPETS;
        self.order.forward(&inter.reshape((clips, SNIPPETS * self.width))?)
    }
}
