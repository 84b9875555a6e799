//! Opens the networks that were trained elsewhere, before anything is written.

use std::path::Path;

use candle_core::Device;
use sonovox_artifact::clips::ClipsArtifact;
use sonovox_artifact::{Artifact, ArtifactError, InputRef, sha256_file, sha256_text};
use sonovox_model::{ImageNetWeights, WhisperEncoder};
use sonovox_ops::ParamStore;

use crate::config::WhisperConfig;
use crate::networks::Networks;
use crate::{PretrainConfig, PretrainError};

/// What a manifest calls these inputs.
const IMAGENET: &str = "imagenet";
const WHISPER: &str = "whisper";

/// Networks from files, as a recipe asks for them, and how a manifest refers to them.
#[derive(Default)]
pub(crate) struct Published {
    /// The video encoder's start.
    init: Option<ImageNetWeights>,
    /// The speech stream.
    whisper: Option<WhisperEncoder>,
    /// Files with their hashes.
    pub inputs: Vec<InputRef>,
}

impl Published {
    /// Opens what `config` names.
    ///
    /// # Errors
    /// When a file cannot be read or is of another network than the recipe's, and when the clips' spectrogram is not what
    /// Whisper hears.
    pub fn open(
        config: &PretrainConfig,
        clips: &ClipsArtifact,
        device: &Device,
    ) -> Result<Self, PretrainError> {
        let mut published = Self::default();
        if let Some(path) = &config.init {
            let weights = ImageNetWeights::open(path)?.grey()?;
            let (expected, found) = (config.encoder, weights.config().preset);
            if expected != found {
                return Err(PretrainError::OtherNetwork {
                    path: path.clone(),
                    expected: format!("a {} (pretrain.encoder)", expected.title()),
                    found: found.title().to_owned(),
                });
            }
            published.init = Some(weights);
        }
        if let Some(whisper) = &config.whisper {
            let encoder = WhisperEncoder::open(&whisper.weights, whisper.context_secs, device)?;
            must_hear(&encoder, clips)?;
            published.whisper = Some(encoder);
        }
        published.inputs = published_inputs(config)?;
        Ok(published)
    }

    /// Makes the networks of `config` in `store`, the video encoder with its start.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn networks(self, config: &PretrainConfig, store: &ParamStore) -> candle_core::Result<Networks> {
        let networks = Networks::beside(config, store, self.whisper)?;
        if let Some(weights) = &self.init {
            weights.set(&store.scope().pp("video"), store)?;
        }
        Ok(networks)
    }
}

/// The files of networks trained elsewhere that `config` asks for, by their hashes, as they stand in a pretrain artifact's inputs.
///
/// # Errors
/// When a file cannot be read.
pub fn published_inputs(config: &PretrainConfig) -> Result<Vec<InputRef>, PretrainError> {
    let mut inputs = Vec::new();
    if let Some(path) = &config.init {
        inputs.push(input(IMAGENET, path, sha256_file(path)?));
    }
    if let Some(whisper) = &config.whisper {
        inputs.push(input(WHISPER, &whisper.weights, whisper_hash(&whisper.weights)?));
    }
    Ok(inputs)
}

/// The Whisper that a finished pretrain artifact was trained beside, from where it lay then.
///
/// # Errors
/// When it is not there any more or has changed, and when the clips' spectrogram is not what it hears.
pub(crate) fn reopen(
    encoder: &Artifact,
    config: Option<&WhisperConfig>,
    clips: &ClipsArtifact,
    device: &Device,
) -> Result<Option<WhisperEncoder>, PretrainError> {
    let Some(config) = config else { return Ok(None) };
    let Some(input) = encoder.manifest.inputs.iter().find(|input| input.stage == WHISPER) else {
        let path = encoder.file("manifest.json");
        return Err(
            ArtifactError::Manifest { path, cause: "inputs: expected a whisper, found none".into() }.into()
        );
    };
    let path = Path::new(&input.path);
    let found = whisper_hash(path)?;
    if found != input.hash {
        return Err(PretrainError::OtherNetwork {
            path: path.to_owned(),
            expected: format!(
                "the Whisper that {} was trained beside (hash {})",
                encoder.path.display(),
                input.hash
            ),
            found: format!("hash {found}"),
        });
    }
    let whisper = WhisperEncoder::open(path, config.context_secs, device)?;
    must_hear(&whisper, clips)?;
    Ok(Some(whisper))
}

fn must_hear(whisper: &WhisperEncoder, clips: &ClipsArtifact) -> Result<(), PretrainError> {
    let facts = &clips.details.spectrogram;
    if facts.kind == WHISPER && facts.n_bands as usize == whisper.n_mels() {
        return Ok(());
    }
    Err(PretrainError::OtherSpectrogram {
        clips: clips.artifact.path.clone(),
        bands: whisper.n_mels(),
        found: format!("{} with {}", facts.kind, facts.n_bands),
    })
}

fn input(stage: &str, path: &Path, hash: String) -> InputRef {
    InputRef { stage: stage.to_owned(), path: path.display().to_string(), hash }
}

/// One hash over weights and config.
fn whisper_hash(path: &Path) -> Result<String, PretrainError> {
    let (weights, config) = WhisperEncoder::files(path);
    Ok(sha256_text(&format!("{} {}", sha256_file(&weights)?, sha256_file(&config)?)))
}
