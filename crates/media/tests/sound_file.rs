//! Separate sound files: symphonia against the ffmpeg program on the same file, sample by sample.

mod common;

use std::path::{Path, PathBuf};

use sonovox_media::{AudioReader, MediaError};

/// A rising tone, so that a shift by a single sample shows, with each channel at its own level.
const CHIRP: &str = "aevalsrc=0.5*sin(2*PI*(300+700*t)*t)|0.2*sin(2*PI*(300+700*t)*t):s=44100:d=2.3";

/// Samples in it.
const SAMPLES: usize = 101_430;

fn encode(folder: &Path, name: &str, source: &str, coding: &[&str]) -> PathBuf {
    let path = folder.join(name);
    common::ffmpeg(&[&["-f", "lavfi", "-i", source][..], coding, &[path.to_str().unwrap()]].concat());
    path
}

/// The mean of the channels of the ffmpeg program's decode.
fn judge(path: &Path, channels: usize) -> Vec<f32> {
    let bytes = common::ffmpeg(&["-i", path.to_str().unwrap(), "-f", "f32le", "-"]);
    let samples: Vec<f32> =
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    samples.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect()
}

/// All samples; the blocks follow on each other without a gap from 0 s on.
fn read(reader: &mut AudioReader) -> Vec<f32> {
    let rate = f64::from(reader.facts().sample_rate_hz);
    let (mut all, mut block) = (Vec::new(), Vec::new());
    while let Some(start) = reader.next_block(&mut block).unwrap() {
        assert!(
            (start - all.len() as f64 / rate).abs() < 1e-9,
            "block at {start} after {} samples",
            all.len()
        );
        all.extend_from_slice(&block);
    }
    all
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn symphonia_and_ffmpeg_agree_to_the_sample() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // (file, coding, largest difference: two decoders round differently)
    let cases: [(&str, &[&str], f32); 12] = [
        ("u8.wav", &["-c:a", "pcm_u8"], 1e-6),
        ("s16.wav", &["-c:a", "pcm_s16le"], 1e-6),
        ("s24.wav", &["-c:a", "pcm_s24le"], 1e-6),
        ("f32.wav", &["-c:a", "pcm_f32le"], 1e-6),
        ("f64.wav", &["-c:a", "pcm_f64le"], 1e-6),
        ("a.flac", &[], 1e-6),
        ("a.aiff", &[], 1e-6),
        ("cbr.mp3", &["-b:a", "128k"], 1e-4),
        ("vbr.mp3", &["-q:a", "4"], 1e-4),
        ("a.ogg", &["-c:a", "libvorbis"], 1e-4),
        ("a.m4a", &["-c:a", "aac"], 1e-4),
        ("alac.m4a", &["-c:a", "alac"], 1e-6),
    ];
    for (name, coding, difference) in cases {
        let path = encode(folder.path(), name, CHIRP, coding);
        let mut reader = AudioReader::open_file(&path).unwrap();
        assert_eq!(
            (reader.library(), reader.facts().sample_rate_hz, reader.facts().channels),
            ("symphonia", 44100, 2),
            "{name}"
        );
        let (found, expected) = (read(&mut reader), judge(&path, 2));
        let worst = worst(&found, &expected);
        assert_eq!(found.len(), SAMPLES, "{name}: priming or padding is left (ffmpeg: {})", expected.len());
        assert!(worst <= difference, "{name}: differs by {worst}");
    }
}

#[test]
fn the_subwoofer_stays_out_of_the_mean() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // FL FR FC LFE BL BR at their own constant levels: the mean of five is 0.3, with the subwoofer it would be 0.4
    let levels = "aevalsrc=0.1|0.2|0.3|0.9|0.4|0.5:c=5.1:s=48000:d=0.5";
    for (name, coding) in [("a.wav", &["-c:a", "pcm_s24le"][..]), ("a.flac", &[])] {
        let path = encode(folder.path(), name, levels, coding);
        let samples = read(&mut AudioReader::open_file(&path).unwrap());
        assert_eq!(samples.len(), 24_000);
        assert!(samples.iter().all(|sample| (sample - 0.3).abs() < 1e-3), "{name}: {}", samples[1000]);
    }
}

#[test]
fn what_symphonia_cannot_do_goes_through_ffmpeg() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mono = "aevalsrc=0.5*sin(2*PI*(300+700*t)*t):s=48000:d=1.3";
    let cases: [(&str, &[&str]); 4] = [
        ("a.opus", &["-c:a", "libopus"]),
        ("opus.ogg", &["-c:a", "libopus"]),
        ("a.ac3", &["-c:a", "ac3"]),
        ("a.wma", &["-c:a", "wmav2"]),
    ];
    for (name, coding) in cases {
        let path = encode(folder.path(), name, mono, coding);
        let mut reader = AudioReader::open_file(&path).unwrap();
        assert_eq!((reader.library(), reader.facts().sample_rate_hz), ("ffmpeg", 48000), "{name}");
        let (found, expected) = (read(&mut reader), judge(&path, 1));
        assert_eq!(found.len(), expected.len(), "{name}");
        assert!(worst(&found, &expected) < 1e-6, "{name}");
    }
}

#[test]
fn he_aac_is_read_at_its_full_rate() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = encode(folder.path(), "lc.m4a", "aevalsrc=0.5*sin(2*PI*440*t):s=24000:d=1", &["-c:a", "aac"]);
    // FFmpeg's encoder ends its configuration with "no SBR"; say "SBR, 48 kHz" instead (ISO/IEC 14496-3, 1.6.5)
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(3).position(|bytes| bytes == [0x56, 0xe5, 0x00]).expect("the sync extension");
    bytes[at + 2] = 0x98;
    let path = folder.path().join("he.m4a");
    std::fs::write(&path, bytes).unwrap();
    let mut reader = AudioReader::open_file(&path).unwrap();
    assert_eq!((reader.library(), reader.facts().sample_rate_hz), ("ffmpeg", 48000));
    let samples = read(&mut reader);
    let crossings = samples.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
    assert!((45_000..=51_200).contains(&samples.len()), "{} samples", samples.len());
    // without SBR data the upsampled tone is a little rough; at the wrong rate it would be 220 or 880 Hz
    let hertz = crossings as f64 * 48_000.0 / samples.len() as f64;
    assert!((350.0..600.0).contains(&hertz), "{hertz} Hz");
}

#[test]
fn a_sound_file_that_is_cut_off_gives_its_good_part_and_says_so() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for name in ["cut.wav", "cut.flac", "cut.mp3", "cut.m4a", "cut.aiff"] {
        let faststart: &[&str] = if name == "cut.m4a" { &["-movflags", "+faststart"] } else { &[] };
        let path = encode(folder.path(), name, CHIRP, faststart);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let mut reader = AudioReader::open_file(&path).unwrap();
        let (mut samples, mut block) = (0, Vec::new());
        let error = loop {
            match reader.next_block(&mut block) {
                Ok(Some(_)) => samples += block.len(),
                Ok(None) => panic!("{name}: {samples} samples, and not a word"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, MediaError::Incomplete { .. }), "{error}");
        assert!((SAMPLES / 3..SAMPLES * 2 / 3).contains(&samples), "{name}: {samples} samples");
        assert!(matches!(reader.next_block(&mut block), Ok(None)));
    }
}

#[test]
fn files_without_sound_are_refused_with_the_cause() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("empty.wav"), []).unwrap();
    std::fs::write(path("words.mp3"), "this is no sound".repeat(100)).unwrap();
    let silent = encode(folder.path(), "film.mp4", "testsrc2=duration=0.2", &[]);
    let causes = [
        (path("nowhere.wav"), "no such file"),
        (path("empty.wav"), "the file is empty"),
        (path("words.mp3"), "not a recording that can be read"),
        (silent, "expected an audio stream"),
        (folder.path().to_owned(), "is not a regular file"),
    ];
    for (path, cause) in causes {
        let message = AudioReader::open_file(&path).err().expect("an error").to_string();
        assert!(message.contains(cause) && message.contains(path.to_str().unwrap()), "{message}");
    }
}
