//! Frame times of containers and codecs that are awkward about them, with ffprobe as the judge.

mod common;

use std::path::{Path, PathBuf};

use sonovox_media::{FrameSpec, VideoReader};

const SPEC: FrameSpec = FrameSpec { crop: None, height: 12, width: 16 };

fn film(folder: &Path, name: &str, coding: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let source = ["-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=2"];
    common::ffmpeg(&[&source[..], coding, &[path.to_str().unwrap()]].concat());
    path
}

fn read(path: &Path, threads: usize) -> Vec<f64> {
    let mut reader = VideoReader::open(path, &SPEC, threads).unwrap();
    let mut pixels = vec![0; 16 * 12];
    let mut times = Vec::new();
    while let Some(time) = reader.next_frame(&mut pixels).unwrap() {
        times.push(time);
    }
    times
}

fn assert_as_ffprobe(path: &Path) {
    let judged = common::rising(&common::ffprobe_times(path));
    for threads in [1, 3] {
        let found = read(path, threads);
        let what = format!("{} with {threads} threads", path.display());
        assert_eq!(found.len(), judged.len(), "{what}");
        for (i, (found, expected)) in found.iter().zip(&judged).enumerate() {
            let expected = expected.unwrap_or(*found);
            assert!((found - expected).abs() < 2e-6, "{what}: frame {i} at {found} s, expected {expected} s");
        }
    }
}

#[test]
fn awkward_containers_have_the_times_of_ffprobe() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&str, &[&str]); 12] = [
        ("b_frames.avi", &["-c:v", "mpeg4", "-bf", "2"]),
        ("h264_b_frames.avi", &["-c:v", "libx264", "-bf", "3"]),
        ("b_frames.mkv", &["-c:v", "libx264", "-bf", "3"]),
        ("hevc.mp4", &["-c:v", "libx265", "-x265-params", "log-level=none", "-bf", "4"]),
        ("altref.webm", &["-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "16"]),
        ("vp9.webm", &["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"]),
        ("av1.mkv", &["-c:v", "libsvtav1", "-preset", "12"]),
        ("offset.ts", &["-c:v", "libx264", "-output_ts_offset", "100"]),
        ("open_gop.mpg", &["-c:v", "mpeg2video", "-bf", "2", "-g", "12"]),
        ("fragments.mp4", &["-c:v", "libx264", "-movflags", "+frag_keyframe+empty_moov", "-g", "20"]),
        ("vfr.mp4", &["-vf", "select='not(mod(floor(n*n/7),3))'", "-fps_mode", "vfr", "-c:v", "libx264"]),
        ("dnx.mov", &["-c:v", "mjpeg"]),
    ];
    for (name, coding) in cases {
        assert_as_ffprobe(&film(folder.path(), name, coding));
    }
}

#[test]
fn edit_lists_hide_frames_as_they_do_in_ffprobe() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let whole = film(folder.path(), "whole.mp4", &["-c:v", "libx264", "-g", "50", "-bf", "2"]);
    let path = folder.path().join("edit.mp4");
    // the packets from the keyframe on are kept, an edit list hides those before 0.7 s
    common::ffmpeg(&["-ss", "0.7", "-i", whole.to_str().unwrap(), "-c", "copy", path.to_str().unwrap()]);
    let packets = common::output_of(
        "ffprobe",
        &["-v", "error", "-show_entries", "packet=flags", path.to_str().unwrap()],
    );
    assert!(String::from_utf8(packets.unwrap()).unwrap().contains('D'), "some packets should be hidden");
    assert_as_ffprobe(&path);
    assert!(read(&path, 1).len() < 40);
}

#[test]
fn a_stream_without_any_times_counts_on_from_its_frame_rate() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = film(folder.path(), "raw.h264", &["-c:v", "libx264", "-bf", "0"]);
    let times = read(&path, 1);
    assert_eq!(times.len(), 50);
    for (i, time) in times.iter().enumerate() {
        assert!((time - times[0] - i as f64 / 25.0).abs() < 1e-3, "frame {i} at {time} s");
    }
}

#[test]
fn a_cover_picture_is_no_video() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let cover = film(folder.path(), "cover.png", &["-frames:v", "1"]);
    let path = folder.path().join("song.m4a");
    let song =
        ["-f", "lavfi", "-i", "sine=duration=1", "-i", cover.to_str().unwrap(), "-map", "0", "-map", "1"];
    let output = ["-c:v", "copy", "-disposition:v", "attached_pic", path.to_str().unwrap()];
    common::ffmpeg(&[&song[..], &output].concat());
    let message = VideoReader::open(&path, &SPEC, 1).err().expect("an error").to_string();
    assert!(message.contains("expected a video stream"), "{message}");
}

#[test]
fn a_change_of_size_is_an_error_after_the_good_frames() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = Vec::new();
    for size in ["96x64", "64x48"] {
        let source = format!("testsrc2=size={size}:rate=25:duration=0.4");
        bytes.extend(common::ffmpeg(&[
            "-f",
            "lavfi",
            "-i",
            &source,
            "-c:v",
            "mpeg2video",
            "-f",
            "mpeg2video",
            "-",
        ]));
    }
    let path = folder.path().join("two_sizes.m2v");
    std::fs::write(&path, bytes).unwrap();
    let mut reader = VideoReader::open(&path, &SPEC, 1).unwrap();
    let mut pixels = vec![0; 16 * 12];
    let error = loop {
        match reader.next_frame(&mut pixels) {
            Ok(Some(_)) => {}
            Ok(None) => panic!("expected an error"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("expected 96x64, found 64x48"), "{error}");
    // the decoder may drop the one frame that it held back
    assert!((9..=10).contains(&reader.losses().delivered));
    assert!(matches!(reader.next_frame(&mut pixels), Ok(None)));
}
