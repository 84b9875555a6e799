//! SE-ResNeXt without its classifier: an image in, the maps of four stages and their pooled features out.
//!
//! Weights and results are those of timm's ResNet (see `block.rs` for the sources).

use candle_core::{Result, Tensor};
use sonovox_ops::{Conv2dSpec, Mode, Precision, Scope, global_avg_pool, max_pool2d};

use crate::block::{BlockShape, Bottleneck, ConvNorm};
use crate::config::{EncoderConfig, StageShape, Walk};
use crate::encoder::{Features, to_map};

/// SE-ResNeXt.
pub(crate) struct SeResNext {
    precision: Precision,
    stem: ConvNorm,
    stages: [Vec<Bottleneck>; 4],
}

impl SeResNext {
    /// Makes the parameters in `scope`. Convolutions start as timm's (Kaiming normal by fan-out); the last normalisation of a
    /// block starts at 1, not at timm's 0, so that every parameter learns from the first step.
    pub fn new(config: &EncoderConfig, scope: &Scope) -> Result<Self> {
        let net = config.preset.architecture().expect("a preset of SE-ResNeXt");
        let spec = Conv2dSpec { stride: 2, padding: 3, ..Conv2dSpec::default() };
        let places = (&scope.pp("conv1"), &scope.pp("bn1"));
        let stem = ConvNorm::new(places, (config.in_channels, net.stem, 7), spec)?;
        let mut inputs = net.stem;
        let mut stages = [const { Vec::new() }; 4];
        for (i, (shape, walk)) in net.stages.iter().zip(config.walks()).enumerate() {
            let scope = scope.pp(format_args!("layer{}", i + 1));
            stages[i] = stage(&scope, inputs, *shape, walk, net.cardinality)?;
            inputs = shape.out;
        }
        Ok(Self { precision: scope.precision(), stem, stages })
    }

    /// Encodes checked images `[B, C, H, W]`.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Features> {
        let x = to_map(x, self.precision)?;
        let x = self.stem.forward(&x, mode, true)?;
        let x = max_pool2d(&x, 3, 2, 1)?;
        let run =
            |x: Tensor, stage: &[Bottleneck]| stage.iter().try_fold(x, |x, block| block.forward(&x, mode));
        let first = run(x, &self.stages[0])?;
        let second = run(first.clone(), &self.stages[1])?;
        let third = run(second.clone(), &self.stages[2])?;
        let fourth = run(third.clone(), &self.stages[3])?;
        let pooled = global_avg_pool(&fourth)?;
        Ok(Features { stages: [first, second, third, fourth], pooled })
    }
}

fn stage(
    scope: &Scope,
    inputs: usize,
    shape: StageShape,
    walk: Walk,
    cardinality: usize,
) -> Result<Vec<Bottleneck>> {
    let StageShape { blocks, mid, out } = shape;
    let first = BlockShape {
        inputs,
        mid,
        out,
        cardinality,
        stride: walk.stride,
        dilation: walk.first_dilation,
        downsample: true,
    };
    let rest = BlockShape { inputs: out, stride: 1, dilation: walk.dilation, downsample: false, ..first };
    (0..blocks).map(|i| Bottleneck::new(&scope.pp(i), if i == 0 { first } else { rest })).collect()
}
