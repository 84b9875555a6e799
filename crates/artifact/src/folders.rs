//! The folders of a run: where its artifact will be, where it works, and where an artifact that is being replaced waits
//! between two renames; and the lock that keeps two runs out of one working folder.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::ArtifactError;
use crate::open::MANIFEST;
use crate::tensors::{UNFINISHED, rename};

/// By what a run was begun, in its working folder.
pub(crate) const BEGIN: &str = "begin.json";
/// Folder of what a stage needs to go on with an unfinished run; it is not part of the artifact.
pub(crate) const SCRATCH: &str = "scratch";
const LOCK: &str = ".lock";

/// The folders that belong to the artifact `NAME`.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    /// `NAME`.
    pub(crate) target: PathBuf,
    /// `NAME.partial`.
    pub(crate) partial: PathBuf,
    /// `NAME.replaced`.
    replaced: PathBuf,
}

impl Folders {
    pub(crate) fn of(out: &Path) -> Result<Folders, ArtifactError> {
        // `clips/` and `clips` are one artifact; `..` and `/` are none
        let Some(name) = out.file_name() else { return Err(ArtifactError::NotOurs { path: out.to_owned() }) };
        let beside = |ending: &str| {
            let mut name = name.to_owned();
            name.push(ending);
            out.with_file_name(name)
        };
        Ok(Folders {
            target: out.with_file_name(name),
            partial: beside(".partial"),
            replaced: beside(".replaced"),
        })
    }

    /// Makes the working folder where it is not there yet and locks it.
    pub(crate) fn begin(&self) -> Result<File, ArtifactError> {
        fs::create_dir_all(&self.partial).map_err(ArtifactError::io(&self.partial))?;
        self.lock()
    }

    /// Locks the working folder; the lock ends with the process, however that ends.
    pub(crate) fn lock(&self) -> Result<File, ArtifactError> {
        let path = self.partial.join(LOCK);
        let file = File::create(&path).map_err(ArtifactError::io(&path))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(ArtifactError::Busy { path: self.partial.clone() }),
            // some network file systems have no locks: there nobody is kept out, as without this function
            Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
        }
    }

    /// Whether something lies at the artifact's place.
    ///
    /// # Errors
    /// When it is neither an artifact nor an empty folder: whatever else lies there is the user's, and `--overwrite`
    /// must not remove a folder of scans by a slip.
    pub(crate) fn has_target(&self) -> Result<bool, ArtifactError> {
        let path = &self.target;
        if !is_there(path) || is_empty_folder(path) {
            return Ok(false);
        }
        if path.join(MANIFEST).is_file() {
            Ok(true)
        } else {
            Err(ArtifactError::NotOurs { path: path.clone() })
        }
    }

    /// Whether there is a working folder.
    ///
    /// # Errors
    /// When it is none of ours.
    pub(crate) fn has_partial(&self) -> Result<bool, ArtifactError> {
        if !is_there(&self.partial) {
            return Ok(false);
        }
        let has = |name| self.partial.join(name).is_file();
        // with nothing but unfinished files in it, a run was killed before it had begun
        let ours = has(BEGIN) || has(MANIFEST) || self.files().is_ok_and(|files| files.is_empty());
        if ours { Ok(true) } else { Err(ArtifactError::NotOurs { path: self.partial.clone() }) }
    }

    /// Undoes a replacement that was killed between its two renames: the old artifact is there again while another one is
    /// made.
    pub(crate) fn restore_replaced(&self) -> Result<(), ArtifactError> {
        if is_there(&self.target) || !is_there(&self.replaced) {
            Ok(())
        } else {
            rename(&self.replaced, &self.target)
        }
    }

    /// Finishes a replacement that was killed after its second rename: the new artifact stands in its place, and the old
    /// one is only to be removed.
    pub(crate) fn remove_replaced(&self) -> Result<(), ArtifactError> {
        if self.has_target()? { remove_dir_if_any(&self.replaced) } else { Ok(()) }
    }

    /// Removes the working folder of an earlier run, unless another process works there.
    pub(crate) fn remove_partial(&self) -> Result<(), ArtifactError> {
        if !self.has_partial()? {
            return Ok(());
        }
        let _lock = self.lock()?;
        fs::remove_dir_all(&self.partial).map_err(ArtifactError::io(&self.partial))
    }

    /// Removes the working folder of a run that was killed before it had begun; gives whether it was one.
    pub(crate) fn remove_unbegun(&self) -> Result<bool, ArtifactError> {
        if [BEGIN, MANIFEST].iter().any(|name| self.partial.join(name).is_file()) {
            return Ok(false);
        }
        self.remove_partial().map(|()| true)
    }

    /// Turns the working folder, complete with its manifest, into the artifact; one that is there already is removed
    /// after the new one stands in its place. Killed anywhere inside, it is done by calling it again.
    pub(crate) fn promote(&self) -> Result<(), ArtifactError> {
        remove_dir_if_any(&self.partial.join(SCRATCH))?;
        remove_file_if_any(&self.partial.join(BEGIN))?;
        remove_file_if_any(&self.partial.join(LOCK))?;
        if self.has_target()? {
            remove_dir_if_any(&self.replaced)?;
            rename(&self.target, &self.replaced)?;
        }
        rename(&self.partial, &self.target)?;
        self.remove_replaced()
    }

    /// Removes what a killed run left half written. Scratch is the stage's own.
    pub(crate) fn sweep(&self) -> Result<(), ArtifactError> {
        let all = files_below(&self.partial, "")?;
        let unfinished = all.iter().filter(|name| is_unfinished(name) && !is_scratch(name));
        unfinished.map(|name| self.partial.join(name)).try_for_each(|path| remove_file_if_any(&path))
    }

    /// The artifact's files in the working folder, by their path inside, in order.
    pub(crate) fn files(&self) -> Result<Vec<String>, ArtifactError> {
        let mut files = files_below(&self.partial, "")?;
        let ours = |name: &str| [BEGIN, LOCK, MANIFEST].contains(&name) || is_unfinished(name);
        files.retain(|name| !ours(name) && !is_scratch(name));
        files.sort();
        Ok(files)
    }
}

/// A file under the name it has while it is written: ours, or that of the safetensors crate's temporary files.
fn is_unfinished(name: &str) -> bool {
    name.ends_with(UNFINISHED) || name.rsplit('/').next().is_some_and(|file| file.starts_with(".tmp"))
}

fn is_scratch(name: &str) -> bool {
    name.split_once('/').is_some_and(|(folder, _)| folder == SCRATCH)
}

/// Also true for a link that leads nowhere.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn is_empty_folder(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

fn files_below(dir: &Path, prefix: &str) -> Result<Vec<String>, ArtifactError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(ArtifactError::io(dir))? {
        let entry = entry.map_err(ArtifactError::io(dir))?;
        let path = entry.path();
        let Ok(name) = entry.file_name().into_string() else {
            return Err(ArtifactError::damaged(path, "file name", "UTF-8", "other bytes"));
        };
        if path.is_dir() {
            files.extend(files_below(&path, &format!("{prefix}{name}/"))?);
        } else {
            files.push(format!("{prefix}{name}"));
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
