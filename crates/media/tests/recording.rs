//! Recordings written by this crate, judged by ffprobe and read back.

mod common;

use std::path::Path;

use sonovox_media::{
    AudioReader, FrameRate, FrameSpec, MediaError, RecordingFormat, RecordingWriter, VideoReader,
};

const WIDTH: u32 = 160;
const HEIGHT: u32 = 120;
const RATE_HZ: u32 = 24_000;

const FORMAT: RecordingFormat = RecordingFormat {
    width: WIDTH,
    height: HEIGHT,
    frame_rate: FrameRate { frames: 30_000, seconds: 1001 },
    sample_rate_hz: Some(RATE_HZ),
};

/// A soft disc that wanders over a ramp from black to white.
fn frame(index: u64) -> Vec<u8> {
    let centre = (40.0 + index as f64, 60.0);
    let pixel = |i: u32| {
        let (x, y) = (f64::from(i % WIDTH), f64::from(i / WIDTH));
        let distance = ((x - centre.0).powi(2) + (y - centre.1).powi(2)).sqrt();
        let disc = 120.0 / (1.0 + (distance / 8.0).powi(4));
        (x / f64::from(WIDTH - 1) * 255.0 * (1.0 - disc / 255.0) + disc).round().min(255.0) as u8
    };
    (0..WIDTH * HEIGHT).map(pixel).collect()
}

/// Silence, and a 1 kHz tone from `from_secs` on.
fn sample(index: u64, from_secs: f64) -> f32 {
    let time = index as f64 / f64::from(RATE_HZ);
    if time < from_secs { 0.0 } else { (0.5 * (time * 1000.0 * std::f64::consts::TAU).sin()) as f32 }
}

/// 90 frames (3.003 s) and as much sound, its tone beginning at 1 s.
fn write(path: &Path, format: &RecordingFormat) -> Result<(), MediaError> {
    let mut writer = RecordingWriter::create(path, format)?;
    let mut samples = 0;
    for index in 0..90 {
        writer.push_frame(&frame(index))?;
        let until = (format.frame_rate.time_of(index + 1) * f64::from(RATE_HZ)).round() as u64;
        let sound: Vec<f32> = (samples..until).map(|i| sample(i, 1.0)).collect();
        if format.sample_rate_hz.is_some() {
            writer.push_audio(&sound)?;
        }
        samples = until;
    }
    assert_eq!(writer.frames(), 90);
    writer.finish()
}

fn ffprobe(path: &Path, arguments: &[&str]) -> String {
    let arguments =
        [&["-v", "error"][..], arguments, &["-of", "default=nw=1:nk=0", path.to_str().unwrap()]].concat();
    String::from_utf8(common::output_of("ffprobe", &arguments).expect("ffprobe reads it")).unwrap()
}

#[test]
fn ffprobe_finds_what_was_written() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    write(&path, &FORMAT).unwrap();
    let video = ffprobe(&path, &["-count_frames", "-select_streams", "v:0", "-show_streams"]);
    for fact in [
        "codec_name=h264",
        "width=160",
        "height=120",
        "pix_fmt=yuv420p",
        "avg_frame_rate=30000/1001",
        "start_time=0.000000",
        "duration=3.003000",
        "nb_read_frames=90",
    ] {
        assert!(video.contains(fact), "expected {fact}, found\n{video}");
    }
    let sound = ffprobe(&path, &["-select_streams", "a:0", "-show_streams"]);
    for fact in
        ["codec_name=aac", "sample_rate=24000", "channels=1", "start_time=0.000000", "duration=3.003000"]
    {
        assert!(sound.contains(fact), "expected {fact}, found\n{sound}");
    }
    let bytes = std::fs::read(&path).unwrap();
    let place = |name: &[u8]| bytes.windows(4).position(|window| window == name).unwrap();
    assert!(place(b"moov") < place(b"mdat"), "the index should come first");
}

#[test]
fn packets_are_interleaved() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    write(&path, &FORMAT).unwrap();
    let packets = ffprobe(&path, &["-show_entries", "packet=stream_index,pos,dts_time"]);
    let values = |key: &str| -> Vec<f64> {
        packets.lines().filter_map(|line| line.strip_prefix(key)?.parse().ok()).collect()
    };
    let (times, places) = (values("dts_time="), values("pos="));
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|&a, &b| places[a].total_cmp(&places[b]));
    let backwards = order.windows(2).map(|pair| times[pair[0]] - times[pair[1]]).fold(0.0, f64::max);
    assert!(backwards < 0.6, "neighbours in the file are {backwards} s apart");
}

#[test]
fn frames_and_sound_read_back_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    write(&path, &FORMAT).unwrap();
    let mut reader =
        VideoReader::open(&path, &FrameSpec { crop: None, height: HEIGHT, width: WIDTH }, 1).unwrap();
    let mut found = vec![0; (WIDTH * HEIGHT) as usize];
    for index in 0..90 {
        let time = reader.next_frame(&mut found).unwrap().expect("90 frames");
        assert!((time - FORMAT.frame_rate.time_of(index)).abs() < 1e-4, "frame {index} at {time} s");
        let difference = frame(index).iter().zip(&found).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>();
        assert!(difference / f64::from(WIDTH * HEIGHT) < 2.5, "frame {index}: mean {difference}");
    }
    assert!(reader.next_frame(&mut found).unwrap().is_none());

    let mut reader = AudioReader::open_embedded(&path).unwrap().expect("sound");
    let (mut samples, mut block) = (Vec::new(), Vec::new());
    while reader.next_block(&mut block).unwrap().is_some() {
        samples.extend_from_slice(&block);
    }
    assert!((72_072..=72_072 + 1024).contains(&samples.len()), "{} samples", samples.len());
    let wrong = (0..72_000).map(|i| (samples[i] - sample(i as u64, 1.0)).powi(2)).sum::<f32>();
    assert!(wrong / 72_000.0 < 1e-4, "mean square difference {}", wrong / 72_000.0);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a.mp4", "b.mp4"].map(|name| folder.path().join(name));
    for path in &paths {
        write(path, &FORMAT).unwrap();
    }
    let bytes = paths.map(|path| std::fs::read(path).unwrap());
    assert!(bytes[0] == bytes[1]);
}

#[test]
fn a_silent_film_is_written_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    write(&path, &RecordingFormat { sample_rate_hz: None, ..FORMAT }).unwrap();
    assert!(AudioReader::open_embedded(&path).unwrap().is_none());
    let mut writer =
        RecordingWriter::create(&path, &RecordingFormat { sample_rate_hz: None, ..FORMAT }).unwrap();
    assert!(matches!(writer.push_audio(&[0.0]), Err(MediaError::BadFormat { .. })));
}

#[test]
fn what_cannot_be_written_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    let bad = [
        RecordingFormat { width: 161, ..FORMAT },
        RecordingFormat { height: 0, ..FORMAT },
        RecordingFormat { frame_rate: FrameRate { frames: 0, seconds: 1 }, ..FORMAT },
        RecordingFormat { sample_rate_hz: Some(7), ..FORMAT },
    ];
    for format in bad {
        assert!(
            matches!(RecordingWriter::create(&path, &format), Err(MediaError::BadFormat { .. })),
            "{format:?}"
        );
    }
    let nowhere = folder.path().join("no/such/folder/a.mp4");
    assert!(matches!(RecordingWriter::create(&nowhere, &FORMAT), Err(MediaError::Write { .. })));
    let mut writer = RecordingWriter::create(&path, &FORMAT).unwrap();
    assert!(matches!(writer.push_frame(&[0; 5]), Err(MediaError::BadBuffer { expected: 19_200, found: 5 })));
    drop(writer);
    assert!(!path.exists(), "a recording that was not finished is taken away");
}

#[test]
fn a_full_disk_is_an_error() {
    // the kernel's always-full device stands for the disk
    if !Path::new("/dev/full").exists() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    assert!(write(&path, &FORMAT).is_err());
}

#[test]
fn names_with_colons_and_other_letters_work() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    for name in [&b"12:30 scan.mp4"[..], "h\u{e9}rz %03d.mp4".as_bytes(), b"\xff\xfe.mp4"] {
        let path = folder.path().join(std::ffi::OsStr::from_bytes(name));
        write(&path, &FORMAT).unwrap();
        let facts = sonovox_media::probe(&path).unwrap();
        assert_eq!((facts.video.unwrap().width, facts.audio.unwrap().sample_rate_hz), (WIDTH, RATE_HZ));
    }
}
