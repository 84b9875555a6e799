//! Which standard plane is this? From the last map to one logit a plane.
//!
//! Droste et al. 2019 (IPMI, arXiv 1903.02974): 1x1 convolution to 256, 1x1 convolution to the classes, global average
//! pool, softmax.

use candle_core::{Result, Tensor, Var};
use serde::{Deserialize, Serialize};
use sonovox_ops::{Conv2dSpec, Init, Mode, Scope, conv2d, global_avg_pool};

use super::layers::{ConvRelu, LOGIT_INIT, add_bias, check_map};

/// Form of the plane head. The source gives the first convolution's width and says nothing of what stands between
/// the two: ReLU (without it they would be one linear map) and the normalisation are our choice.
/// On drawn images both forms learned alike at learning rates of 0.01 and 0.1 with gradients clipped at 5, so the
/// default is the plain one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlaneHeadConfig {
    /// Channels of the hidden convolution.
    pub hidden: usize,
    /// Batch normalisation after the hidden convolution, instead of a bias.
    pub batch_norm: bool,
}

impl Default for PlaneHeadConfig {
    fn default() -> Self {
        Self { hidden: 256, batch_norm: false }
    }
}

/// Classifier of planes.
pub struct PlaneHead {
    channels: usize,
    conv1: ConvRelu,
    weight: Var,
    bias: Var,
}

impl PlaneHead {
    /// Makes `conv1` and `conv2` in `scope`, for maps of `channels` channels and `planes` classes.
    ///
    /// # Errors
    /// When names are taken.
    pub fn new(config: &PlaneHeadConfig, channels: usize, planes: usize, scope: &Scope) -> Result<Self> {
        let out = scope.pp("conv2");
        Ok(Self {
            channels,
            conv1: ConvRelu::new(&scope.pp("conv1"), (channels, config.hidden, 1), 1, config.batch_norm)?,
            weight: out.param("weight", (planes, config.hidden, 1, 1), LOGIT_INIT)?,
            bias: out.param("bias", planes, Init::Zeros)?,
        })
    }

    /// Logits `[B, planes]` from the last map `[B, H, W, channels]`.
    ///
    /// # Errors
    /// When the map has another number of channels.
    pub fn forward(&self, map: &Tensor, mode: Mode) -> Result<Tensor> {
        global_avg_pool(&self.class_maps(map, mode)?)
    }

    /// The evidence for every plane at every place, `[B, H, W, planes]`, whose mean are the logits.
    ///
    /// # Errors
    /// When the map has another number of channels.
    pub fn class_maps(&self, map: &Tensor, mode: Mode) -> Result<Tensor> {
        check_map("plane head", map, self.channels)?;
        let hidden = self.conv1.forward(map, mode)?;
        add_bias(&conv2d(&hidden, &self.weight, Conv2dSpec::default())?, &self.bias)
    }
}
