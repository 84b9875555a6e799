//! What the tests of this crate share: the ffmpeg and ffprobe programs as judges, and the shared recordings.
#![allow(dead_code)] // every test file uses its own part

use std::path::{Path, PathBuf};
use std::process::Command;

/// Standard output of a program; `None` if it is not installed or fails.
pub fn output_of(program: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then_some(output.stdout)
}

/// Runs the ffmpeg program; panics with its words if it fails.
pub fn ffmpeg(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(arguments)
        .output()
        .expect("ffmpeg is installed");
    assert!(output.status.success(), "ffmpeg {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Whether the ffmpeg and ffprobe programs are there; says so if not.
pub fn have_ffmpeg() -> bool {
    let have = ["ffmpeg", "ffprobe"].iter().all(|program| output_of(program, &["-version"]).is_some());
    if !have {
        eprintln!("skipped: the programs ffmpeg and ffprobe are not installed");
    }
    have
}

/// A folder of the shared recordings; says so if it is not there.
pub fn shared(name: &str) -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("SONOVOX_DATA").map_or(default, PathBuf::from).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no shared recordings at {}", folder.display());
    None
}

/// All files under a folder, sorted.
pub fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(files_under(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}
