//! SE-ResNeXt without its classifier: an image in, the maps of four stages and their pooled features out.
//!
//! Weights and results are those of timm's ResNet (see `block.rs` for the sources).

use candle_core::{DType, Result, Tensor, bail};
use sonovox_ops::{Conv2dSpec, Mode, Precision, Scope, global_avg_pool, max_pool2d};

use crate::block::{BlockShape, Bottleneck, ConvNorm};
use crate::config::{EncoderConfig, StageShape, Walk};

/// An encoder of frames or of spectrograms.
pub struct SeResNext {
    config: EncoderConfig,
    precision: Precision,
    stem: ConvNorm,
    stages: [Vec<Bottleneck>; 4],
}

/// What an encoder sees in a batch of images.
pub struct Features {
    /// The stages' maps `[B, H, W, C]`, channels together, of [`EncoderConfig::channels`] and [`EncoderConfig::map_sizes`];
    /// bf16 where the encoder computes in it.
    pub stages: [Tensor; 4],
    /// Mean of the last map over height and width, `[B, C]`, of the parameters' type in every precision.
    pub pooled: Tensor,
}

impl SeResNext {
    /// Makes the encoder's parameters in `scope`; it computes in the scope's [`Precision`]. Convolutions start as timm's (Kaiming normal by fan-out); the last
    /// normalisation of a block starts at 1, not at timm's 0, so that every parameter learns from the first step.
    ///
    /// # Errors
    /// When the configuration asks for no input channels, and when names are taken.
    pub fn new(config: &EncoderConfig, scope: &Scope) -> Result<Self> {
        if config.in_channels == 0 {
            bail!("encoder {:?}: expected in_channels of at least 1, found 0", config.preset);
        }
        let net = config.preset.architecture();
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
        Ok(Self { config: *config, precision: scope.precision(), stem, stages })
    }

    /// What this encoder was made from.
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// Encodes images `[B, in_channels, H, W]` of any height and width.
    ///
    /// In [`Mode::Train`] the running statistics move with every call. In evaluation, wrap the call in
    /// [`sonovox_ops::no_grad`] unless a gradient is wanted.
    ///
    /// # Errors
    /// When `x` has another number of axes or channels, another type than the parameters, or, in training, leaves one
    /// value to a channel in the last stage.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Features> {
        let channels = self.config.in_channels;
        if x.rank() != 4 || x.dims()[1] != channels {
            bail!(
                "encoder {:?}: expected images [B, {channels}, H, W], found {:?}",
                self.config.preset,
                x.dims()
            );
        }
        let (batch, _, height, width) = x.dims4()?;
        let x = match channels {
            1 => x.reshape((batch, height, width, 1))?,
            _ => x.permute((0, 2, 3, 1))?.contiguous()?,
        };
        let x = match self.precision {
            Precision::Bf16 => x.to_dtype(DType::BF16)?,
            Precision::F32 | Precision::Tf32 => x,
        };
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
