//! An encoder of frames or of spectrograms, whichever network it is.

use candle_core::{DType, Result, Tensor, bail};
use sonovox_ops::{Mode, Precision, Scope};

use crate::config::{EncoderConfig, Preset};
use crate::efficientnet_lite::EfficientNetLite;
use crate::se_resnext::SeResNext;

/// An image in, the maps of four stages and their pooled features out.
pub struct Encoder {
    config: EncoderConfig,
    network: Network,
}

enum Network {
    SeResNext(SeResNext),
    EfficientNetLite(EfficientNetLite),
}

/// What an encoder sees in a batch of images.
pub struct Features {
    /// The stages' maps `[B, H, W, C]`, channels together, of [`EncoderConfig::channels`] and [`EncoderConfig::map_sizes`];
    /// bf16 where the encoder computes in it.
    pub stages: [Tensor; 4],
    /// Mean of the last map over height and width, `[B, C]`, of the parameters' type in every precision.
    pub pooled: Tensor,
}

impl Encoder {
    /// Makes the encoder's parameters in `scope`; it computes in the scope's [`Precision`].
    ///
    /// # Errors
    /// When the configuration asks for no input channels, and when names are taken.
    pub fn new(config: &EncoderConfig, scope: &Scope) -> Result<Self> {
        if config.in_channels == 0 {
            bail!("encoder {:?}: expected in_channels of at least 1, found 0", config.preset);
        }
        let network = match config.preset {
            Preset::EfficientNetLite0 => Network::EfficientNetLite(EfficientNetLite::new(config, scope)?),
            Preset::Full | Preset::Half | Preset::Small | Preset::Tiny => {
                Network::SeResNext(SeResNext::new(config, scope)?)
            }
        };
        Ok(Self { config: *config, network })
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
        match &self.network {
            Network::SeResNext(network) => network.forward(x, mode),
            Network::EfficientNetLite(network) => network.forward(x, mode),
        }
    }
}

/// Images `[B, C, H, W]` as a map `[B, H, W, C]` of the type that an encoder computes in.
pub(crate) fn to_map(x: &Tensor, precision: Precision) -> Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    let x = match channels {
        1 => x.reshape((batch, height, width, 1))?,
        _ => x.permute((0, 2, 3, 1))?.contiguous()?,
    };
    match precision {
        Precision::Bf16 => x.to_dtype(DType::BF16),
        Precision::F32 | Precision::Tf32 => Ok(x),
    }
}
