//! A finished pretrain artifact, opened to compare frames with speech: what an evaluation needs and no more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use serde_json::Value;
use sonovox_artifact::clips::ClipsArtifact;
use sonovox_artifact::{Artifact, ArtifactError};
use sonovox_model::input;
use sonovox_ops::{Mode, ParamStore, no_grad};
use sonovox_train::snapshots;

use crate::library::{Library, Window};
use crate::networks::Networks;
use crate::objective::Objective;
use crate::published;
use crate::stage::PretrainDetails;
use crate::{PretrainConfig, PretrainError};

/// Images to a pass.
const BATCH: usize = 32;

/// Both encoders with their projections, and clips to look at.
pub struct Aligner {
    networks: Networks,
    objective: Objective,
    store: ParamStore,
    library: Library,
    device: Device,
    /// Of each recording, whether it is as long as a speech window.
    audible: Vec<bool>,
    details: PretrainDetails,
    window_secs: f64,
    /// Of the windows of an interval's speech, about its time.
    offsets: Vec<f64>,
}

impl Aligner {
    /// Opens the networks of `encoder` and the recordings `members` (places in the clips artifact); other functions count
    /// recordings as `members` does.
    ///
    /// # Errors
    /// When the artifact is not of this version, its weights are not those of its config, nothing in it compares frames with speech, or
    /// a clip cannot be read.
    pub fn open(
        encoder: &Artifact,
        clips: &ClipsArtifact,
        members: &[usize],
        device: &Device,
    ) -> Result<Self, PretrainError> {
        let manifest = &encoder.manifest;
        let config: PretrainConfig = parsed(encoder, "config.pretrain", &manifest.config["pretrain"])?;
        let objective = Objective::new(&config);
        if !config.weights.compares() {
            return Err(PretrainError::ComparesNothing { encoder: encoder.path.clone() });
        }
        let details = parsed(encoder, "details", &manifest.details)?;
        let store = ParamStore::new(0, DType::F32, device);
        let whisper = published::reopen(encoder, config.whisper.as_ref(), clips, device)?;
        let networks = Networks::beside(&config, &store, whisper)?;
        store.set_strict(&weights(encoder, device)?, &encoder.path.display().to_string())?;
        let (library, ..) = Library::open(clips, members, &config.pairs)?;
        let rows = (config.pairs.window_secs / clips.details.spectrogram.hop_secs).round() as u64;
        let audible = members.iter().map(|&at| clips.details.recordings[at].rows >= rows.max(1)).collect();
        let (device, window_secs) = (device.clone(), config.pairs.window_secs);
        let offsets = config.pairs.window_offsets();
        Ok(Self { networks, objective, store, library, device, audible, details, window_secs, offsets })
    }

    /// The weights of every epoch that `encoder` kept (`snapshots` of [`crate::Request`]), each with the number of epochs done.
    ///
    /// # Errors
    /// When their folder cannot be read.
    pub fn snapshots(encoder: &Artifact) -> Result<Vec<(u32, PathBuf)>, PretrainError> {
        Ok(snapshots::list(&encoder.path)?)
    }

    /// Takes the weights of one of its [`Aligner::snapshots`] in place of those that it has.
    ///
    /// # Errors
    /// When the file cannot be read or its weights are not those of the config.
    pub fn load(&self, snapshot: &Path) -> Result<(), PretrainError> {
        Ok(self.store.load_strict(snapshot)?)
    }

    /// What the artifact says of itself.
    pub fn details(&self) -> &PretrainDetails {
        &self.details
    }

    /// Length of the speech windows that it hears, in seconds.
    pub fn window_secs(&self) -> f64 {
        self.window_secs
    }

    /// Whether `recording` is as long as a speech window; only then may [`Aligner::similarity`] hear it.
    pub fn is_audible(&self, recording: usize) -> bool {
        self.audible[recording]
    }

    /// How alike every frame and every moment of speech are by what is trained to compare them, `[frames, speech]`: cosines where that is
    /// L_cont, else logits. Frames are (recording, frame); speech (recording, seconds), of which all windows that belong to an
    /// interval are heard; a window that would reach past an end of its recording is moved inside.
    ///
    /// # Errors
    /// When a clip cannot be read or a tensor operation fails.
    pub fn similarity(
        &self,
        frames: &[(usize, usize)],
        speech: &[(usize, f64)],
    ) -> Result<Vec<f32>, PretrainError> {
        if frames.is_empty() || speech.is_empty() {
            return Ok(Vec::new());
        }
        let windows: Vec<(usize, f64)> = speech
            .iter()
            .flat_map(|&(recording, secs)| self.offsets.iter().map(move |offset| (recording, secs + offset)))
            .collect();
        let alike = no_grad(|| {
            let video = in_batches(frames, |part| self.look(part))?;
            let heard = in_batches(&windows, |part| self.hear(part))?;
            let shape = [&[speech.len(), self.offsets.len()], &heard.dims()[1..]].concat();
            Ok::<_, PretrainError>(self.objective.similarity(
                &self.networks,
                &video,
                &heard.reshape(shape)?,
            )?)
        })?;
        Ok(alike.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
    }

    fn look(&self, frames: &[(usize, usize)]) -> Result<Tensor, PretrainError> {
        let grey = self.library.frames(frames)?;
        let images = input::frames(grey, self.library.height(), self.library.width(), &self.device)?;
        let seen = self.networks.look(&[&images], Mode::Eval)?;
        Ok(self.objective.of_frames(&self.networks, &seen[0])?)
    }

    fn hear(&self, windows: &[(usize, f64)]) -> Result<Tensor, PretrainError> {
        let at = |&(recording, secs): &(usize, f64)| Window { recording, secs, speed: 1.0 };
        let rows = self.library.speech(&windows.iter().map(at).collect::<Vec<_>>())?;
        let windows = input::speech(rows, self.library.time(), self.library.bands(), &self.device)?;
        Ok(self.objective.of_speech(&self.networks, &self.networks.hear(&windows, Mode::Eval)?)?)
    }
}

/// What `of` gives for `items`, `[N, ..]`, a batch at a time.
fn in_batches<T>(
    items: &[T],
    of: impl Fn(&[T]) -> Result<Tensor, PretrainError>,
) -> Result<Tensor, PretrainError> {
    let parts: Vec<Tensor> = items.chunks(BATCH).map(of).collect::<Result<_, _>>()?;
    Ok(Tensor::cat(&parts, 0)?)
}

/// The networks' tensors under their names in one store.
fn weights(encoder: &Artifact, device: &Device) -> Result<BTreeMap<String, Tensor>, PretrainError> {
    let mut all = BTreeMap::new();
    for (prefix, file) in [("video", "encoder"), ("speech", "speech"), ("heads", "heads")] {
        let file = format!("{file}.safetensors");
        if !encoder.manifest.files.contains_key(&file) {
            continue;
        }
        let tensors = candle_core::safetensors::load(encoder.file(&file), device)?;
        all.extend(tensors.into_iter().map(|(name, tensor)| (format!("{prefix}.{name}"), tensor)));
    }
    Ok(all)
}

fn parsed<T: serde::de::DeserializeOwned>(
    encoder: &Artifact,
    what: &str,
    value: &Value,
) -> Result<T, PretrainError> {
    serde_json::from_value(value.clone()).map_err(|error| {
        let path = encoder.file("manifest.json");
        ArtifactError::Manifest { path, cause: format!("{what}: {error}") }.into()
    })
}
