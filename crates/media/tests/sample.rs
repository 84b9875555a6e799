//! Sampled frames: spread over the file, in order, each with the picture of its time.

mod common;

use std::path::{Path, PathBuf};

use sonovox_media::{GreyFrame, MediaError, sample_frames};

/// Six seconds at 20 frames a second; frame `n` is grey level `2 n` all over, so that a picture tells its time.
fn counting_film(folder: &Path, name: &str, coding: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let source = ["-f", "lavfi", "-i", "color=black:size=96x48:rate=20:duration=6,format=gray,geq=lum='2*N'"];
    let output = ["-pix_fmt", "yuv420p", path.to_str().unwrap()];
    common::ffmpeg(&[&source[..], &["-c:v", "libx264", "-qp", "4"], coding, &output].concat());
    path
}

fn assert_in_order(name: &str, frames: &[GreyFrame], start_secs: f64) {
    assert!(frames.windows(2).all(|pair| pair[0].time_secs < pair[1].time_secs), "{name}: order");
    for frame in frames {
        let level = 2.0 * (frame.time_secs - start_secs) * 20.0;
        let pixel = f64::from(frame.pixels[frame.pixels.len() / 2]);
        assert!((pixel - level).abs() < 2.5, "{name}: level {pixel} at {} s", frame.time_secs);
    }
}

#[test]
fn frames_are_spread_and_show_what_their_time_says() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // keyframes every half second, and a single one
    let cases: [(&str, &[&str], f64); 5] = [
        ("dense.mp4", &["-g", "10"], 0.0),
        ("sparse.mp4", &["-g", "1000", "-sc_threshold", "0"], 0.0),
        ("sparse.mkv", &["-g", "1000", "-sc_threshold", "0"], 0.0),
        ("dense.avi", &["-g", "10", "-bf", "0"], 0.0),
        ("late.mkv", &["-g", "20", "-output_ts_offset", "5"], 5.0),
    ];
    for (name, coding, start_secs) in cases {
        let path = counting_film(folder.path(), name, coding);
        let frames = sample_frames(&path, 8, 32).unwrap();
        assert_eq!(frames.len(), 8, "{name}");
        assert_in_order(name, &frames, start_secs);
        for (i, frame) in frames.iter().enumerate() {
            let wanted = start_secs + 6.0 * (i as f64 + 0.5) / 8.0;
            assert!((frame.time_secs - wanted).abs() < 1.01, "{name}: {} for {wanted}", frame.time_secs);
            assert_eq!((frame.width, frame.height, frame.pixels.len()), (32, 16, 512));
        }
    }
}

#[test]
fn a_short_film_gives_the_frames_it_has() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = counting_film(folder.path(), "a.mp4", &["-frames:v", "5"]);
    let frames = sample_frames(&path, 16, 4096).unwrap();
    assert_eq!(frames.len(), 5);
    assert_eq!((frames[0].width, frames[0].height), (96, 48), "never enlarged");
    assert_in_order("a.mp4", &frames, 0.0);
}

#[test]
fn every_shared_recording_can_be_sampled() {
    let Some(folder) = common::shared("odd_videos") else { return };
    for path in common::files_under(&folder) {
        match sample_frames(&path, 6, 64) {
            Ok(frames) => {
                assert!(!frames.is_empty() && frames.len() <= 6, "{}", path.display());
                assert!(frames.windows(2).all(|pair| pair[0].time_secs < pair[1].time_secs));
            }
            Err(error) => assert!(!matches!(error, MediaError::Incomplete { .. }), "{error}"),
        }
    }
}
