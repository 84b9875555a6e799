//! Damaged files of many kinds: no panic, no endless reading, and a cut is never silent.

mod common;

use std::path::{Path, PathBuf};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sonovox_media::{AudioReader, FrameSpec, Losses, MediaError, VideoReader, probe, sample_frames};

const SPEC: FrameSpec = FrameSpec { crop: None, height: 12, width: 16 };

/// More frames than any file here holds: reading that goes on beyond it does not end.
const ENDLESS: u64 = 5_000;

/// The same for samples.
const ENDLESS_SAMPLES: usize = 10_000_000;

fn film(folder: &Path, name: &str, coding: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let picture = ["-f", "lavfi", "-i", "testsrc2=size=96x64:rate=20:duration=2"];
    let sound = ["-f", "lavfi", "-i", "sine=sample_rate=24000:duration=2"];
    common::ffmpeg(&[&picture[..], &sound, coding, &[path.to_str().unwrap()]].concat());
    path
}

fn films(folder: &Path) -> Vec<PathBuf> {
    let cases: [(&str, &[&str]); 9] = [
        ("fast.mp4", &["-movflags", "+faststart"]),
        ("fragments.mp4", &["-movflags", "+frag_keyframe+empty_moov", "-g", "10"]),
        ("a.mkv", &["-c:a", "libvorbis"]),
        ("late.mkv", &["-output_ts_offset", "3"]),
        ("a.webm", &["-c:v", "libvpx", "-c:a", "libopus", "-ar", "48000"]),
        ("a.avi", &["-c:v", "mpeg4", "-c:a", "libmp3lame"]),
        ("a.mpg", &["-c:v", "mpeg2video", "-r", "25", "-c:a", "mp2", "-ar", "44100"]),
        ("a.ts", &["-c:v", "libx264", "-c:a", "aac"]),
        ("a.gif", &["-an"]),
    ];
    cases.into_iter().map(|(name, coding)| film(folder, name, coding)).collect()
}

fn sounds(folder: &Path) -> Vec<PathBuf> {
    ["a.wav", "a.flac", "a.mp3", "a.ogg", "a.m4a", "a.aiff", "a.caf"]
        .into_iter()
        .map(|name| {
            let path = folder.join(name);
            let source = ["-f", "lavfi", "-i", "sine=sample_rate=24000:duration=2"];
            common::ffmpeg(&[&source[..], &[path.to_str().unwrap()]].concat());
            path
        })
        .collect()
}

fn read_video(path: &Path) -> Result<Losses, MediaError> {
    let mut reader = VideoReader::open(path, &SPEC, 1)?;
    let mut pixels = vec![0; 16 * 12];
    let mut last = f64::NEG_INFINITY;
    while let Some(time) = reader.next_frame(&mut pixels)? {
        assert!(time > last, "times rise");
        assert!(reader.losses().delivered < ENDLESS, "{}: frames without end", path.display());
        last = time;
    }
    Ok(reader.losses().clone())
}

fn read_sound(mut reader: AudioReader) -> Result<Losses, MediaError> {
    let (mut block, mut samples) = (Vec::new(), 0);
    while reader.next_block(&mut block)?.is_some() {
        assert!(block.iter().all(|sample| !sample.is_nan()));
        samples += block.len();
        assert!(samples < ENDLESS_SAMPLES, "sound without end: {:?}", reader.facts());
    }
    Ok(reader.losses().clone())
}

fn read_all(path: &Path) {
    let _ = probe(path);
    let _ = read_video(path);
    let _ = sample_frames(path, 3, 16);
    let _ = AudioReader::open_embedded(path).and_then(|reader| reader.map(read_sound).transpose());
    let _ = AudioReader::open_file(path).and_then(read_sound);
}

#[test]
fn no_damage_makes_a_reader_panic_or_read_without_end() {
    if !common::have_ffmpeg() {
        return;
    }
    let rounds: usize = std::env::var("SONOVOX_DAMAGE_ROUNDS").map_or(4, |rounds| rounds.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for path in films(folder.path()).into_iter().chain(sounds(folder.path())) {
        let whole = std::fs::read(&path).unwrap();
        let damaged = path.with_file_name(format!("damaged_{}", path.file_name().unwrap().to_str().unwrap()));
        for round in 0..rounds {
            let mut bytes = whole.clone();
            match round % 4 {
                0 => bytes.truncate(rng.random_range(1..whole.len())),
                1 => (0..20).for_each(|_| bytes[rng.random_range(0..whole.len().min(600))] = rng.random()),
                2 => (0..50).for_each(|_| bytes[rng.random_range(0..whole.len())] = rng.random()),
                _ => {
                    let from = rng.random_range(0..whole.len());
                    let to = (from + rng.random_range(1..2000)).min(whole.len());
                    drop(bytes.drain(from..to));
                }
            }
            std::fs::write(&damaged, &bytes).unwrap();
            read_all(&damaged);
        }
    }
}

#[test]
fn a_film_that_is_cut_off_never_ends_silently() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for path in films(folder.path()) {
        let name = path.file_name().unwrap().to_str().unwrap();
        // a stream without an index or a length: a shorter recording is a whole one
        if ["a.mpg", "a.ts"].contains(&name) {
            continue;
        }
        let whole = std::fs::read(&path).unwrap();
        let all = read_video(&path).expect("a whole film").delivered;
        for share in [0.35, 0.6, 0.9] {
            std::fs::write(&path, &whole[..(whole.len() as f64 * share) as usize]).unwrap();
            match read_video(&path) {
                Err(error) => assert!(error.to_string().contains(name), "{error}"),
                Ok(losses) => {
                    assert_eq!(losses.delivered, all, "{name} cut to {share}: {losses}, and not a word");
                }
            }
        }
    }
}

#[test]
fn a_fragment_that_is_cut_between_two_frames_is_known() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = film(folder.path(), "fragments.mp4", &["-movflags", "+frag_keyframe+empty_moov", "-g", "10"]);
    let whole = std::fs::read(&path).unwrap();
    let boxes = |name: &[u8; 4]| -> Vec<usize> {
        whole.windows(4).enumerate().filter(|(_, word)| word == name).map(|(at, _)| at - 4).collect()
    };
    let (moofs, mdats) = (boxes(b"moof"), boxes(b"mdat"));
    assert!(moofs.len() > 2 && mdats.len() == moofs.len(), "{moofs:?} {mdats:?}");
    // place by place, so also where a frame ends
    for cut in mdats[1] + 8..moofs[2] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let error = read_video(&path).expect_err("something is missing").to_string();
        assert!(error.contains("fragments.mp4"), "cut at {cut}: {error}");
    }
    // between two fragments it is a shorter film and nothing tells
    std::fs::write(&path, &whole[..moofs[2]]).unwrap();
    assert!(read_video(&path).is_ok_and(|losses| losses.delivered == 20));
}

#[test]
fn a_hole_in_the_middle_is_not_taken_for_the_end() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = film(folder.path(), "hole.mp4", &["-g", "5", "-movflags", "+faststart"]);
    let all = read_video(&path).expect("a whole film").delivered;
    // the fourth chunk of the first track is said to lie far behind the end of the file
    let mut bytes = std::fs::read(&path).unwrap();
    let table = bytes.windows(4).position(|word| word == b"stco").expect("a chunk table");
    let entry = table + 12 + 3 * 4;
    bytes[entry..entry + 4].copy_from_slice(&0x7fff_0000_u32.to_be_bytes());
    std::fs::write(&path, bytes).unwrap();
    let MediaError::Incomplete { losses, .. } = read_video(&path).expect_err("something is missing") else {
        panic!("expected Incomplete")
    };
    // FFmpeg's demuxer says "end of file" at the hole, as it does to ffprobe
    assert!(losses.delivered > 0 && losses.delivered < all, "{losses}");
    assert!(losses.expected_secs.is_some_and(|expected| (expected - 2.0).abs() < 0.01), "{losses}");
}
