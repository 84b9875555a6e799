//! The plane detector: encoder and head, as they are trained, saved and read back.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};
use sonovox_artifact::{Artifact, Stage};
use sonovox_model::{Encoder, EncoderConfig, PlaneHead, PlaneHeadConfig};
use sonovox_ops::{Mode, ParamStore};

use super::PlanesConfig;
use crate::DownstreamError;
use crate::artifact_parts::WEIGHTS;
use crate::clips::Clips;
use crate::encoder;
use crate::model_artifact::{Provenance, open_model};

/// `details` of the manifest that fine-tuning leaves: all that reading the detector back needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectorDetails {
    /// Where it comes from.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// Names of the planes, in the order of the outputs.
    pub planes: Vec<String>,
    /// Training frames of each plane.
    pub train_support: Vec<u64>,
}

/// Encoder and head.
pub(crate) struct Detector {
    encoder: Encoder,
    head: PlaneHead,
}

impl Detector {
    /// Makes the parameters `encoder.*` and `head.*` in `store`.
    pub fn new(
        encoder: &EncoderConfig,
        head: &PlaneHeadConfig,
        planes: usize,
        store: &ParamStore,
    ) -> candle_core::Result<Self> {
        let scope = store.scope();
        Ok(Self {
            encoder: Encoder::new(encoder, &scope.pp(encoder::SCOPE))?,
            head: PlaneHead::new(head, encoder.features(), planes, &scope.pp("head"))?,
        })
    }

    /// Logits `[B, planes]` of images `[B, 1, H, W]`.
    pub fn forward(&self, images: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let features = self.encoder.forward(images, mode)?;
        self.head.forward(&features.stages[3], mode)
    }
}

/// A detector read back from its artifact.
pub(crate) struct SavedDetector {
    pub artifact: Artifact,
    pub details: DetectorDetails,
    pub config: PlanesConfig,
    pub network: Detector,
}

impl SavedDetector {
    pub fn open(path: &Path, device: &Device) -> Result<Self, DownstreamError> {
        let (artifact, details, config) = open_model::<DetectorDetails, PlanesConfig>(path, Stage::Planes)?;
        // a model that was trained on a card can be used without one
        let precision = config.run.precision.or_f32(device);
        let store = ParamStore::new(0, DType::F32, device).with_precision(precision)?;
        let encoder = &details.provenance.encoder.config;
        let network = Detector::new(encoder, &config.head, details.planes.len(), &store)?;
        store.load_strict(artifact.file(WEIGHTS))?;
        Ok(Self { artifact, details, config, network })
    }

    /// Refuses clips whose labels count other planes than the detector's outputs.
    pub fn must_know_planes_of(&self, clips: &Clips) -> Result<(), DownstreamError> {
        let (expected, found) = (&self.details.planes, &clips.source.details.planes);
        if expected == found {
            return Ok(());
        }
        Err(DownstreamError::OtherClips {
            clips: clips.path().to_owned(),
            model: self.artifact.path.clone(),
            what: "planes",
            expected: expected.join(", "),
            found: found.join(", "),
        })
    }
}

#[cfg(test)]
mod tests {
    use sonovox_model::Preset;
    use sonovox_ops::cross_entropy;

    use super::*;
    use crate::encoder::check_gradients;

    #[test]
    fn every_parameter_learns_from_the_first_step() {
        let store = ParamStore::new(3, DType::F32, &Device::Cpu);
        let head = PlaneHeadConfig { hidden: 16, ..PlaneHeadConfig::default() };
        let detector =
            Detector::new(&EncoderConfig::new(Preset::Tiny), &head, 3, &store).expect("a detector");
        check_gradients(&store, |images| {
            let logits = detector.forward(images, Mode::Train)?;
            cross_entropy(&logits, &Tensor::new(&[0u32, 1, 2, 1], &Device::Cpu)?)
        });
    }
}
