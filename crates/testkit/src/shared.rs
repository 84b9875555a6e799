//! Real recordings, which are not part of the repository.

use std::path::{Path, PathBuf};

/// The folder `name` of the shared data: below `$SONOVOX_DATA` where that is set, else in `shared/data` beside the
/// repository. `None`, with a line that says so, where there is none: the test should then return.
///
/// A folder that `SONOVOX_DATA` promises and that is not there panics: a test that was meant to run must not pass by
/// being skipped.
pub fn shared_data(name: &str) -> Option<PathBuf> {
    let asked = std::env::var_os("SONOVOX_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = asked.clone().unwrap_or(beside).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(asked.is_none(), "SONOVOX_DATA is set, and {} is not there", folder.display());
    println!("skipped: no {} (set SONOVOX_DATA to the folder of the shared data)", folder.display());
    None
}
