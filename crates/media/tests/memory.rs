//! Reading holds no more memory at the end of a file than at its beginning. One test alone: it watches its process.

mod common;

use sonovox_media::{AudioReader, FrameSpec, VideoReader};

/// What the allocator may keep back.
const SLACK_BYTES: usize = 16 << 20;

/// Memory of this process, by the kernel (Linux).
fn resident_bytes() -> Option<usize> {
    let facts = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = facts.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<usize>().ok()? << 10)
}

#[test]
fn memory_does_not_grow_with_the_length_of_a_recording() {
    if !common::have_ffmpeg() || resident_bytes().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // uncompressed, so that what is not let go of shows: 69 MB of pictures, 58 MB of sound
    let path = folder.path().join("a.mkv");
    let sources = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=24"];
    let sound = ["-f", "lavfi", "-i", "aevalsrc=random(0)|random(1):s=96000:d=75"];
    let coding = ["-c:v", "rawvideo", "-pix_fmt", "yuv420p", "-c:a", "pcm_s32le", path.to_str().unwrap()];
    common::ffmpeg(&[&sources[..], &sound, &coding].concat());
    assert!(std::fs::metadata(&path).unwrap().len() > 120 << 20);

    let mut reader = VideoReader::open(&path, &FrameSpec { crop: None, height: 24, width: 32 }, 2).unwrap();
    let mut frame = vec![0; 24 * 32];
    let mut at_start = 0;
    for index in 0.. {
        if index == 50 {
            at_start = resident_bytes().unwrap();
        }
        if reader.next_frame(&mut frame).unwrap().is_none() {
            break;
        }
    }
    let grown = resident_bytes().unwrap().saturating_sub(at_start);
    assert!(at_start > 0 && grown < SLACK_BYTES, "video: {grown} bytes more at the end");

    let mut reader = AudioReader::open_embedded(&path).unwrap().expect("sound");
    let mut block = Vec::new();
    reader.next_block(&mut block).unwrap();
    let at_start = resident_bytes().unwrap();
    while reader.next_block(&mut block).unwrap().is_some() {}
    let grown = resident_bytes().unwrap().saturating_sub(at_start);
    assert!(grown < SLACK_BYTES, "sound: {grown} bytes more at the end");
}
