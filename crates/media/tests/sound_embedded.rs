//! The sound inside videos: start, gaps, formats and length, with ffmpeg and ffprobe as the judges.

mod common;

use std::path::{Path, PathBuf};

use sonovox_media::{AudioReader, MediaError};

/// A film of 2 s (or none) with this sound.
fn film(folder: &Path, name: &str, sound: &str, coding: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let picture = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=2"];
    let sound = ["-f", "lavfi", "-i", sound];
    common::ffmpeg(&[&picture[..], &sound, coding, &[path.to_str().unwrap()]].concat());
    path
}

/// Samples of one recording with the time of the first, and the places where the clock jumps: (sample, seconds).
struct Sound {
    samples: Vec<f32>,
    start_secs: f64,
    jumps: Vec<(usize, f64)>,
}

fn read(path: &Path) -> Sound {
    let mut reader = AudioReader::open_embedded(path).unwrap().expect("an audio stream");
    let rate = f64::from(reader.facts().sample_rate_hz);
    let start_secs = reader.facts().start_secs.unwrap();
    let (mut samples, mut block, mut jumps) = (Vec::new(), Vec::new(), Vec::new());
    let mut expected = start_secs;
    while let Some(start) = reader.next_block(&mut block).unwrap() {
        if (start - expected).abs() > 1e-6 {
            jumps.push((samples.len(), start));
        }
        samples.extend_from_slice(&block);
        expected = start + block.len() as f64 / rate;
    }
    Sound { samples, start_secs, jumps }
}

/// The mean of the kept channels of the ffmpeg program's decode.
fn judge(path: &Path, channels: usize, kept: &[usize]) -> Vec<f32> {
    let bytes = common::ffmpeg(&["-i", path.to_str().unwrap(), "-vn", "-f", "f32le", "-"]);
    let samples: Vec<f32> =
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    let mean = |frame: &[f32]| kept.iter().map(|&c| frame[c]).sum::<f32>() / kept.len() as f32;
    samples.chunks_exact(channels).map(mean).collect()
}

fn assert_same(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-6, "{what}: differs by {worst}");
}

/// Two channels at their own levels.
const STEREO: &str = "aevalsrc=0.5*sin(2*PI*(300+700*t)*t)|0.2*sin(2*PI*(300+700*t)*t):s=44100:d=2";

#[test]
fn every_codec_and_sample_format_gives_the_mean_of_its_channels() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&str, &[&str]); 14] = [
        ("aac.mp4", &["-c:a", "aac"]),
        ("mp3.mp4", &["-c:a", "libmp3lame"]),
        ("ac3.mp4", &["-c:a", "ac3"]),
        ("opus.webm", &["-c:v", "libvpx", "-c:a", "libopus", "-ar", "48000"]),
        ("vorbis.mkv", &["-c:a", "libvorbis"]),
        ("flac.mkv", &["-c:a", "flac"]),
        ("u8.avi", &["-c:v", "mjpeg", "-c:a", "pcm_u8"]),
        ("s16.mov", &["-c:a", "pcm_s16le"]),
        ("s32.mov", &["-c:a", "pcm_s32le"]),
        ("f32.mov", &["-c:a", "pcm_f32le"]),
        ("f64.mov", &["-c:a", "pcm_f64le"]),
        ("adpcm.avi", &["-c:v", "mjpeg", "-c:a", "adpcm_ms"]),
        ("wma.wmv", &["-c:v", "wmv2", "-c:a", "wmav2"]),
        ("mp2.mpg", &["-c:v", "mpeg2video", "-r", "25", "-c:a", "mp2"]),
    ];
    for (name, coding) in cases {
        let path = film(folder.path(), name, STEREO, coding);
        let sound = read(&path);
        assert_same(name, &sound.samples, &judge(&path, 2, &[0, 1]));
        assert_eq!(sound.jumps, [], "{name}");
    }
}

#[test]
fn the_subwoofer_stays_out_of_the_mean() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let levels = "aevalsrc=0.1|0.2|0.3|0.9|0.4|0.5:c=5.1:s=48000:d=0.5";
    for (name, codec) in [("pcm.mov", "pcm_s16le"), ("aac.mp4", "aac")] {
        let path = film(folder.path(), name, levels, &["-c:a", codec]);
        assert_same(name, &read(&path).samples, &judge(&path, 6, &[0, 1, 2, 4, 5]));
    }
}

#[test]
fn priming_is_trimmed_and_the_clock_is_the_recordings() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // silence until 1 s, then a tone: it must begin at 1 s of the recording's clock, priming or not, late or not
    let tone = "aevalsrc=gte(t\\,1)*sin(2*PI*1000*t):s=48000:d=2";
    let late = ["-af", "asetpts=PTS+0.5/TB"];
    let cases: [(&str, &[&str], f64); 4] = [
        ("aac.mp4", &["-c:a", "aac"], 1.0),
        ("mp3.mp4", &["-c:a", "libmp3lame"], 1.0),
        ("opus.mkv", &["-c:a", "libopus"], 1.0),
        ("late.mkv", &[&late[..], &["-c:a", "pcm_s16le"]].concat(), 1.5),
    ];
    for (name, coding, expected) in cases {
        let path = film(folder.path(), name, tone, coding);
        let sound = read(&path);
        let onset = sound.samples.iter().position(|sample| sample.abs() > 0.3).expect("a tone");
        let onset = sound.start_secs + onset as f64 / 48_000.0;
        assert!(
            (onset - expected).abs() < 0.003,
            "{name}: the tone begins at {onset} s, expected {expected} s"
        );
    }
}

#[test]
fn a_gap_shows_as_a_later_block() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let gap = ["-af", "aselect='not(between(t\\,0.5\\,1.0))'", "-c:a", "pcm_s16le"];
    let path = film(folder.path(), "gap.mkv", "sine=frequency=440:sample_rate=48000:duration=2", &gap);
    let sound = read(&path);
    assert_eq!(sound.jumps.len(), 1, "{:?}", sound.jumps);
    let (samples, start) = sound.jumps[0];
    assert!((samples as f64 / 48_000.0 - 0.5).abs() < 0.025, "{samples} samples before the gap");
    assert!((start - 1.0).abs() < 0.025, "the sound goes on at {start} s");
}

#[test]
fn a_change_of_the_sample_rate_is_an_error() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = Vec::new();
    for rate in ["44100", "48000"] {
        let source = format!("sine=sample_rate={rate}:duration=1");
        bytes.extend(common::ffmpeg(&["-f", "lavfi", "-i", &source, "-c:a", "aac", "-f", "adts", "-"]));
    }
    let path = folder.path().join("two_rates.aac");
    std::fs::write(&path, bytes).unwrap();
    let mut reader = AudioReader::open_embedded(&path).unwrap().unwrap();
    let mut block = Vec::new();
    let error = loop {
        match reader.next_block(&mut block) {
            Ok(Some(_)) => {}
            Ok(None) => panic!("expected an error"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, MediaError::RateChanged { expected_hz: 44100, found_hz: 48000, .. }), "{error}");
    assert!(matches!(reader.next_block(&mut block), Ok(None)));
}

#[test]
fn shared_recordings_have_the_sound_that_ffprobe_sees() {
    let (Some(odd), Some(tal)) = (common::shared("odd_videos"), common::shared("tal_us_speech")) else {
        return;
    };
    if !common::have_ffmpeg() {
        return;
    }
    let silent_films = ["no_audio.mp4", "vfr_irregular.mp4", "vp9.webm", "ffv1_gray.mkv", "animated.gif"];
    for path in common::files_under(&odd.join("derived")).iter().chain(&common::files_under(&tal)) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let judged = ffprobe_sound(path);
        match AudioReader::open_embedded(path) {
            Ok(Some(_)) if name == "truncated_faststart.mp4" => {}
            Ok(Some(_)) => {
                let (start, samples) = judged.unwrap_or_else(|| panic!("{name}: ffprobe sees no sound"));
                let sound = read(path);
                assert!((sound.start_secs - start).abs() < 2e-6, "{name}: {} {start}", sound.start_secs);
                assert_eq!(sound.samples.len(), samples, "{name}");
            }
            Ok(None) => assert!(judged.is_none(), "{name}"),
            Err(error) => assert!(judged.is_none() && !silent_films.contains(&name), "{error}"),
        }
    }
}

/// Start of the first block and the number of samples; `None` where ffprobe finds no sound.
fn ffprobe_sound(path: &Path) -> Option<(f64, usize)> {
    let path = path.to_str().unwrap();
    let arguments = ["-v", "quiet", "-select_streams", "a:0", "-show_entries", "frame=pts_time,nb_samples"];
    let output = common::output_of("ffprobe", &[&arguments[..], &["-of", "csv=p=0", path]].concat())?;
    let text = String::from_utf8(output).unwrap();
    let mut blocks = text.lines().filter_map(|line| line.trim_end_matches(',').split_once(','));
    let (start, first) = blocks.next()?;
    let rest: usize =
        blocks.map(|(_, samples)| samples.trim_matches(',').parse::<usize>().unwrap_or(0)).sum();
    Some((start.parse().ok()?, first.trim_matches(',').parse::<usize>().ok()? + rest))
}

#[test]
fn a_film_without_sound_has_none_and_no_error() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    common::ffmpeg(&["-f", "lavfi", "-i", "testsrc2=duration=0.3", path.to_str().unwrap()]);
    assert!(AudioReader::open_embedded(&path).unwrap().is_none());
}

#[test]
fn sound_that_is_cut_off_gives_its_good_part_and_says_so() {
    let Some(odd) = common::shared("odd_videos") else { return };
    let path = odd.join("derived/truncated_faststart.mp4");
    let mut reader = AudioReader::open_embedded(&path).unwrap().unwrap();
    let mut block = Vec::new();
    let error = loop {
        match reader.next_block(&mut block) {
            Ok(Some(_)) => {}
            Ok(None) => panic!("not a word of the missing sound"),
            Err(error) => break error,
        }
    };
    let MediaError::Incomplete { what: "sound", losses, .. } = error else { panic!("{error}") };
    assert!(losses.expected_secs.unwrap() > 4.9 && losses.reached_secs.unwrap() > 1.0, "{losses}");
}
