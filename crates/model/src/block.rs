//! The bottleneck of SE-ResNeXt: 1x1, grouped 3x3 and 1x1 convolutions, squeeze and excitation, shortcut.
//!
//! Xie et al. 2017 (arXiv 1611.05431), Hu et al. 2018 (arXiv 1709.01507); computed and named as timm's
//! `Bottleneck` with `attn_layer="se"` (huggingface/pytorch-image-models, timm 1.0.31, `timm/models/resnet.py`).

use candle_core::{Result, Tensor, Var};
use sonovox_ops::{
    BatchNorm2d, Conv2dSpec, Init, Mode, Precision, Scope, SqueezeExcite, conv2d, conv2d_norm,
};

/// PyTorch's default, which timm keeps.
pub(crate) const BATCH_NORM_EPS: f64 = 1e-5;

/// Hu et al. 2018: the gate's hidden layer has a sixteenth of the channels.
const SE_REDUCTION: usize = 16;
/// timm rounds the gate's hidden width to a multiple of this, at least one.
const SE_DIVISOR: usize = 8;

/// A convolution without bias and the batch normalisation after it.
pub(crate) struct ConvNorm {
    weight: Var,
    norm: BatchNorm2d,
    spec: Conv2dSpec,
}

impl ConvNorm {
    /// `kernel` x `kernel`, from `inputs` to `outputs` channels; `conv` and `norm` are the places of the names.
    pub fn new(
        (conv, norm): (&Scope, &Scope),
        (inputs, outputs, kernel): (usize, usize, usize),
        spec: Conv2dSpec,
    ) -> Result<Self> {
        let shape = (outputs, inputs / spec.groups, kernel, kernel);
        let weight = conv.param("weight", shape, Init::KaimingNormalFanOut)?;
        let spec = Conv2dSpec { tf32: conv.precision() == Precision::Tf32, ..spec };
        Ok(Self { weight, norm: BatchNorm2d::new(norm, outputs, BATCH_NORM_EPS)?, spec })
    }

    pub fn forward(&self, x: &Tensor, mode: Mode, relu: bool) -> Result<Tensor> {
        conv2d_norm(x, &self.weight, self.spec, &self.norm, mode, relu)
    }

    /// The convolution alone.
    fn conv(&self, x: &Tensor) -> Result<Tensor> {
        conv2d(x, &self.weight, self.spec)
    }
}

/// Hidden width of the gate: timm's `make_divisible(channels / 16, 8, round_limit=0)`.
fn squeezed(channels: usize) -> usize {
    let rounded =
        (channels as f64 / SE_REDUCTION as f64 + SE_DIVISOR as f64 / 2.0) as usize / SE_DIVISOR * SE_DIVISOR;
    rounded.max(SE_DIVISOR)
}

/// The sizes of one bottleneck.
#[derive(Clone, Copy)]
pub(crate) struct BlockShape {
    pub inputs: usize,
    pub mid: usize,
    pub out: usize,
    pub cardinality: usize,
    pub stride: usize,
    pub dilation: usize,
    /// A projection on the shortcut: every stage's first block.
    pub downsample: bool,
}

pub(crate) struct Bottleneck {
    narrow: ConvNorm,
    grouped: ConvNorm,
    widen: ConvNorm,
    gate: SqueezeExcite,
    downsample: Option<ConvNorm>,
}

impl Bottleneck {
    pub fn new(scope: &Scope, shape: BlockShape) -> Result<Self> {
        let BlockShape { inputs, mid, out, cardinality, stride, dilation, downsample } = shape;
        let layer = |i: u8, sizes, spec| {
            ConvNorm::new((&scope.pp(format_args!("conv{i}")), &scope.pp(format_args!("bn{i}"))), sizes, spec)
        };
        let plain = Conv2dSpec::default();
        let down = scope.pp("downsample");
        let projection = || {
            let spec = Conv2dSpec { stride, ..plain };
            ConvNorm::new((&down.pp(0), &down.pp(1)), (inputs, out, 1), spec)
        };
        Ok(Self {
            narrow: layer(1, (inputs, mid, 1), plain)?,
            grouped: layer(
                2,
                (mid, mid, 3),
                Conv2dSpec { stride, padding: dilation, dilation, groups: cardinality, ..plain },
            )?,
            widen: layer(3, (mid, out, 1), plain)?,
            gate: SqueezeExcite::new(&scope.pp("se"), out, squeezed(out))?,
            downsample: downsample.then(projection).transpose()?,
        })
    }

    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let y = self.narrow.forward(x, mode, true)?;
        let y = self.grouped.forward(&y, mode, true)?;
        let y = self.widen.conv(&y)?;
        match &self.downsample {
            Some(projection) => {
                self.gate.forward(&self.widen.norm, &y, &projection.forward(x, mode, false)?, mode)
            }
            None => self.gate.forward(&self.widen.norm, &y, x, mode),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::squeezed;

    /// Values of timm 1.0.31.
    #[test]
    fn the_gate_is_as_narrow_as_timms() {
        let expected = [(16, 8), (64, 8), (128, 8), (192, 16), (256, 16), (1024, 64), (2048, 128)];
        for (channels, hidden) in expected {
            assert_eq!(squeezed(channels), hidden, "{channels} channels");
        }
    }
}
