//! Networks that were trained elsewhere.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};

use super::Check;

/// A frozen Whisper encoder as the speech stream: what it hears is averaged over the window's positions, and only the projection
/// behind it learns. Needs clips with `spectrogram = "whisper"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhisperConfig {
    /// A folder with `model.safetensors` and `config.json`, or the safetensors file, as Hugging Face keeps them. Manifests name
    /// its last part, and hold the whole path and the files' hash among the inputs.
    #[serde(serialize_with = "last_part")]
    pub weights: PathBuf,
    /// Windows are filled up with silence to this length before they are encoded, in seconds: 30 is what Whisper was trained on,
    /// 0 leaves them as they are and costs a fraction.
    #[serde(default)]
    pub context_secs: f64,
}

impl WhisperConfig {
    pub(super) fn checks(whisper: Option<&Self>, sync: f64) -> Vec<Check> {
        let Some(whisper) = whisper else { return Vec::new() };
        let secs = whisper.context_secs;
        vec![
            ("whisper.context_secs", "0 or more", secs, secs >= 0.0 && secs.is_finite()),
            // co-attention compares tokens of both streams, which are of one width there
            ("weights.sync", "0 with a Whisper speech stream", sync, sync == 0.0),
        ]
    }
}

/// A path as configs in manifests have it: without the part that differs between machines.
fn last_part<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().serialize(serializer)
}

/// The same where there may be none.
pub(super) fn last_part_of<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => last_part(path, serializer),
        None => serializer.serialize_none(),
    }
}
