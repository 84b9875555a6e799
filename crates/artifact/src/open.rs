//! Reading an artifact.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::ArtifactError;
use crate::folders::Folders;
use crate::hash::sha256_file;
use crate::manifest::{InputRef, Manifest, Stage};

/// Name of the manifest, written last.
pub(crate) const MANIFEST: &str = "manifest.json";

/// A finished artifact.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// Its folder.
    pub path: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
}

impl Artifact {
    /// Opens an artifact of stage `expected`; every file it names must be there with its length.
    ///
    /// # Errors
    /// When the folder or its manifest is missing, garbled or of another stage, or a file is missing or of another
    /// length.
    pub fn open(path: &Path, expected: Stage) -> Result<Self, ArtifactError> {
        let artifact = Self::open_any(path, &expected.to_string())?;
        let found = artifact.manifest.stage;
        if found != expected {
            let (expected, found) = (expected.to_string(), found.to_string());
            return Err(ArtifactError::Stage { path: path.to_owned(), expected, found });
        }
        artifact.check_lengths()?;
        Ok(artifact)
    }

    pub(crate) fn open_any(path: &Path, expected: &str) -> Result<Self, ArtifactError> {
        if !path.is_dir() {
            let (path, expected) = (path.to_owned(), expected.to_owned());
            let unfinished = Folders::of(&path).is_ok_and(|folders| folders.partial.is_dir());
            let hint = if unfinished {
                "; its run was not finished: call its stage again with --resume"
            } else {
                ""
            };
            return Err(ArtifactError::Missing { path, expected, hint });
        }
        let file = path.join(MANIFEST);
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ArtifactError::NoManifest { path: path.to_owned(), hint: hint(path) });
            }
            Err(source) => return Err(ArtifactError::Io { path: file, source }),
        };
        let garbled = |cause| ArtifactError::Manifest { path: file.clone(), cause };
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| garbled(error.to_string()))?;
        if let Some(name) = manifest.files.keys().find(|name| !lies_inside(name)) {
            return Err(garbled(format!("expected files inside the artifact, found `{name}`")));
        }
        Ok(Self { path: path.to_owned(), manifest })
    }

    /// Path of a file of the artifact.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The artifact's hash, which does not depend on where it lies or when it was made.
    pub fn hash(&self) -> String {
        self.manifest.hash()
    }

    /// How another artifact's manifest refers to this one.
    pub fn input_ref(&self) -> InputRef {
        let path = self.path.display().to_string();
        InputRef { stage: self.manifest.stage.to_string(), path, hash: self.hash() }
    }

    /// Reads every file and compares it with its recorded hash.
    ///
    /// # Errors
    /// Names the first file that is missing or differs.
    pub fn verify(&self) -> Result<(), ArtifactError> {
        self.check_lengths()?;
        for (name, entry) in self.manifest.files.iter().filter(|(_, entry)| !entry.sha256.is_empty()) {
            let path = self.file(name);
            let found = sha256_file(&path)?;
            if found != entry.sha256 {
                return Err(ArtifactError::damaged(path, "SHA-256", &entry.sha256, found));
            }
        }
        Ok(())
    }

    fn check_lengths(&self) -> Result<(), ArtifactError> {
        for (name, entry) in &self.manifest.files {
            let path = self.file(name);
            let found = match fs::metadata(&path) {
                Ok(facts) => facts.len().to_string(),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => "no such file".to_owned(),
                Err(source) => return Err(ArtifactError::Io { path, source }),
            };
            let expected = entry.bytes.to_string();
            if found != expected {
                return Err(ArtifactError::damaged(path, "length in bytes", expected, found));
            }
        }
        Ok(())
    }
}

/// A manifest may come from anywhere; the files it names must not.
fn lies_inside(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

fn hint(path: &Path) -> &'static str {
    if path.join("study.toml").exists() {
        " (it is a study; `sonovox preprocess` makes clips of it)"
    } else if path.extension().is_some_and(|end| end == "partial") {
        " (its run was not finished; call the stage again with --resume)"
    } else {
        ""
    }
}
