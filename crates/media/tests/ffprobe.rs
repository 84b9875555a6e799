//! Every shared recording against ffprobe: the same number of frames at the same times, and the same files refused.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sonovox_media::{FrameSpec, Losses, MediaError, VideoReader};

/// ffprobe prints microseconds.
const TIME_TOLERANCE_SECS: f64 = 2e-6;

const SPEC: FrameSpec = FrameSpec { crop: None, height: 16, width: 16 };

/// Recordings of which something is missing, and what the error says of each.
const INCOMPLETE: [(&str, &str); 2] = [
    ("truncated_faststart.mp4", "its video could not be read in full: read up to 1.483 s of 4.967 s"),
    (
        "mp4parse_no_timescale.mp4",
        "read up to 6.109 s; 12 packets could not be decoded; 27 frames are damaged",
    ),
];

/// Files that are no recordings, and what the error says of each.
const REFUSED: [(&str, &str); 8] = [
    ("audio_only.mp3", "expected a video stream, found audio (mp3)"),
    ("not_a_video.mp4", "expected a video stream, found audio (pcm_s16le)"),
    ("truncated_tail_no_moov_or_cut.mp4", "its index (moov) is missing"),
    ("zero_bytes.mp4", "the file is empty (0 bytes)"),
    ("mp4parse_bipbop_nonfragment_header.mp4", "not one frame could be decoded: the file is cut off"),
    ("mp4parse_chunk_out_of_range.mp4", "its sample tables contradict each other"),
    ("mp4parse_invalid_userdata.mp4", "not one frame could be decoded: the file is cut off"),
    ("mp4parse_zero_empty_stsc.mp4", "not one frame could be decoded: "),
];

#[test]
fn every_shared_recording_has_the_frames_and_times_of_ffprobe() {
    let files = shared_recordings();
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

fn shared_recordings() -> Vec<PathBuf> {
    let folders = ["tal_us_speech", "lung_pocus", "itkpocus", "odd_videos"].map(common::shared);
    let files = folders.into_iter().flatten().flat_map(|folder| common::files_under(&folder));
    files.filter(|path| is_recording(path)).collect()
}

fn is_recording(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
    ["mp4", "avi", "mov", "mpeg", "mpg", "mkv", "webm", "gif", "mp3"]
        .contains(&extension.to_lowercase().as_str())
}

/// Compares one file; the fault in words.
fn compare(path: &Path) -> Result<(), String> {
    let judged = common::ffprobe_times(path);
    let read = read(path);
    let dropped = read.losses.disordered_frames as usize;
    if judged.len() != read.times.len() + dropped {
        return Err(format!(
            "expected {} frames, found {} + {dropped} out of order",
            judged.len(),
            read.times.len()
        ));
    }
    let rising = common::rising(&judged);
    if rising.len() != read.times.len() {
        return Err(format!("expected {} frames in order, found {}", rising.len(), read.times.len()));
    }
    for (i, (expected, found)) in rising.iter().zip(&read.times).enumerate() {
        match expected {
            Some(expected) if (expected - found).abs() > TIME_TOLERANCE_SECS => {
                return Err(format!("frame {i}: expected {expected:.6} s, found {found:.6} s"));
            }
            _ => {}
        }
    }
    check_end(path, read.end)
}

/// Files that end in an error are those in the two lists, with the cause given there; all others end without one.
fn check_end(path: &Path, end: Option<MediaError>) -> Result<(), String> {
    let name = path.file_name().unwrap().to_str().unwrap();
    let listed = INCOMPLETE.iter().chain(&REFUSED).find(|(listed, _)| *listed == name);
    match (listed, end.map(|error| error.to_string())) {
        (None, None) => Ok(()),
        (Some((_, cause)), Some(error)) if error.contains(cause) && error.contains(name) => Ok(()),
        (listed, error) => {
            Err(format!("expected the end {:?}, found {error:?}", listed.map(|(_, cause)| cause)))
        }
    }
}

struct Read {
    times: Vec<f64>,
    losses: Losses,
    /// The error at the end, if any.
    end: Option<MediaError>,
}

fn read(path: &Path) -> Read {
    let mut reader = match VideoReader::open(path, &SPEC, 1) {
        Ok(reader) => reader,
        Err(error) => return Read { times: Vec::new(), losses: Losses::default(), end: Some(error) },
    };
    let mut pixels = [0; 256];
    let mut times = Vec::new();
    let end = loop {
        match reader.next_frame(&mut pixels) {
            Ok(Some(time)) => times.push(time),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    assert_eq!(reader.losses().delivered as usize, times.len());
    assert!(matches!(reader.next_frame(&mut pixels), Ok(None)), "an ended reader stays ended");
    Read { times, losses: reader.losses().clone(), end }
}
