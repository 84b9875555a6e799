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

/// Presentation times by ffprobe (FFmpeg's best guess where a frame has none of its own, `None` where there is none).
/// Empty where ffprobe cannot read the file.
pub fn ffprobe_times(path: &Path) -> Vec<Option<f64>> {
    let path = path.to_str().expect("shared recordings have plain names");
    let arguments = ["-v", "quiet", "-select_streams", "v:0", "-show_entries"];
    let entries = ["frame=pts_time,best_effort_timestamp_time", "-of", "default=nk=0:nw=0", path];
    let output = output_of("ffprobe", &[&arguments[..], &entries[..]].concat()).unwrap_or_default();
    let text = String::from_utf8_lossy(&output);
    let frames = text.split("[/FRAME]").filter(|frame| frame.contains("[FRAME]"));
    frames
        .map(|frame| time_in(frame, "pts_time=").or_else(|| time_in(frame, "best_effort_timestamp_time=")))
        .collect()
}

fn time_in(frame: &str, key: &str) -> Option<f64> {
    frame.lines().find_map(|line| line.strip_prefix(key))?.parse().ok()
}

/// The frames whose times lie after all before them; a frame without a time counts as in order.
pub fn rising(times: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut last = f64::NEG_INFINITY;
    let is_later = |time: &&Option<f64>| match time {
        Some(time) if *time <= last => false,
        Some(time) => {
            last = *time;
            true
        }
        None => true,
    };
    times.iter().filter(is_later).copied().collect()
}
