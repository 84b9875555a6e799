//! Layers that several heads share.
//!
//! Hidden weights start normal with variance 2 / fan-in (He et al. 2015), because ReLU follows; the weights that give
//! logits start small, so that a fresh head is undecided and its loss starts at the chance level.

use candle_core::{DType, Result, Tensor, Var, bail};
use candle_transformers::models::with_tracing::Linear;
use sonovox_ops::{BatchNorm2d, Conv2dSpec, Fuse, Init, Mode, Scope, conv2d};

use crate::block::BATCH_NORM_EPS;

/// Start of the weights that give logits.
pub(crate) const LOGIT_INIT: Init = Init::Normal { std: 0.01 };

/// He et al. 2015, by fan-in.
pub(crate) fn he(fan_in: usize) -> Init {
    Init::Normal { std: (2.0 / fan_in as f64).sqrt() }
}

/// A traced linear layer (candle-transformers') on parameters of ours: `[B, inputs]` to `[B, outputs]`.
pub(crate) fn linear(scope: &Scope, inputs: usize, outputs: usize, init: Init) -> Result<Linear> {
    let weight = scope.param("weight", (outputs, inputs), init)?;
    let bias = scope.param("bias", outputs, Init::Zeros)?;
    Ok(Linear::from_weights(weight.as_tensor().clone(), Some(bias.as_tensor().clone())))
}

/// The same without a bias.
pub(crate) fn linear_no_bias(scope: &Scope, inputs: usize, outputs: usize, init: Init) -> Result<Linear> {
    let weight = scope.param("weight", (outputs, inputs), init)?;
    Ok(Linear::from_weights(weight.as_tensor().clone(), None))
}

/// A convolution that keeps the map's size, its bias or batch normalisation, and ReLU.
pub(crate) struct ConvRelu {
    weight: Var,
    spec: Conv2dSpec,
    shift: Shift,
}

enum Shift {
    Bias(Var),
    Norm(BatchNorm2d),
}

impl ConvRelu {
    /// An odd `kernel`, from `inputs` to `outputs` channels in `groups` groups. Parameters: `NAME.weight`, and
    /// `NAME.bias` or the normalisation's in `NAME.bn`.
    pub fn new(
        scope: &Scope,
        (inputs, outputs, kernel): (usize, usize, usize),
        groups: usize,
        batch_norm: bool,
    ) -> Result<Self> {
        let shape = (outputs, inputs / groups, kernel, kernel);
        let weight = scope.param("weight", shape, he(inputs / groups * kernel * kernel))?;
        let shift = if batch_norm {
            Shift::Norm(BatchNorm2d::new(&scope.pp("bn"), outputs, BATCH_NORM_EPS)?)
        } else {
            Shift::Bias(scope.param("bias", outputs, Init::Zeros)?)
        };
        Ok(Self { weight, spec: Conv2dSpec { padding: kernel / 2, groups, ..Conv2dSpec::default() }, shift })
    }

    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        // an encoder of bf16 gives maps of bf16; heads compute in the type of their parameters
        let x = if x.dtype() == DType::BF16 { &x.to_dtype(self.weight.dtype())? } else { x };
        let y = conv2d(x, &self.weight, self.spec)?;
        match &self.shift {
            Shift::Norm(norm) => norm.forward(&y, mode, Fuse::RELU),
            Shift::Bias(bias) => add_bias(&y, bias)?.relu(),
        }
    }
}

/// Adds one value to every map of `[B, H, W, C]`.
pub(crate) fn add_bias(x: &Tensor, bias: &Var) -> Result<Tensor> {
    x.broadcast_add(bias)
}

/// Stops on a map that is not `[B, H, W, channels]`.
pub(crate) fn check_map(head: &str, map: &Tensor, channels: usize) -> Result<()> {
    match map.dims() {
        [_, _, _, c] if *c == channels => Ok(()),
        found => bail!("{head}: expected a map [B, {channels}, H, W], found {found:?}"),
    }
}

/// Stops on vectors that are not `[B, width]`.
pub(crate) fn check_vectors(head: &str, x: &Tensor, width: usize) -> Result<()> {
    match x.dims() {
        [_, w] if *w == width => Ok(()),
        found => bail!("{head}: expected vectors [B, {width}], found {found:?}"),
    }
}
