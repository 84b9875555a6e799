//! Writing an artifact: everything goes into `NAME.partial`, the manifest last, then the folder gets its name.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::begin::{BeginFile, VERSION};
use crate::folders::{BEGIN, Folders, SCRATCH};
use crate::hash::sha256_file;
use crate::manifest::{Counts, FileEntry, InputRef, Manifest, RunFacts, Stage, TensorSpec};
use crate::open::{Artifact, MANIFEST};
use crate::{ArtifactError, Begin, clips, tensors, write_file};

/// What to do where the output is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExisting {
    /// An error that says how to go on.
    Refuse,
    /// Go on with an unfinished run of the same version and settings; start where there is none.
    Resume,
    /// Start over; what is there is removed when the new artifact is complete.
    Overwrite,
}

/// An artifact being written.
///
/// A stage puts its files into [`dir`](Self::dir); names that end in `.partial` count as half written and never become
/// part of the artifact.
#[derive(Debug)]
pub struct ArtifactWriter {
    folders: Folders,
    begin: Begin,
    resumed: bool,
    replaces: bool,
    specs: BTreeMap<String, Vec<TensorSpec>>,
    unhashed: Vec<String>,
    /// Hashes that the stage took itself, by file.
    known: BTreeMap<String, String>,
    /// Units that are others than a tensor's name says, by name.
    units: BTreeMap<String, String>,
    _lock: File,
}

impl ArtifactWriter {
    /// Starts (or goes on with) the artifact `out`.
    ///
    /// # Errors
    /// When something is at `out` or beside it that `existing` does not allow; [`ArtifactError::AlreadyFinished`] when
    /// there is nothing left to resume; [`ArtifactError::OtherRun`] when what is there was begun with something else;
    /// [`ArtifactError::NotOurs`] when it is no artifact; [`ArtifactError::Busy`] when another process writes it.
    pub fn create(out: &Path, begin: Begin, existing: OnExisting) -> Result<Self, ArtifactError> {
        let folders = Folders::of(out)?;
        let earlier = match existing {
            OnExisting::Refuse => refuse(&folders).map(|()| None),
            OnExisting::Overwrite => clear(&folders).map(|()| None),
            OnExisting::Resume => earlier_run(&folders, &begin),
        }?;
        let lock = folders.begin()?;
        folders.sweep()?;
        let replaces = earlier.as_ref().map_or(existing == OnExisting::Overwrite, |run| run.replaces);
        let resumed = earlier.is_some();
        if !resumed {
            let file = BeginFile { run: begin.clone(), version: VERSION.to_owned(), replaces };
            write_file(&folders.partial.join(BEGIN), pretty(&file).as_bytes())?;
        }
        let (specs, unhashed, known, units) = Default::default();
        Ok(Self { folders, begin, resumed, replaces, specs, unhashed, known, units, _lock: lock })
    }

    /// Where the stage writes its files.
    pub fn dir(&self) -> &Path {
        &self.folders.partial
    }

    /// A folder (made here) for what an unfinished run needs to be gone on with; it is removed when the artifact is
    /// complete.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn scratch_dir(&self) -> Result<PathBuf, ArtifactError> {
        let dir = self.dir().join(SCRATCH);
        fs::create_dir_all(&dir).map_err(ArtifactError::io(&dir))?;
        Ok(dir)
    }

    /// Adds inputs whose hashes became known during the run. They stand in the manifest, not in `begin.json`.
    pub fn add_inputs(&mut self, inputs: impl IntoIterator<Item = InputRef>) {
        self.begin.inputs.extend(inputs);
    }

    /// Tells the SHA-256 of a file that the stage hashed itself when it had written it (in parallel, while it was still
    /// in the page cache), so that [`ArtifactWriter::finish`] does not read it again.
    pub fn hashed(&mut self, file: &str, sha256: String) {
        self.known.insert(file.to_owned(), sha256);
    }

    /// Whether files of an earlier session of the same run may lie in [`ArtifactWriter::dir`].
    pub fn resumed(&self) -> bool {
        self.resumed
    }

    /// Describes the tensors of a file for the manifest. Clips need no description, and weights none either: their
    /// axes follow from their number.
    pub fn describe(&mut self, file: &str, tensors: Vec<TensorSpec>) {
        self.specs.insert(file.to_owned(), tensors);
    }

    /// Tells the unit of the tensors called `tensor`, where it depends on the stage's settings.
    pub fn unit_is(&mut self, tensor: &str, unit: &str) {
        self.units.insert(tensor.to_owned(), unit.to_owned());
    }

    /// Leaves files whose path (`/` between folders) starts with `prefix` out of the artifact's hash: logs with wall
    /// times in them.
    pub fn exclude_from_hash(&mut self, prefix: &str) {
        self.unhashed.push(prefix.to_owned());
    }

    /// Writes the manifest and gives the folder its name.
    ///
    /// # Errors
    /// When a file cannot be read or written, or its tensors are not those described; when an artifact has come to lie
    /// at the final place meanwhile. Then the `.partial` folder is still there, to be resumed.
    pub fn finish(self, counts: Counts, details: Value, run: RunFacts) -> Result<Artifact, ArtifactError> {
        let path = self.folders.target.clone();
        if self.folders.has_target()? && !self.replaces {
            return Err(ArtifactError::Exists { path });
        }
        self.folders.sweep()?;
        let files = self.file_entries()?;
        let Begin { stage, config, seed, inputs } = self.begin;
        let version = VERSION.to_owned();
        let manifest = Manifest { stage, version, config, seed, inputs, files, counts, details, run };
        write_file(&self.folders.partial.join(MANIFEST), pretty(&manifest).as_bytes())?;
        // not before the manifest is on disk: a run that is stopped while it hashes can be gone on with
        self.folders.promote()?;
        Ok(Artifact { path, manifest })
    }

    fn file_entries(&self) -> Result<BTreeMap<String, FileEntry>, ArtifactError> {
        let files = self.folders.files()?;
        if let Some(absent) = self.specs.keys().find(|name| !files.contains(name)) {
            return Err(ArtifactError::damaged(
                self.dir().join(absent),
                "file",
                "one, as it was described",
                "none",
            ));
        }
        files.into_iter().map(|name| self.file_entry(&name).map(|entry| (name, entry))).collect()
    }

    fn file_entry(&self, name: &str) -> Result<FileEntry, ArtifactError> {
        let path = self.dir().join(name);
        let file = File::open(&path).map_err(ArtifactError::io(&path))?;
        // the manifest must not reach the disk before what it vouches for
        file.sync_all().map_err(ArtifactError::io(&path))?;
        let bytes = file.metadata().map_err(ArtifactError::io(&path))?.len();
        let sha256 = match self.known.get(name) {
            _ if self.unhashed.iter().any(|prefix| name.starts_with(prefix)) => String::new(),
            Some(known) => known.clone(),
            None => sha256_file(&path)?,
        };
        let tensors =
            if name.ends_with(".safetensors") { self.specs_of(name, &file, &path)? } else { Vec::new() };
        Ok(FileEntry { bytes, sha256, tensors })
    }

    /// What the stage said of the file's tensors, held to what is in it; else what follows from their names or number.
    fn specs_of(&self, name: &str, file: &File, path: &Path) -> Result<Vec<TensorSpec>, ArtifactError> {
        let in_clips = self.begin.stage == Stage::Clips;
        let mut found =
            tensors::specs(file, path, |name| if in_clips { clips::meaning(name) } else { None })?;
        for spec in &mut found {
            if let Some(unit) = self.units.get(&spec.name) {
                spec.unit.clone_from(unit);
            }
        }
        let Some(said) = self.specs.get(name) else { return Ok(found) };
        let shape = |spec: &TensorSpec| {
            let lengths = spec.axes.iter().map(|(_, length)| *length).collect::<Vec<_>>();
            format!("`{}` {} {lengths:?}", spec.name, spec.dtype)
        };
        let list = |specs: &[TensorSpec]| {
            let mut shapes = specs.iter().map(shape).collect::<Vec<_>>();
            shapes.sort();
            shapes
        };
        let (expected, found) = (list(said), list(&found));
        if expected == found {
            return Ok(said.clone());
        }
        let only = |a: &[String], b: &[String]| {
            let only = a.iter().filter(|shape| !b.contains(shape)).cloned().collect::<Vec<_>>();
            if only.is_empty() { "nothing else".to_owned() } else { only.join(", ") }
        };
        Err(ArtifactError::damaged(
            path,
            "tensors as described",
            only(&expected, &found),
            only(&found, &expected),
        ))
    }
}

fn refuse(folders: &Folders) -> Result<(), ArtifactError> {
    if folders.has_target()? {
        return Err(ArtifactError::Exists { path: folders.target.clone() });
    }
    match folders.has_partial()? {
        true => Err(ArtifactError::Unfinished { path: folders.partial.clone() }),
        false => Ok(()),
    }
}

fn clear(folders: &Folders) -> Result<(), ArtifactError> {
    folders.has_target()?;
    folders.restore_replaced()?;
    folders.remove_partial()
}

/// The unfinished run to go on with; none where there is nothing.
fn earlier_run(folders: &Folders, asked: &Begin) -> Result<Option<BeginFile>, ArtifactError> {
    if !folders.has_partial()? || folders.remove_unbegun()? {
        folders.remove_replaced()?;
        return match folders.has_target()? {
            true => Err(finished_before(&folders.target, asked)?),
            false => Ok(None),
        };
    }
    let _lock = folders.lock()?;
    if folders.partial.join(MANIFEST).is_file() {
        // killed between the manifest and the folder's name: only that is left to do
        finished_before(&folders.partial, asked)?;
        folders.promote()?;
        return Err(ArtifactError::AlreadyFinished { path: folders.target.clone() });
    }
    let path = folders.partial.join(BEGIN);
    let text = fs::read(&path).map_err(ArtifactError::io(&path))?;
    let begin: BeginFile = serde_json::from_slice(&text)
        .map_err(|error| ArtifactError::Manifest { path, cause: error.to_string() })?;
    begin.check_same(asked, &folders.partial)?;
    Ok(Some(begin))
}

/// `Ok` with the error that says the finished run at `path` is the one asked for; `Err` where it is another.
fn finished_before(path: &Path, asked: &Begin) -> Result<ArtifactError, ArtifactError> {
    let manifest = Artifact::open_any(path, &asked.stage.to_string())?.manifest;
    BeginFile::of_manifest(&manifest, asked).check_same(asked, path)?;
    Ok(ArtifactError::AlreadyFinished { path: path.to_owned() })
}

fn pretty(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("plain data");
    text.push('\n');
    text
}
