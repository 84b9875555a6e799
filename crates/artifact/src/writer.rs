//! Writing an artifact: everything goes into `NAME.partial`, the manifest last, then the folder gets its name.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::hash::sha256_file;
use crate::manifest::{Counts, FileEntry, InputRef, Manifest, RunFacts, Stage, TensorSpec};
use crate::open::{Artifact, MANIFEST};
use crate::tensors::write_atomic;
use crate::ArtifactError;

/// What to do where the output is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExisting {
    /// An error that says how to go on.
    Refuse,
    /// Go on with an unfinished run of the same settings; start where there is none.
    Resume,
    /// Start over; what is there is removed when the new artifact is complete.
    Overwrite,
}

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

const BEGIN: &str = "begin.json";
/// Folder of what a stage needs to go on with an unfinished run; it is not part of the artifact.
const SCRATCH: &str = "scratch";

/// An artifact being written.
#[derive(Debug)]
pub struct ArtifactWriter {
    target: PathBuf,
    partial: PathBuf,
    begin: Begin,
    resumed: bool,
    specs: BTreeMap<String, Vec<TensorSpec>>,
    unhashed: Vec<String>,
    /// Hashes that the stage took itself, by file.
    known: BTreeMap<String, String>,
}

impl ArtifactWriter {
    /// Starts (or goes on with) the artifact `out`.
    ///
    /// # Errors
    /// When something is at `out` that `existing` does not allow; [`ArtifactError::AlreadyFinished`] when there is
    /// nothing left to resume.
    pub fn create(out: &Path, begin: Begin, existing: OnExisting) -> Result<Self, ArtifactError> {
        let target = out.components().collect::<PathBuf>();
        let mut name = target.file_name().map_or_else(Default::default, ToOwned::to_owned);
        name.push(".partial");
        let partial = target.with_file_name(name);
        let (specs, known) = (BTreeMap::new(), BTreeMap::new());
        let mut writer =
            Self { target, partial, begin, resumed: false, specs, unhashed: Vec::new(), known };
        writer.check_target(existing)?;
        writer.prepare_partial(existing)?;
        Ok(writer)
    }

    /// Where the stage writes its files.
    pub fn dir(&self) -> &Path {
        &self.partial
    }

    /// A folder (made here) for what an unfinished run needs to be gone on with; it is removed when the artifact is
    /// complete.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn scratch_dir(&self) -> Result<PathBuf, ArtifactError> {
        let dir = self.partial.join(SCRATCH);
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

    /// Describes the tensors of a file for the manifest.
    pub fn describe(&mut self, file: &str, tensors: Vec<TensorSpec>) {
        self.specs.insert(file.to_owned(), tensors);
    }

    /// Leaves files whose path starts with `prefix` out of the artifact's hash: logs with wall times in them.
    pub fn exclude_from_hash(&mut self, prefix: &str) {
        self.unhashed.push(prefix.to_owned());
    }

    /// Writes the manifest and gives the folder its name.
    ///
    /// # Errors
    /// When a file cannot be read or written. Then the `.partial` folder is still there.
    pub fn finish(self, counts: Counts, details: Value, run: RunFacts) -> Result<Artifact, ArtifactError> {
        let files = self.files()?;
        let Begin { stage, config, seed, inputs } = self.begin;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let manifest = Manifest { stage, version, config, seed, inputs, files, counts, details, run };
        let text = pretty(&manifest);
        write_atomic(&self.partial.join(MANIFEST), text.as_bytes())?;
        // not before the manifest is on disk: a run that is stopped while it hashes can be gone on with
        remove_dir_if_any(&self.partial.join(SCRATCH))?;
        remove_file_if_any(&self.partial.join(BEGIN))?;
        if self.target.exists() {
            let mut old = self.partial.clone().into_os_string();
            old.push(".old");
            let old = PathBuf::from(old);
            remove_dir_if_any(&old)?;
            fs::rename(&self.target, &old).map_err(ArtifactError::io(&self.target))?;
            fs::rename(&self.partial, &self.target).map_err(ArtifactError::io(&self.target))?;
            remove_dir_if_any(&old)?;
        } else {
            fs::rename(&self.partial, &self.target).map_err(ArtifactError::io(&self.target))?;
        }
        Ok(Artifact { path: self.target, manifest })
    }

    fn check_target(&self, existing: OnExisting) -> Result<(), ArtifactError> {
        if !self.target.exists() {
            return Ok(());
        }
        let path = self.target.clone();
        // whatever else lies there is the user's: --overwrite must not remove a folder of scans by a slip
        let ours = self.target.join(MANIFEST).is_file();
        let empty = fs::read_dir(&self.target).is_ok_and(|mut entries| entries.next().is_none());
        if empty {
            return fs::remove_dir(&self.target).map_err(ArtifactError::io(&self.target));
        }
        if !ours {
            return Err(ArtifactError::NotOurs { path });
        }
        match existing {
            OnExisting::Refuse => Err(ArtifactError::Exists { path }),
            OnExisting::Resume => Err(ArtifactError::AlreadyFinished { path }),
            OnExisting::Overwrite => Ok(()),
        }
    }

    fn prepare_partial(&mut self, existing: OnExisting) -> Result<(), ArtifactError> {
        let begin_file = self.partial.join(BEGIN);
        if self.partial.exists() {
            match existing {
                OnExisting::Refuse => return Err(ArtifactError::Unfinished { path: self.partial.clone() }),
                OnExisting::Resume if begin_file.is_file() => {
                    self.check_same_run(&begin_file)?;
                    remove_file_if_any(&self.partial.join(MANIFEST))?;
                    self.resumed = true;
                    return Ok(());
                }
                // no begin.json: killed before the first file, or while the manifest was being written
                OnExisting::Resume | OnExisting::Overwrite => remove_dir_if_any(&self.partial)?,
            }
        }
        fs::create_dir_all(&self.partial).map_err(ArtifactError::io(&self.partial))?;
        write_atomic(&begin_file, pretty(&self.begin).as_bytes())
    }

    fn check_same_run(&self, begin_file: &Path) -> Result<(), ArtifactError> {
        let text = fs::read_to_string(begin_file).map_err(ArtifactError::io(begin_file))?;
        let then: Begin = serde_json::from_str(&text)
            .map_err(|error| ArtifactError::Manifest { path: begin_file.to_owned(), cause: error.to_string() })?;
        let differs = first_difference("", &comparable(&then), &comparable(&self.begin));
        differs.map_or(Ok(()), |(what, found, expected)| {
            Err(ArtifactError::OtherRun { path: self.partial.clone(), what, expected, found })
        })
    }

    fn files(&self) -> Result<BTreeMap<String, FileEntry>, ArtifactError> {
        let mut files = BTreeMap::new();
        for path in files_below(&self.partial)? {
            let inside = path.strip_prefix(&self.partial).unwrap_or(&path);
            if inside.starts_with(SCRATCH) || inside == Path::new(BEGIN) {
                continue;
            }
            let name = inside.to_string_lossy().into_owned();
            let bytes = fs::metadata(&path).map_err(ArtifactError::io(&path))?.len();
            let hashed = !self.unhashed.iter().any(|prefix| name.starts_with(prefix));
            let sha256 = match self.known.get(&name) {
                _ if !hashed => String::new(),
                Some(known) => known.clone(),
                None => sha256_file(&path)?,
            };
            let tensors = self.specs.get(&name).cloned().unwrap_or_default();
            files.insert(name, FileEntry { bytes, sha256, tensors });
        }
        Ok(files)
    }
}

fn pretty(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("plain data");
    text.push('\n');
    text
}

/// A begin without the paths of its inputs: an artifact that was moved is still the same.
fn comparable(begin: &Begin) -> Value {
    let mut begin = begin.clone();
    begin.inputs.iter_mut().for_each(|input| input.path.clear());
    serde_json::to_value(begin).expect("plain data")
}

/// The first key whose values differ: its path, the value in `a` and the value in `b`.
fn first_difference(at: &str, a: &Value, b: &Value) -> Option<(String, String, String)> {
    if let (Value::Object(a), Value::Object(b)) = (a, b) {
        let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
        return keys.into_iter().find_map(|key| {
            let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            let of = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
            first_difference(&path, &of(a), &of(b))
        });
    }
    (a != b).then(|| (at.to_owned(), a.to_string(), b.to_string()))
}

fn files_below(dir: &Path) -> Result<Vec<PathBuf>, ArtifactError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(ArtifactError::io(dir))? {
        let path = entry.map_err(ArtifactError::io(dir))?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

fn remove_dir_if_any(path: &Path) -> Result<(), ArtifactError> {
    ignore_missing(fs::remove_dir_all(path)).map_err(ArtifactError::io(path))
}

fn remove_file_if_any(path: &Path) -> Result<(), ArtifactError> {
    ignore_missing(fs::remove_file(path)).map_err(ArtifactError::io(path))
}

fn ignore_missing(result: std::io::Result<()>) -> std::io::Result<()> {
    result.or_else(|error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}
