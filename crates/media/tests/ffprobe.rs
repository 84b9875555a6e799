//! Every shared recording against ffprobe: the same number of frames at the same times, and the same files refused.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sonovox_media::{FrameSpec, MediaError, VideoReader};

/// ffprobe prints microseconds.
const TIME_TOLERANCE_SECS: f64 = 2e-6;

const SPEC: FrameSpec = FrameSpec { crop: None, height: 16, width: 16 };

#[test]
fn every_shared_recording_has_the_frames_and_times_of_ffprobe() {
    let folders = ["tal_us_speech", "lung_pocus", "itkpocus", "odd_videos"].map(common::shared);
    let files: Vec<PathBuf> = folders
        .into_iter()
        .flatten()
        .flat_map(|folder| common::files_under(&folder))
        .filter(|path| is_recording(path))
        .collect();
    if files.is_empty() || !common::have_ffmpeg() {
        return;
    }
    let next = AtomicUsize::new(0);
    let faults = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(fault) = compare(path) {
                        faults.lock().unwrap().push(format!("{}: {fault}", path.display()));
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{} of {} files:\n{}", faults.len(), files.len(), faults.join("\n"));
}

fn is_recording(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
    ["mp4", "avi", "mov", "mpeg", "mpg", "mkv", "webm", "gif", "mp3"]
        .contains(&extension.to_lowercase().as_str())
}

fn compare(path: &Path) -> Result<(), String> {
    let expected = ffprobe_times(path);
    let (found, end) = read(path);
    if std::env::var_os("SHOW").is_some() {
        eprintln!("{}: {} frames, {end:?}", path.display(), found.len());
    }
    if expected.len() != found.len() {
        return Err(format!("expected {} frames, found {} ({end:?})", expected.len(), found.len()));
    }
    for (i, (expected, found)) in expected.iter().zip(&found).enumerate() {
        if (expected - found).abs() > TIME_TOLERANCE_SECS {
            return Err(format!("frame {i}: expected {expected:.6} s, found {found:.6} s"));
        }
    }
    Ok(())
}

/// Frame times until the end, and the error there, if any.
fn read(path: &Path) -> (Vec<f64>, Option<MediaError>) {
    let mut reader = match VideoReader::open(path, &SPEC, 1) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut pixels = [0; 256];
    let mut times = Vec::new();
    loop {
        match reader.next_frame(&mut pixels) {
            Ok(Some(time)) => times.push(time),
            Ok(None) => {
                if std::env::var_os("SHOW").is_some() {
                    eprintln!("{}: {}", path.display(), reader.losses());
                }
                return (times, None);
            }
            Err(error) => return (times, Some(error)),
        }
    }
}

/// Presentation times by ffprobe; where a frame has none, FFmpeg's best guess. Empty where ffprobe cannot read the file.
fn ffprobe_times(path: &Path) -> Vec<f64> {
    let path = path.to_str().expect("shared recordings have plain names");
    let arguments = ["-v", "quiet", "-select_streams", "v:0", "-show_entries"];
    let entries = ["frame=pts_time,best_effort_timestamp_time", "-of", "default=nk=0:nw=0", path];
    let output = common::output_of("ffprobe", &[&arguments[..], &entries[..]].concat()).unwrap_or_default();
    let text = String::from_utf8_lossy(&output);
    let frames = text.split("[/FRAME]").filter(|frame| frame.contains("[FRAME]"));
    frames
        .filter_map(|frame| {
            time_in(frame, "pts_time=").or_else(|| time_in(frame, "best_effort_timestamp_time="))
        })
        .collect()
}

fn time_in(frame: &str, key: &str) -> Option<f64> {
    frame.lines().find_map(|line| line.strip_prefix(key))?.parse().ok()
}
