//! How was this frame transformed? A frame and its transformed copy to the parameters of the transform.
//!
//! Jiao et al. 2020 (ISBI, arXiv 2003.00105) predict the parameters of an affine transform of a clip; the head's form is
//! our choice.

use candle_core::{Module, Result, Tensor, bail};
use candle_transformers::models::with_tracing::Linear;
use serde::{Deserialize, Serialize};
use sonovox_ops::Scope;

use super::layers::{LOGIT_INIT, check_vectors, he, linear};

/// Parameters of a transform: rotation, scale, shear and two shifts.
pub const AFFINE_PARAMETERS: usize = 5;

/// Size of the affine head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AffineHeadConfig {
    /// Width of the hidden layer.
    pub hidden: usize,
}

impl Default for AffineHeadConfig {
    fn default() -> Self {
        Self { hidden: 256 }
    }
}

/// `fc2(relu(fc1(features of the frame and of its copy)))`.
pub struct AffineHead {
    features: usize,
    fc1: Linear,
    fc2: Linear,
}

impl AffineHead {
    /// Makes `fc1` and `fc2` in `scope`, for pooled features of width `features`.
    ///
    /// # Errors
    /// When names are taken.
    pub fn new(config: &AffineHeadConfig, features: usize, scope: &Scope) -> Result<Self> {
        Ok(Self {
            features,
            fc1: linear(&scope.pp("fc1"), 2 * features, config.hidden, he(2 * features))?,
            fc2: linear(&scope.pp("fc2"), config.hidden, AFFINE_PARAMETERS, LOGIT_INIT)?,
        })
    }

    /// Parameters `[B, 5]`, each in units of its range, from features of frames and of their copies, both
    /// `[B, features]`.
    ///
    /// # Errors
    /// When shapes are not these.
    pub fn forward(&self, frame: &Tensor, copy: &Tensor) -> Result<Tensor> {
        check_vectors("affine head", frame, self.features)?;
        check_vectors("affine head", copy, self.features)?;
        if frame.dims() != copy.dims() {
            bail!("affine head: {:?} features of frames, {:?} of copies", frame.dims(), copy.dims());
        }
        self.fc2.forward(&self.fc1.forward(&Tensor::cat(&[frame, copy], 1)?)?.relu()?)
    }
}
