//! Where the encoder comes from: a pretrain artifact, a file of published ImageNet weights, or chance.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sonovox_artifact::{Artifact, InputRef, Stage, sha256_file};
use sonovox_model::{Encoder, EncoderConfig, ImageNetWeights, Preset};
use sonovox_ops::ParamStore;

use crate::DownstreamError;
use crate::image::Size;

/// The weights that fine-tuning starts from: `--encoder ARTIFACT`, `--encoder FILE.safetensors` or `--encoder random`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EncoderChoice {
    /// Fresh weights of the recipe's preset.
    Random,
    /// `encoder.safetensors` of a pretrain artifact, with the network its manifest names.
    Pretrained(PathBuf),
    /// A safetensors file of supervised ImageNet weights, with the network that its names and shapes tell
    /// ([`ImageNetWeights`] says which there are, and how colour becomes grey).
    ImageNet(PathBuf),
}

impl FromStr for EncoderChoice {
    type Err = Infallible;

    fn from_str(word: &str) -> Result<Self, Infallible> {
        let is_file = Path::new(word).extension().is_some_and(|end| end == "safetensors");
        Ok(match word {
            "random" => Self::Random,
            _ if is_file => Self::ImageNet(word.into()),
            _ => Self::Pretrained(word.into()),
        })
    }
}

/// A file of published ImageNet weights, as a comparison needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageNetFile {
    /// Its network.
    pub preset: Preset,
    /// What the network is called in a table.
    pub title: &'static str,
    /// SHA-256 of the file.
    pub hash: String,
}

impl ImageNetFile {
    /// Looks into a file.
    ///
    /// # Errors
    /// When it cannot be read, or is of no network that this program knows.
    pub fn open(path: &Path) -> Result<Self, DownstreamError> {
        let preset = ImageNetWeights::open(path)?.config().preset;
        Ok(Self { preset, title: preset.title(), hash: sha256_file(path)? })
    }
}

/// What a pretrain manifest's details tell of its encoder.
#[derive(Deserialize)]
struct PretrainFacts {
    encoder: EncoderConfig,
    frame: (u32, u32),
    #[serde(default)]
    train_subjects: Vec<String>,
    #[serde(default)]
    validation_subjects: Vec<String>,
}

/// What a model's manifest keeps of where its encoder came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderOrigin {
    /// "random", "pretrained" or "imagenet".
    pub from: String,
    /// The network, in the form this stage uses.
    pub config: EncoderConfig,
    /// Subjects that it was pretrained on.
    pub train_subjects: Vec<String>,
    /// Subjects that its epoch was chosen by.
    #[serde(default)]
    pub validation_subjects: Vec<String>,
    /// Height and width of the frames it was pretrained on.
    pub frame: Option<(u32, u32)>,
}

impl EncoderOrigin {
    /// All subjects that had a part in the weights.
    pub(crate) fn seen_subjects(&self) -> Vec<String> {
        [self.train_subjects.as_slice(), &self.validation_subjects].concat()
    }
}

/// An encoder's facts and where its weights lie.
pub(crate) struct EncoderSource {
    pub origin: EncoderOrigin,
    weights: Weights,
}

enum Weights {
    Fresh,
    Pretrained(Artifact),
    ImageNet { weights: ImageNetWeights, hash: String },
}

/// File of the video encoder inside a pretrain artifact.
const WEIGHTS: &str = "encoder.safetensors";
/// Place of the encoder in a model's store.
pub(crate) const SCOPE: &str = "encoder";

impl EncoderSource {
    /// Opens the chosen encoder; `dilated` is the form that the stage's head needs (the weights serve both).
    pub fn open(choice: &EncoderChoice, preset: Preset, dilated: bool) -> Result<Self, DownstreamError> {
        match choice {
            EncoderChoice::Random => Ok(Self::unlike_ours("random", preset, dilated, Weights::Fresh)),
            EncoderChoice::ImageNet(path) => {
                let weights = ImageNetWeights::open(path)?.grey()?;
                let preset = weights.config().preset;
                let weights = Weights::ImageNet { weights, hash: sha256_file(path)? };
                Ok(Self::unlike_ours("imagenet", preset, dilated, weights))
            }
            EncoderChoice::Pretrained(path) => Self::pretrained(path, dilated),
        }
    }

    /// An encoder that has seen none of our frames.
    fn unlike_ours(from: &str, preset: Preset, dilated: bool, weights: Weights) -> Self {
        let config = EncoderConfig::new(preset).with_dilated(dilated);
        let (train_subjects, validation_subjects) = Default::default();
        let origin =
            EncoderOrigin { from: from.into(), config, train_subjects, validation_subjects, frame: None };
        Self { origin, weights }
    }

    fn pretrained(path: &Path, dilated: bool) -> Result<Self, DownstreamError> {
        let artifact = Artifact::open(path, Stage::Pretrain)?;
        let facts: PretrainFacts =
            serde_json::from_value(artifact.manifest.details.clone()).map_err(|error| {
                let cause = format!("does not describe its encoder: {error}");
                DownstreamError::NoModel { path: path.to_owned(), stage: Stage::Pretrain, cause }
            })?;
        let origin = EncoderOrigin {
            from: "pretrained".into(),
            config: facts.encoder.with_dilated(dilated),
            train_subjects: facts.train_subjects,
            validation_subjects: facts.validation_subjects,
            frame: Some(facts.frame),
        };
        Ok(Self { origin, weights: Weights::Pretrained(artifact) })
    }

    /// Whether the weights are fresh.
    pub fn is_random(&self) -> bool {
        matches!(self.weights, Weights::Fresh)
    }

    /// How a manifest refers to the pretrain artifact, or to the file.
    pub fn input_ref(&self) -> Option<InputRef> {
        match &self.weights {
            Weights::Fresh => None,
            Weights::Pretrained(artifact) => Some(artifact.input_ref()),
            Weights::ImageNet { weights, hash } => Some(InputRef {
                stage: "imagenet".to_owned(),
                path: weights.path().display().to_string(),
                hash: hash.clone(),
            }),
        }
    }

    /// Refuses test subjects that the encoder was pretrained on or chosen by, unless `allowed`.
    pub fn check_unseen(&self, test_subjects: &[String], allowed: bool) -> Result<(), DownstreamError> {
        let Weights::Pretrained(artifact) = &self.weights else { return Ok(()) };
        check_unseen(&artifact.path, &self.origin.seen_subjects(), test_subjects, allowed)
    }

    /// Sets the parameters `encoder.*` of `store`; leaves fresh ones as they are.
    pub fn load_into(&self, store: &ParamStore) -> Result<(), DownstreamError> {
        let artifact = match &self.weights {
            Weights::Fresh => return Ok(()),
            Weights::ImageNet { weights, .. } => return Ok(weights.set(&store.scope().pp(SCOPE), store)?),
            Weights::Pretrained(artifact) => artifact,
        };
        // a store of its own, so that a missing or surplus tensor of the encoder is an error and the head's are not
        let loaded = ParamStore::new(0, store.dtype(), store.device());
        Encoder::new(&self.origin.config, &loaded.scope())?;
        loaded.load_strict(artifact.file(WEIGHTS))?;
        let vars: BTreeMap<_, _> = store.params().into_iter().chain(store.buffers()).collect();
        for (name, tensor) in loaded.to_tensors() {
            vars[&format!("{SCOPE}.{name}")].set(&tensor)?;
        }
        Ok(())
    }

    /// What a reader should know where the frames are not of the size the encoder was pretrained on. Convolutions
    /// take any size; what was learned at one scale may serve less at another.
    pub fn size_note(&self, size: Size) -> Option<String> {
        let (height, width) = self.origin.frame?;
        let pretrained = Size { height: height as usize, width: width as usize };
        (pretrained != size).then(|| {
            format!("the encoder was pretrained on frames of {pretrained} pixels, these are of {size}")
        })
    }
}

/// Refuses `test` subjects that are among `seen`, unless `allowed`.
pub(crate) fn check_unseen(
    model: &Path,
    seen: &[String],
    test: &[String],
    allowed: bool,
) -> Result<(), DownstreamError> {
    let seen: BTreeSet<&String> = seen.iter().collect();
    let subjects: Vec<String> = test.iter().filter(|subject| seen.contains(subject)).cloned().collect();
    if subjects.is_empty() || allowed {
        return Ok(());
    }
    Err(DownstreamError::SeenSubjects { model: model.to_owned(), subjects })
}

/// Panics unless one step on four noisy frames of 32x40 gives every parameter of `store` a finite, non-zero gradient.
#[cfg(test)]
pub(crate) fn check_gradients(
    store: &ParamStore,
    loss: impl FnOnce(&candle_core::Tensor) -> candle_core::Result<candle_core::Tensor>,
) {
    use candle_core::Tensor;
    use rand::Rng;

    let mut rng = crate::chance::of_image(1, 0, 0);
    let noise: Vec<f32> = (0..4 * 32 * 40).map(|_| rng.random_range(-2.0..2.0)).collect();
    let images = Tensor::from_vec(noise, (4, 1, 32, 40), store.device()).expect("images");
    let gradients = sonovox_ops::backward(&loss(&images).expect("a loss")).expect("gradients");
    for (name, var) in store.params() {
        let gradient = gradients.get(&var).unwrap_or_else(|| panic!("{name} has no gradient"));
        let values: Vec<f32> = gradient.flatten_all().and_then(|flat| flat.to_vec1()).expect("values");
        assert!(values.iter().all(|value| value.is_finite()), "{name}");
        assert!(values.iter().any(|&value| value != 0.0), "{name}: all zero");
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};

    use super::*;

    #[test]
    fn random_is_a_word_a_safetensors_file_imagenet_and_all_else_an_artifact() {
        assert_eq!("random".parse(), Ok(EncoderChoice::Random));
        assert_eq!("runs/e1".parse(), Ok(EncoderChoice::Pretrained("runs/e1".into())));
        let file = "weights/seresnext50.safetensors";
        assert_eq!(file.parse(), Ok(EncoderChoice::ImageNet(file.into())));
    }

    fn pretrained(dir: &Path, saved: Preset) -> EncoderChoice {
        use sonovox_artifact::{ArtifactWriter, Begin, Counts, OnExisting, RunFacts};
        let begin = Begin { stage: Stage::Pretrain, config: serde_json::json!({}), seed: 5, inputs: vec![] };
        let writer =
            ArtifactWriter::create(&dir.join("encoder"), begin, OnExisting::Overwrite).expect("a folder");
        let store = ParamStore::new(5, DType::F32, &Device::Cpu);
        Encoder::new(&EncoderConfig::new(saved), &store.scope()).expect("an encoder");
        store.save(writer.dir().join(WEIGHTS)).expect("weights");
        let details = serde_json::json!({"encoder": EncoderConfig::new(Preset::Tiny), "frame": [224, 288]});
        let artifact = writer.finish(Counts::default(), details, RunFacts::default()).expect("an artifact");
        EncoderChoice::Pretrained(artifact.path)
    }

    #[test]
    fn pretrained_weights_arrive_and_others_are_refused() {
        let dir = tempfile::tempdir().expect("temp dir");
        let source =
            EncoderSource::open(&pretrained(dir.path(), Preset::Tiny), Preset::Full, true).expect("encoder");
        assert!(source.origin.config.dilated && source.origin.config.preset == Preset::Tiny);
        let store = ParamStore::new(6, DType::F32, &Device::Cpu);
        Encoder::new(&source.origin.config, &store.scope().pp(SCOPE)).expect("an encoder");
        source.load_into(&store).expect("loaded");
        let saved = candle_core::safetensors::load(dir.path().join("encoder").join(WEIGHTS), &Device::Cpu);
        for (name, saved) in saved.expect("tensors") {
            let values = |t: &Tensor| t.flatten_all().and_then(|t| t.to_vec1::<f32>()).expect("values");
            assert_eq!(values(&store.to_tensors()[&format!("{SCOPE}.{name}")]), values(&saved), "{name}");
        }
        let small = Size { height: 64, width: 80 };
        let note = source.size_note(small).expect("another size");
        assert!(note.contains("224x288") && note.contains("64x80"), "{note}");

        let source =
            EncoderSource::open(&pretrained(dir.path(), Preset::Small), Preset::Full, true).expect("encoder");
        let error = source.load_into(&store).unwrap_err().to_string();
        assert!(error.contains("encoder.safetensors") && error.contains("wrong shape"), "{error}");
    }

    /// Weights of three channels, as timm keeps them, of a net that the recipe does not name.
    #[test]
    fn a_file_of_published_weights_brings_its_network_and_turns_grey() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("published.safetensors");
        let colour = ParamStore::new(5, DType::F32, &Device::Cpu);
        let config = EncoderConfig { in_channels: 3, ..EncoderConfig::new(Preset::Tiny) };
        Encoder::new(&config, &colour.scope()).expect("an encoder");
        colour.save(&path).expect("a file");
        let choice = EncoderChoice::ImageNet(path.clone());
        let source = EncoderSource::open(&choice, Preset::Full, true).expect("encoder");
        assert_eq!(source.origin.config, EncoderConfig::new(Preset::Tiny).with_dilated(true));
        assert!(!source.is_random() && source.size_note(Size { height: 64, width: 80 }).is_none());
        let input = source.input_ref().expect("an input");
        assert_eq!((input.stage.as_str(), input.hash), ("imagenet", sha256_file(&path).expect("a hash")));
        let store = ParamStore::new(6, DType::F32, &Device::Cpu);
        Encoder::new(&source.origin.config, &store.scope().pp(SCOPE)).expect("an encoder");
        source.load_into(&store).expect("loaded");
        let values = |t: &Tensor| t.flatten_all().and_then(|t| t.to_vec1::<f32>()).expect("values");
        let (grey, colour) = (store.to_tensors(), colour.to_tensors());
        let summed = colour["conv1.weight"].sum_keepdim(1).expect("summed");
        for (found, expected) in values(&grey["encoder.conv1.weight"]).iter().zip(values(&summed)) {
            assert!((found - expected).abs() < 1e-6);
        }
        assert_eq!(values(&grey["encoder.layer4.0.conv3.weight"]), values(&colour["layer4.0.conv3.weight"]));

        std::fs::write(&path, b"no weights").expect("a file");
        let error = EncoderSource::open(&choice, Preset::Full, true).err().expect("refused").to_string();
        assert!(error.contains("published.safetensors: not a readable safetensors file"), "{error}");
    }

    #[test]
    fn seen_subjects_are_named() {
        let names = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (seen, test) = (names(&["a", "b", "c"]), names(&["b", "d"]));
        let error = check_unseen(Path::new("enc"), &seen, &test, false).unwrap_err().to_string();
        assert!(error.contains("found 1: b;"), "{error}");
        assert!(check_unseen(Path::new("enc"), &seen, &test, true).is_ok());
        assert!(check_unseen(Path::new("enc"), &seen, &names(&["d"]), false).is_ok());
    }
}
