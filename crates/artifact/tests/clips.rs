//! Clips: written frame by frame, read by position, and clips that are refused.

mod support;

use std::fs;
use std::path::Path;

use half::f16;
use safetensors::SafeTensors;
use serde_json::json;
use sonovox_artifact::clips::{
    ClipHeader, ClipReader, ClipWriter, ClipsArtifact, ClipsDetails, SpectrogramFacts, file_name,
};
use sonovox_artifact::{ArtifactError, Begin, Counts, OnExisting, RunFacts, Stage};
use support::{Place, assert_says, message};

const H: usize = 3;
const W: usize = 5;
const BANDS: usize = 4;
const HOP: f64 = 0.01;
/// Odd numbers everywhere, a start that is not zero, a variable frame rate.
const SECS: [f64; 3] = [0.54, 0.573, 0.7];

fn frame(i: usize) -> Vec<u8> {
    (0..H * W).map(|pixel| (i * 50 + pixel) as u8).collect()
}

fn halves(values: impl IntoIterator<Item = f32>) -> Vec<f16> {
    values.into_iter().map(f16::from_f32).collect()
}

fn bytes(values: &[f16]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn log_mel(rows: usize) -> Vec<f16> {
    halves((0..rows * BANDS).map(|i| i as f32 - 3.5))
}

fn write_clip(path: &Path, rows: usize) -> Result<(), ArtifactError> {
    let mut clip = ClipWriter::create(path, H, W)?;
    for (i, secs) in SECS.into_iter().enumerate() {
        clip.push_frame(&frame(i), secs)?;
    }
    let voice = halves((0..rows).map(|row| row as f32 / 8.0));
    let gaze = [[0.0, 0.25, 0.75], [0.1, 0.5, 0.5]];
    clip.finish(bytes(&log_mel(rows)).as_slice(), BANDS, &voice, &gaze, &[-1, 0, 1])
}

fn header(file: &str, rows: u64) -> ClipHeader {
    ClipHeader {
        recording: "r".into(),
        subject: "s".into(),
        file: file.into(),
        frames: SECS.len() as u64,
        rows,
        ..ClipHeader::default()
    }
}

fn details(recordings: Vec<ClipHeader>) -> ClipsDetails {
    ClipsDetails {
        study: "tiny".into(),
        simulated: false,
        planes: vec!["A".into(), "B".into()],
        height: H as u32,
        width: W as u32,
        spectrogram: SpectrogramFacts {
            kind: "log-mel".into(),
            sample_rate_hz: 24_000,
            hop_secs: HOP,
            window_secs: 0.025,
            n_fft: 1024,
            n_bands: BANDS as u32,
        },
        voice_detector: "energy".into(),
        recordings,
        failed: vec![],
    }
}

/// A clips artifact of one clip with `rows` log-mel rows, which `header` describes.
fn artifact(rows: usize, header: ClipHeader) -> Place {
    let place = Place::new();
    let begin = Begin { stage: Stage::Clips, config: json!({}), seed: 0, inputs: vec![] };
    let writer = place.create(begin, OnExisting::Refuse).expect("begun");
    write_clip(&writer.dir().join("r.safetensors"), rows).expect("written");
    let details = serde_json::to_value(details(vec![header])).expect("plain data");
    writer.finish(Counts::default(), details, RunFacts::default()).expect("finished");
    place
}

#[test]
fn a_clip_comes_back_as_it_was_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("r.safetensors");
    write_clip(&path, 7).expect("written");
    assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1, "nothing unfinished is left");

    let clip = ClipReader::open(&path, HOP).expect("a clip");
    assert_eq!((clip.frames(), clip.height(), clip.width()), (3, H, W));
    assert_eq!((clip.mel_frames(), clip.n_bands(), clip.gaze_samples()), (7, BANDS, 2));
    assert_eq!((clip.mel_start_secs(), clip.hop_secs()), (0.54, HOP));
    assert_eq!(clip.frame_secs().expect("read"), SECS);
    assert_eq!(clip.plane().expect("read"), [-1, 0, 1]);
    assert_eq!(clip.voice().expect("read"), halves((0..7).map(|row| row as f32 / 8.0)));
    // in the file after the first frame, from the reader on the recording's clock
    assert_eq!(clip.gaze().expect("read"), [(0.54, 0.25, 0.75), (0.54 + f64::from(0.1_f32), 0.5, 0.5)]);
    let mut grey = vec![0; H * W];
    for i in [2, 0, 1] {
        clip.read_frame(i, &mut grey).expect("read");
        assert_eq!(grey, frame(i));
    }
    let mut rows = vec![f16::ZERO; 2 * BANDS];
    clip.read_mel(5..7, &mut rows).expect("read");
    assert_eq!(rows, log_mel(7)[5 * BANDS..]);
}

#[test]
fn a_clip_is_a_safetensors_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("r.safetensors");
    write_clip(&path, 2).expect("written");
    let content = fs::read(&path).expect("read");
    let tensors = SafeTensors::deserialize(&content).expect("safetensors");
    assert_eq!(tensors.tensor("frames").expect("there").data(), [frame(0), frame(1), frame(2)].concat());
    assert_eq!(tensors.tensor("log_mel").expect("there").data(), bytes(&log_mel(2)));
    assert_eq!(tensors.tensor("gaze").expect("there").shape(), [2, 3]);
}

#[test]
fn a_recording_without_sound_or_labels_is_a_clip() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("r.safetensors");
    let mut clip = ClipWriter::create(&path, H, W).expect("begun");
    clip.push_frame(&frame(0), -0.02).expect("written");
    clip.finish(std::io::empty(), BANDS, &[], &[], &[-1]).expect("finished");
    let clip = ClipReader::open(&path, HOP).expect("a clip");
    assert_eq!((clip.mel_frames(), clip.gaze_samples(), clip.mel_start_secs()), (0, 0, -0.02));
    assert!(clip.voice().expect("read").is_empty());
    clip.read_mel(0..0, &mut []).expect("nothing to read");
}

#[test]
fn equal_clips_are_equal_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let [one, two] = ["1", "2"].map(|name| {
        let path = folder.path().join(name);
        write_clip(&path, 7).expect("written");
        fs::read(path).expect("read")
    });
    assert_eq!(one, two);
}

#[test]
fn a_clip_that_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut clip = ClipWriter::create(&folder.path().join("r.safetensors"), H, W).expect("begun");
    clip.push_frame(&frame(0), 0.0).expect("written");
    drop(clip);
    assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0);
}

#[test]
fn frame_times_must_be_times() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut clip = ClipWriter::create(&folder.path().join("r.safetensors"), H, W).expect("begun");
    clip.push_frame(&frame(0), 1.0).expect("written");
    clip.push_frame(&frame(0), 1.0).expect("two frames may have one time");
    for secs in [0.999, f64::NAN, f64::INFINITY] {
        let said = message(clip.push_frame(&frame(1), secs));
        assert_says(&said, &["r.safetensors", "time of frame 2", "at least 1", &secs.to_string()]);
    }
}

#[test]
fn a_clip_needs_frames_and_its_whole_spectrogram() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("r.safetensors");
    let clip = ClipWriter::create(&path, H, W).expect("begun");
    assert_says(&message(clip.finish(std::io::empty(), BANDS, &[], &[], &[])), &["at least one, found none"]);

    let mut clip = ClipWriter::create(&path, H, W).expect("begun");
    clip.push_frame(&frame(0), 0.0).expect("written");
    let short = bytes(&log_mel(1));
    let said = message(clip.finish(short.as_slice(), BANDS, &[f16::ONE; 2], &[], &[-1]));
    assert_says(&said, &["spectrogram of 16 bytes ended after 8"]);
    assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0);
}

#[test]
fn every_cut_of_a_clip_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("r.safetensors");
    write_clip(&path, 2).expect("written");
    let whole = fs::read(&path).expect("read");
    for length in (0..whole.len()).step_by(7) {
        fs::write(&path, &whole[..length]).expect("written");
        assert!(ClipReader::open(&path, HOP).is_err(), "cut to {length} bytes");
    }
    // cut after it was opened
    fs::write(&path, &whole).expect("written");
    let clip = ClipReader::open(&path, HOP).expect("a clip");
    fs::write(&path, &whole[..4096 + H * W]).expect("written");
    let mut grey = vec![0; H * W];
    clip.read_frame(0, &mut grey).expect("still there");
    assert_says(&message(clip.read_frame(1, &mut grey)), &["r.safetensors"]);
}

#[test]
fn other_safetensors_are_no_clips() {
    let folder = tempfile::tempdir().expect("a folder");
    support::write_weights(folder.path(), "w.safetensors", &[1.0]);
    let said = message(ClipReader::open(&folder.path().join("w.safetensors"), HOP));
    assert_says(&said, &["w.safetensors: tensor frames: expected U8 with 3 axes, found none"]);

    let path = folder.path().join("r.safetensors");
    write_clip(&path, 2).expect("written");
    let whole = fs::read(&path).expect("read");
    let edited = |from: &str, to: &str| {
        let place = whole.windows(from.len()).position(|w| w == from.as_bytes()).expect("in the header");
        let mut file = whole.clone();
        file[place..place + from.len()].copy_from_slice(to.as_bytes());
        fs::write(&path, file).expect("written");
        message(ClipReader::open(&path, HOP))
    };
    assert_says(&edited("F64", "I64"), &["tensor frame_secs", "expected F64", "found I64"]);
    assert_says(
        &edited("\"shape\":[3,3,5]", "\"shape\":[5,3,3]"),
        &["lengths of the tensors", "5 frames, 3 times"],
    );
    assert_says(&edited("\"plane\"", "\"plain\""), &["tensor plane", "found none"]);
}

#[test]
fn a_clips_artifact_opens_its_clips() {
    let place = artifact(7, header("r.safetensors", 7));
    let clips = ClipsArtifact::open(&place.out()).expect("clips");
    assert_eq!(clips.reader(0).expect("a clip").mel_frames(), 7);
    let tensors = &clips.artifact.manifest.files["r.safetensors"].tensors;
    let frames = tensors.iter().find(|spec| spec.name == "frames").expect("described");
    let axes: Vec<_> = frames.axes.iter().map(|(axis, length)| (axis.as_str(), *length)).collect();
    assert_eq!(axes, [("frame", 3), ("height", 3), ("width", 5)]);
    assert!(tensors.iter().all(|spec| !spec.unit.is_empty()), "{tensors:?}");
}

#[test]
fn clips_that_differ_from_the_manifest_are_refused() {
    let place = artifact(7, header("other.safetensors", 7));
    assert_says(
        &message(ClipsArtifact::open(&place.out())),
        &["manifest.json", "recording `r`", "`other.safetensors`"],
    );
    let place = artifact(7, header("r.safetensors", 8));
    let clips = ClipsArtifact::open(&place.out()).expect("clips");
    let said = message(clips.reader(0));
    assert_says(
        &said,
        &["r.safetensors", "expected 3 frames of 3 x 5, 8 rows of 4 bands, found 3 frames of 3 x 5, 7 rows"],
    );
}

#[test]
fn details_that_are_not_those_of_clips_are_refused() {
    let place = Place::new();
    let begin = Begin { stage: Stage::Clips, config: json!({}), seed: 0, inputs: vec![] };
    let writer = place.create(begin, OnExisting::Refuse).expect("begun");
    writer.finish(Counts::default(), json!({"recordings": 3}), RunFacts::default()).expect("finished");
    assert_says(&message(ClipsArtifact::open(&place.out())), &["manifest.json", "details:"]);
}

#[test]
fn many_clips_need_no_file_handles() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("r.safetensors");
    write_clip(&path, 2).expect("written");
    // more than the usual limit of 1024 open files
    let clips: Vec<_> = (0..1500).map(|_| ClipReader::open(&path, HOP).expect("a clip")).collect();
    let mut grey = vec![0; H * W];
    clips[1499].read_frame(2, &mut grey).expect("read");
    assert_eq!(grey, frame(2));
}

#[test]
fn file_names_are_safe_and_differ() {
    assert_eq!(file_name("scan_01-B"), "scan_01-B.safetensors");
    let long = "x".repeat(1000);
    let odd = [
        "a b",
        "a_b-1",
        "a/b",
        "a\\b",
        "../../etc",
        "..",
        ".",
        "",
        ".hidden",
        "-rf",
        "größe",
        "grösse",
        "a.b",
        "a:b",
        "CON.",
        "r.safetensors",
        long.as_str(),
        "convex/Cov-Atlas+(44).gif",
        "a\u{0}b",
        "日本語",
    ];
    let mut names: Vec<_> = odd.iter().map(|id| file_name(id)).collect();
    // a name that looks like another one with its hash behind must not collide with it
    let disguised = file_name("a b").trim_end_matches(".safetensors").to_owned();
    names.push(file_name(&disguised));
    for name in &names {
        let stem = name.strip_suffix(".safetensors").expect("its ending");
        assert!(stem.len() <= 80 && !stem.is_empty() && !stem.starts_with('-'), "{name}");
        assert!(stem.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'), "{name}");
        assert_eq!(names.iter().filter(|other| other.eq_ignore_ascii_case(name)).count(), 1, "{name}");
    }
}
