//! By what a run was begun, and whether it is the run that is asked for now.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::canonical::first_difference;
use crate::{ArtifactError, InputRef, Manifest, Stage};

/// Program version that goes into begin.json and the manifest.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// By what a folder is being written: kept in `begin.json`, so that only the same run goes on with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    /// The stage.
    pub stage: Stage,
    /// The fully resolved config.
    pub config: Value,
    /// Seed of everything random.
    pub seed: u64,
    /// Hashes of the input artifacts.
    pub inputs: Vec<InputRef>,
}

/// begin.json.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BeginFile {
    pub(crate) run: Begin,
    /// An artifact is continued by the program that began it, or not at all.
    pub(crate) version: String,
    /// Whether the run was told to replace a finished artifact; a resumed run still is.
    pub(crate) replaces: bool,
}

impl BeginFile {
    /// What a finished manifest was begun with. Inputs that were learnt during the run stand behind those of `asked`.
    pub(crate) fn of_manifest(manifest: &Manifest, asked: &Begin) -> BeginFile {
        let run = Begin {
            stage: manifest.stage,
            config: manifest.config.clone(),
            seed: manifest.seed,
            inputs: manifest.inputs.iter().take(asked.inputs.len()).cloned().collect(),
        };
        BeginFile { run, version: manifest.version.clone(), replaces: false }
    }

    /// Fails with the first key in which the run of this file, in the folder `path`, differs from the one asked for.
    pub(crate) fn check_same(&self, asked: &Begin, path: &Path) -> Result<(), ArtifactError> {
        let then = comparable(&self.run, &self.version);
        match first_difference("", Some(&then), Some(&comparable(asked, VERSION))) {
            None => Ok(()),
            Some(difference) => Err(ArtifactError::OtherRun {
                path: path.to_owned(),
                what: difference.key,
                expected: difference.right,
                found: difference.left,
            }),
        }
    }
}

/// A run without the paths of its inputs: an artifact that was moved is still the same.
fn comparable(run: &Begin, version: &str) -> Value {
    let inputs = run.inputs.iter().map(|input| json!({"stage": input.stage, "hash": input.hash}));
    json!({
        "stage": run.stage, "version": version, "config": run.config, "seed": run.seed,
        "inputs": inputs.collect::<Value>(),
    })
}
