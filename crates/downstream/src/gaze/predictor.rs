//! The gaze predictor: encoder and head, as they are trained, saved and read back.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};
use sonovox_artifact::{Artifact, Stage};
use sonovox_model::{Encoder, EncoderConfig, GazeHead, GazeHeadConfig};
use sonovox_ops::{Mode, ParamStore};

use super::GazeConfig;
use super::static_map;
use crate::DownstreamError;
use crate::artifact_parts::WEIGHTS;
use crate::encoder;
use crate::image::Size;
use crate::model_artifact::{Provenance, open_model};

/// `details` of the manifest that fine-tuning leaves: all that reading the predictor back needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PredictorDetails {
    /// Where it comes from.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// Height and width of the predicted maps.
    pub map: (u32, u32),
}

/// Encoder and head.
pub(crate) struct Predictor {
    encoder: Encoder,
    head: GazeHead,
}

impl Predictor {
    /// Makes the parameters `encoder.*` and `head.*` in `store`.
    pub fn new(
        encoder: &EncoderConfig,
        head: &GazeHeadConfig,
        store: &ParamStore,
    ) -> candle_core::Result<Self> {
        let scope = store.scope();
        Ok(Self {
            encoder: Encoder::new(encoder, &scope.pp(encoder::SCOPE))?,
            head: GazeHead::new(head, encoder.features(), &scope.pp("head"))?,
        })
    }

    /// Logits `[B, map height * map width]` of images `[B, 1, H, W]`.
    pub fn forward(&self, images: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let features = self.encoder.forward(images, mode)?;
        self.head.forward(&features.stages[3], mode)
    }
}

/// Size of the maps that an encoder of `config` gives for frames of `frame`.
pub(crate) fn map_size(config: &EncoderConfig, frame: Size) -> Size {
    let (height, width) = config.map_sizes(frame.height, frame.width)[3];
    Size { height, width }
}

/// A predictor read back from its artifact, with the static map of its training targets.
pub(crate) struct SavedPredictor {
    pub artifact: Artifact,
    pub details: PredictorDetails,
    pub config: GazeConfig,
    pub network: Predictor,
    pub static_map: Vec<f32>,
}

impl SavedPredictor {
    pub fn open(path: &Path, device: &Device) -> Result<Self, DownstreamError> {
        let (artifact, details, config) = open_model::<PredictorDetails, GazeConfig>(path, Stage::Gaze)?;
        // a model that was trained on a card can be used without one
        let precision = config.run.precision.or_f32(device);
        let store = ParamStore::new(0, DType::F32, device).with_precision(precision)?;
        let network = Predictor::new(&details.provenance.encoder.config, &config.head, &store)?;
        store.load_strict(artifact.file(WEIGHTS))?;
        let map = Size { height: details.map.0 as usize, width: details.map.1 as usize };
        let static_map = static_map::read(&artifact, map)?;
        Ok(Self { artifact, details, config, network, static_map })
    }
}

#[cfg(test)]
mod tests {
    use sonovox_model::Preset;
    use sonovox_ops::softmax_kl;

    use super::*;
    use crate::encoder::check_gradients;
    use crate::gaze::target::{Spread, density};

    #[test]
    fn every_parameter_learns_from_the_first_step() {
        let store = ParamStore::new(3, DType::F32, &Device::Cpu);
        let head = GazeHeadConfig { hidden: 16, ..GazeHeadConfig::default() };
        let config = EncoderConfig::new(Preset::Tiny).with_dilated(true);
        let predictor = Predictor::new(&config, &head, &store).expect("a predictor");
        let map = map_size(&config, Size { height: 32, width: 40 });
        assert_eq!(map, Size { height: 4, width: 5 });
        let targets: Vec<f32> = [0.1, 0.9, 0.5, 0.3]
            .iter()
            .flat_map(|&x| density(&[[x, 0.4]], Spread { x: 0.1, y: 0.1 }, map))
            .collect();
        check_gradients(&store, |images| {
            let logits = predictor.forward(images, Mode::Train)?;
            softmax_kl(&logits, &Tensor::from_slice(&targets, (4, map.area()), &Device::Cpu)?)
        });
    }
}
