//! Where does the sonographer look? From the last map of a dilated encoder to one logit a place.
//!
//! Droste et al. 2019 (IPMI, arXiv 1903.02974): 7x7 depthwise convolution, two 1x1 convolutions to 256, 1x1 convolution to
//! 1, softmax over the map (28x36 for an input of 224x288).

use candle_core::{Result, Tensor, Var};
use serde::{Deserialize, Serialize};
use sonovox_ops::{Conv2dSpec, Mode, Scope, conv2d};

use super::layers::{ConvRelu, LOGIT_INIT, check_map};

/// The depthwise kernel's side, in pixels of the map.
const KERNEL: usize = 7;

/// Form of the gaze head. The source gives kernels and widths and says nothing of what stands between the
/// convolutions: ReLU after each but the last, and the normalisation, are our choice.
/// On drawn images both forms learned alike, up to the source's learning rate of 0.1 with gradients clipped at 5, so the
/// default is the plain one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GazeHeadConfig {
    /// Channels of the two hidden 1x1 convolutions.
    pub hidden: usize,
    /// Batch normalisation after the hidden convolutions, instead of a bias.
    pub batch_norm: bool,
}

impl Default for GazeHeadConfig {
    fn default() -> Self {
        Self { hidden: 256, batch_norm: false }
    }
}

/// Predictor of saliency maps.
pub struct GazeHead {
    channels: usize,
    hidden: [ConvRelu; 3],
    weight: Var,
}

impl GazeHead {
    /// Makes `depthwise`, `conv1`, `conv2` and `conv3` in `scope`, for maps of `channels` channels.
    ///
    /// # Errors
    /// When names are taken.
    pub fn new(config: &GazeHeadConfig, channels: usize, scope: &Scope) -> Result<Self> {
        let GazeHeadConfig { hidden, batch_norm } = *config;
        let layer = |name, sizes, groups| ConvRelu::new(&scope.pp(name), sizes, groups, batch_norm);
        Ok(Self {
            channels,
            hidden: [
                layer("depthwise", (channels, channels, KERNEL), channels)?,
                layer("conv1", (channels, hidden, 1), 1)?,
                layer("conv2", (hidden, hidden, 1), 1)?,
            ],
            // No bias: the softmax over the map takes it out again, so its gradient would be zero.
            weight: scope.pp("conv3").param("weight", (1, hidden, 1, 1), LOGIT_INIT)?,
        })
    }

    /// Logits `[B, H * W]`, row by row, over the map `[B, H, W, channels]`.
    ///
    /// # Errors
    /// When the map has another number of channels.
    pub fn forward(&self, map: &Tensor, mode: Mode) -> Result<Tensor> {
        check_map("gaze head", map, self.channels)?;
        let [depthwise, conv1, conv2] = &self.hidden;
        let x = depthwise.forward(map, mode)?;
        let x = conv2.forward(&conv1.forward(&x, mode)?, mode)?;
        conv2d(&x, &self.weight, Conv2dSpec::default())?.flatten_from(1)
    }
}
