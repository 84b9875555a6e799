//! EfficientNet-Lite0 without its classifier: the second backbone.
//!
//! Tan and Le 2019 (arXiv 1905.11946) without squeeze and excitation and with ReLU6 (Liu, "Higher accuracy on vision models
//! with EfficientNet-Lite", TensorFlow blog 2020); computed and named as timm's `tf_efficientnet_lite0`
//! (huggingface/pytorch-image-models, timm 1.0.31, `timm/models/efficientnet.py`). Convolutions pad as TensorFlow's `SAME`:
//! with a stride, an even side gets less at its start than at its end.
//!
//! Stages of [`Features`], at a quarter of the image's size, an eighth, a sixteenth and a thirty-second: after timm's `blocks.1`,
//! `blocks.2`, `blocks.4`, and after the 1x1 convolution to 1280 channels, whose mean over the map the classifier sees.

use candle_core::{Result, Tensor, Var};
use sonovox_ops::{
    BatchNorm2d, Conv2dSpec, Fuse, Init, Mode, Precision, Scope, conv2d, conv2d_norm, global_avg_pool, relu6,
};

use crate::config::EncoderConfig;
use crate::encoder::{Features, to_map};

/// Channels of the four stages' maps.
pub(crate) const CHANNELS: [usize; 4] = [24, 40, 112, 1280];

/// Channels of the stem.
const STEM: usize = 32;
/// TensorFlow's EfficientNet, which timm's `tf_` models keep.
const BATCH_NORM_EPS: f64 = 1e-3;

/// A row of timm's `blocks`.
#[derive(Clone, Copy)]
struct Row {
    repeats: usize,
    kernel: usize,
    stride: usize,
    /// How much wider than its input a block is inside.
    expansion: usize,
    channels: usize,
    /// The stage of [`Features`] that ends here.
    ends: Option<usize>,
}

const fn row(
    repeats: usize,
    kernel: usize,
    stride: usize,
    expansion: usize,
    channels: usize,
    ends: Option<usize>,
) -> Row {
    Row { repeats, kernel, stride, expansion, channels, ends }
}

const ROWS: [Row; 7] = [
    row(1, 3, 1, 1, 16, None),
    row(2, 3, 2, 6, 24, Some(0)),
    row(2, 5, 2, 6, 40, Some(1)),
    row(3, 3, 2, 6, 80, None),
    row(3, 5, 1, 6, 112, Some(2)),
    row(4, 5, 2, 6, 192, None),
    row(1, 3, 1, 6, 320, None),
];

/// The dilated form keeps maps at this part of the image's size from there on (timm's `output_stride=8`).
const DILATED_STRIDE: usize = 8;

/// EfficientNet-Lite0.
pub(crate) struct EfficientNetLite {
    precision: Precision,
    stem: Conv,
    rows: Vec<Vec<Block>>,
    head: Conv,
}

impl EfficientNetLite {
    /// Makes the parameters in `scope`, as timm starts them (normal by fan-out, counted by group).
    pub fn new(config: &EncoderConfig, scope: &Scope) -> Result<Self> {
        let two = Conv2dSpec { stride: 2, ..Conv2dSpec::default() };
        let places = (&scope.pp("conv_stem"), &scope.pp("bn1"));
        let stem = Conv::new(places, (config.in_channels, STEM, 3), two)?;
        let (mut inputs, mut reached, mut dilation) = (STEM, 2, 1);
        let mut rows = Vec::new();
        for (i, row) in ROWS.iter().enumerate() {
            let scope = scope.pp("blocks").pp(i);
            let mut blocks = Vec::new();
            for j in 0..row.repeats {
                let wanted = if j == 0 { row.stride } else { 1 };
                let held = config.dilated && reached * wanted > DILATED_STRIDE;
                let stride = if held { 1 } else { wanted };
                let shape = BlockShape { inputs, row: *row, stride, dilation };
                blocks.push(Block::new(&scope.pp(j), shape)?);
                // the block that gives up its stride still has the dilation before it, as in timm
                if held {
                    dilation *= wanted;
                } else {
                    reached *= stride;
                }
                inputs = row.channels;
            }
            rows.push(blocks);
        }
        let places = (&scope.pp("conv_head"), &scope.pp("bn2"));
        let head = Conv::new(places, (inputs, CHANNELS[3], 1), Conv2dSpec::default())?;
        Ok(Self { precision: scope.precision(), stem, rows, head })
    }

    /// Encodes checked images `[B, C, H, W]`.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Features> {
        let mut x = relu6(&self.stem.forward(&to_map(x, self.precision)?, None, mode)?)?;
        let mut stages = Vec::with_capacity(4);
        for (row, blocks) in ROWS.iter().zip(&self.rows) {
            x = blocks.iter().try_fold(x, |x, block| block.forward(&x, mode))?;
            if row.ends.is_some() {
                stages.push(x.clone());
            }
        }
        let last = relu6(&self.head.forward(&x, None, mode)?)?;
        let pooled = global_avg_pool(&last)?;
        stages.push(last);
        let stages = stages.try_into().expect("three rows end a stage, and the head the fourth");
        Ok(Features { stages, pooled })
    }
}

/// A convolution without bias, padded as `SAME`, and the batch normalisation after it.
struct Conv {
    weight: Var,
    norm: BatchNorm2d,
    /// Without padding, which depends on the image.
    spec: Conv2dSpec,
    kernel: usize,
}

impl Conv {
    fn new(
        (conv, norm): (&Scope, &Scope),
        (inputs, outputs, kernel): (usize, usize, usize),
        spec: Conv2dSpec,
    ) -> Result<Self> {
        // timm counts the outputs of a group: by all of them a depthwise convolution would start near zero, below the eps
        let fan_out = kernel * kernel * outputs / spec.groups;
        let init = Init::Normal { std: (2.0 / fan_out as f64).sqrt() };
        let weight = conv.param("weight", (outputs, inputs / spec.groups, kernel, kernel), init)?;
        let spec = Conv2dSpec { tf32: conv.precision() == Precision::Tf32, ..spec };
        Ok(Self { weight, norm: BatchNorm2d::new(norm, outputs, BATCH_NORM_EPS)?, spec, kernel })
    }

    /// Without an activation; `residual` is added to the result.
    fn forward(&self, x: &Tensor, residual: Option<&Tensor>, mode: Mode) -> Result<Tensor> {
        let (_, height, width, _) = x.dims4()?;
        let rows = same_padding(height, self.kernel, self.spec);
        let cols = same_padding(width, self.kernel, self.spec);
        let (x, spec) = if rows == cols && rows.0 == rows.1 {
            (x.clone(), Conv2dSpec { padding: rows.0, ..self.spec })
        } else {
            (x.pad_with_zeros(1, rows.0, rows.1)?.pad_with_zeros(2, cols.0, cols.1)?, self.spec)
        };
        match residual {
            None => conv2d_norm(&x, &self.weight, spec, &self.norm, mode, false),
            Some(_) => {
                self.norm.forward(&conv2d(&x, &self.weight, spec)?, mode, Fuse { relu: false, residual })
            }
        }
    }
}

/// Zeros before and after a side of `size` pixels, so that `size / stride` pixels come out, rounded up (TensorFlow's `SAME`).
fn same_padding(size: usize, kernel: usize, spec: Conv2dSpec) -> (usize, usize) {
    let seen = (size.div_ceil(spec.stride) - 1) * spec.stride + (kernel - 1) * spec.dilation + 1;
    let zeros = seen.saturating_sub(size);
    (zeros / 2, zeros - zeros / 2)
}

#[derive(Clone, Copy)]
struct BlockShape {
    inputs: usize,
    row: Row,
    stride: usize,
    dilation: usize,
}

/// An inverted bottleneck (Sandler et al. 2018, arXiv 1801.04381): 1x1 to more channels (none in the first row), a depthwise
/// convolution, 1x1 to few.
struct Block {
    expand: Option<Conv>,
    depthwise: Conv,
    project: Conv,
    /// Whether the input is added.
    shortcut: bool,
}

impl Block {
    fn new(scope: &Scope, shape: BlockShape) -> Result<Self> {
        let BlockShape { inputs, row, stride, dilation } = shape;
        let mid = inputs * row.expansion;
        let plain = Conv2dSpec::default();
        let spec = Conv2dSpec { stride, dilation, groups: mid, ..plain };
        let conv =
            |conv: &str, norm: &str, sizes, spec| Conv::new((&scope.pp(conv), &scope.pp(norm)), sizes, spec);
        let shortcut = stride == 1 && inputs == row.channels;
        if row.expansion == 1 {
            return Ok(Self {
                expand: None,
                depthwise: conv("conv_dw", "bn1", (mid, mid, row.kernel), spec)?,
                project: conv("conv_pw", "bn2", (mid, row.channels, 1), plain)?,
                shortcut,
            });
        }
        Ok(Self {
            expand: Some(conv("conv_pw", "bn1", (inputs, mid, 1), plain)?),
            depthwise: conv("conv_dw", "bn2", (mid, mid, row.kernel), spec)?,
            project: conv("conv_pwl", "bn3", (mid, row.channels, 1), plain)?,
            shortcut,
        })
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let wide = match &self.expand {
            Some(expand) => &relu6(&expand.forward(x, None, mode)?)?,
            None => x,
        };
        let wide = relu6(&self.depthwise.forward(wide, None, mode)?)?;
        self.project.forward(&wide, self.shortcut.then_some(x), mode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TensorFlow's rule, counted by hand.
    #[test]
    fn same_padding_is_tensorflows() {
        let spec = |stride, dilation| Conv2dSpec { stride, dilation, ..Conv2dSpec::default() };
        for (size, kernel, stride, dilation, expected) in [
            (224, 3, 2, 1, (0, 1)),
            (225, 3, 2, 1, (1, 1)),
            (56, 5, 2, 1, (1, 2)),
            (57, 5, 2, 1, (2, 2)),
            (28, 5, 1, 1, (2, 2)),
            (28, 5, 1, 4, (8, 8)),
            (1, 3, 2, 1, (1, 1)),
            (28, 1, 1, 1, (0, 0)),
        ] {
            assert_eq!(
                same_padding(size, kernel, spec(stride, dilation)),
                expected,
                "{size} {kernel} {stride}"
            );
        }
    }
}
