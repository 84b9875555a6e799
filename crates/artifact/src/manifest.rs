//! `manifest.json`: what an artifact is, what it was made from and what is in it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical_json;
use crate::hash::sha256_text;

/// Which stage left an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Stage 1, `sonovox preprocess`.
    Clips,
    /// Stage 2, `sonovox pretrain`.
    Pretrain,
    /// Stage 3, `sonovox finetune-planes` and `eval-planes`.
    Planes,
    /// Stage 4, `sonovox finetune-gaze` and `eval-gaze`.
    Gaze,
    /// Stage 3 without training, `sonovox probe-planes`.
    Probe,
    /// Of stage 2, `sonovox eval-pretrain`.
    Alignment,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clips => "clips",
            Self::Pretrain => "pretrain",
            Self::Planes => "planes",
            Self::Gaze => "gaze",
            Self::Probe => "probe",
            Self::Alignment => "alignment",
        })
    }
}

/// A tensor as the manifest describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSpec {
    /// Name inside its file.
    pub name: String,
    /// safetensors' word for the type ("U8", "F32", ...).
    pub dtype: String,
    /// Named axes in order, with their lengths: `[["frame", 900], ["height", 224], ["width", 288]]`.
    pub axes: Vec<(String, u64)>,
    /// Unit of the values ("grey level", "s", "1").
    pub unit: String,
}

/// A file of an artifact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256; empty for a file that is left out of the artifact's hash (event logs hold wall times).
    pub sha256: String,
    /// Tensors of a safetensors file, described where the stage described them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tensors: Vec<TensorSpec>,
}

/// What was used and what was left out, by cause.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Used, by kind.
    pub used: BTreeMap<String, u64>,
    /// Left out, by cause.
    pub left_out: BTreeMap<String, u64>,
}

/// An artifact that this one was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRef {
    /// Its stage, or "study".
    pub stage: String,
    /// Where it lay.
    pub path: String,
    /// Its hash.
    pub hash: String,
}

/// The circumstances of a run: the only part of a manifest in which two equal runs may differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunFacts {
    /// "cpu" or "cuda:0".
    pub device: String,
    /// Threads used for arithmetic.
    pub threads: u64,
    /// Wall time in seconds, of the last session where the run was resumed.
    pub wall_secs: f64,
}

/// The whole manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The stage.
    pub stage: Stage,
    /// Program version.
    pub version: String,
    /// The fully resolved config. It is part of the hash: no path that differs between machines belongs into it.
    pub config: Value,
    /// Seed of everything random.
    pub seed: u64,
    /// What it was made from.
    pub inputs: Vec<InputRef>,
    /// Every file, by path inside the artifact.
    pub files: BTreeMap<String, FileEntry>,
    /// What was used and left out.
    pub counts: Counts,
    /// The stage's own facts.
    pub details: Value,
    /// Circumstances.
    pub run: RunFacts,
}

impl Manifest {
    /// SHA-256 over everything but [`RunFacts`], paths of inputs and files without a hash: equal for equal runs,
    /// wherever they ran.
    pub fn hash(&self) -> String {
        let mut canonical = self.clone();
        canonical.run = RunFacts::default();
        canonical.files.retain(|_, entry| !entry.sha256.is_empty());
        canonical.inputs.iter_mut().for_each(|input| input.path.clear());
        sha256_text(&canonical_json(&serde_json::to_value(&canonical).expect("a manifest is plain data")))
    }
}
