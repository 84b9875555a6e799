//! The weights of every epoch, for evaluations over the epochs.
//!
//! ```text
//! snapshots/epoch-001.safetensors     parameters and running statistics after the first epoch
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use sonovox_ops::ParamStore;

use crate::TrainError;

/// Name of their folder.
pub const FOLDER: &str = "snapshots";
const BEFORE: &str = "epoch-";
const AFTER: &str = ".safetensors";

/// Keeps the weights of `epoch`, counted from 0.
pub(crate) fn save(dir: &Path, epoch: u32, store: &ParamStore) -> Result<(), TrainError> {
    let folder = dir.join(FOLDER);
    fs::create_dir_all(&folder).map_err(TrainError::io(&folder))?;
    Ok(store.save(folder.join(format!("{BEFORE}{:03}{AFTER}", epoch + 1)))?)
}

/// The snapshots below `dir` in order, with the number of epochs after which each was taken; none where there is no such folder.
///
/// # Errors
/// When the folder cannot be read.
pub fn list(dir: &Path) -> Result<Vec<(u32, PathBuf)>, TrainError> {
    let folder = dir.join(FOLDER);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(TrainError::io(&folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(TrainError::io(&folder))?;
        let name = entry.file_name();
        let number =
            name.to_str().and_then(|name| name.strip_prefix(BEFORE)?.strip_suffix(AFTER)?.parse().ok());
        found.extend(number.map(|number| (number, entry.path())));
    }
    found.sort();
    Ok(found)
}
