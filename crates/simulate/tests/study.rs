//! A small study on disk: read back by `sonovox_study`, judged by ffprobe, compared with its own truth.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use sonovox_simulate::{SimulateConfig, SimulateError, SimulateSummary, SpeechConfig, VideoConfig, run};
use sonovox_study::Study;

const FRAMES: usize = 160;
const SECONDS: f64 = 16.0;

fn config() -> SimulateConfig {
    SimulateConfig {
        recordings: 3,
        subjects: 2,
        folds: 2,
        seconds: SECONDS,
        planes: ["4CH", "abdomen", "femur", "BrainTv"].map(str::to_owned).to_vec(),
        hold_secs: 2.5,
        video: VideoConfig { width: 320, height: 240, fps: 10 },
        ..SimulateConfig::default()
    }
}

/// One study for all tests that only read it.
fn study() -> &'static (Study, SimulateSummary, Value) {
    static STUDY: OnceLock<(Study, SimulateSummary, Value)> = OnceLock::new();
    STUDY.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("simulated-study");
        let mut last = (0, 0);
        let summary = run(&config(), &folder, true, &mut |done, total| last = (done, total)).unwrap();
        assert_eq!(last, (3 * FRAMES, 3 * FRAMES));
        let truth = serde_json::from_slice(&std::fs::read(folder.join("truth.json")).unwrap()).unwrap();
        (Study::open(&folder).unwrap(), summary, truth)
    })
}

fn files_below(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    files
}

#[test]
fn opens_as_a_study_without_faults() {
    let (study, summary, truth) = study();
    assert_eq!(study.planes.names(), ["4CH", "abdomen", "femur", "BrainTv", "background"]);
    assert_eq!((study.recordings.len(), summary.recordings, summary.subjects), (3, 3, 2));
    let folds: BTreeMap<_, _> = study.recordings.iter().map(|r| (&r.subject, r.fold)).collect();
    let mut folds: Vec<_> = folds.into_values().collect();
    folds.sort();
    assert_eq!(folds, [Some(0), Some(1)]);
    for recording in &study.recordings {
        recording.check_files().unwrap();
        let gaze = study.gaze_of(recording).unwrap();
        assert_eq!(gaze.len(), (SECONDS * 90.0) as usize);
        let valid = gaze.iter().filter(|sample| sample.valid).count() as f64 / gaze.len() as f64;
        assert!((0.85..1.0).contains(&valid), "{valid}");
    }
    assert!(truth["what"].as_str().unwrap().starts_with("simulation truth"));
    assert_eq!(truth["recordings"].as_array().unwrap().len(), 3);
}

#[test]
fn plane_spans_cover_the_recording_and_hold_every_plane() {
    let (study, ..) = study();
    for recording in &study.recordings {
        let spans = study.planes_of(recording).unwrap();
        assert_eq!(spans[0].start_secs, 0.0);
        assert_eq!(spans.last().unwrap().end_secs, SECONDS);
        assert!(spans.windows(2).all(|pair| pair[0].end_secs == pair[1].start_secs));
        assert!((0..5).all(|plane| spans.iter().any(|span| span.plane == plane)), "{spans:?}");
    }
}

#[test]
fn ffprobe_sees_h264_and_aac_of_the_right_length() {
    let (study, ..) = study();
    for recording in &study.recordings {
        let output = Command::new("ffprobe")
            .args(["-v", "error", "-count_frames", "-of", "json", "-show_entries"])
            .arg("stream=codec_name,width,height,nb_read_frames,duration,start_time,sample_rate,channels")
            .arg(&recording.video)
            .output()
            .expect("ffprobe is installed");
        let facts: Value = serde_json::from_slice(&output.stdout).unwrap();
        let (video, audio) = (&facts["streams"][0], &facts["streams"][1]);
        assert_eq!((&video["codec_name"], &audio["codec_name"]), (&"h264".into(), &"aac".into()));
        assert_eq!((&video["width"], &video["height"]), (&320.into(), &240.into()));
        assert_eq!(video["nb_read_frames"], FRAMES.to_string());
        assert_eq!((&audio["sample_rate"], &audio["channels"]), (&"22050".into(), &1.into()));
        for stream in [video, audio] {
            let number = |key: &str| stream[key].as_str().unwrap().parse::<f64>().unwrap();
            // sound ends with a whole AAC frame of 1024 samples
            assert!((number("duration") - SECONDS).abs() < 0.06, "{stream}");
            assert!(number("start_time").abs() < 1e-3, "{stream}");
        }
    }
}

#[test]
fn gaze_lies_on_the_structure_of_interest_while_a_plane_is_held() {
    let (study, _, truth) = study();
    let (mut held, mut near, mut crossed) = (0, 0, 0);
    let tracks: Vec<Vec<[f64; 3]>> = (0..3).map(|i| centre_track(&truth["recordings"][i])).collect();
    for (i, recording) in study.recordings.iter().enumerate() {
        for sample in study.gaze_of(recording).unwrap().iter().filter(|sample| sample.valid) {
            let distance = |track: &[[f64; 3]]| {
                let at = track.iter().find(|at| (at[0] - sample.time_secs).abs() <= 0.06)?;
                // both in shares of the width
                Some((at[1] - f64::from(sample.x)).hypot((at[2] - f64::from(sample.y)) * 0.75))
            };
            let Some(own) = distance(&tracks[i]) else { continue };
            held += 1;
            near += usize::from(own < 0.09);
            crossed += usize::from(distance(&tracks[(i + 1) % 3]).is_some_and(|other| other < 0.09));
        }
    }
    let share = f64::from(near as u32) / f64::from(held as u32);
    assert!(held > 1500 && share > 0.45, "{near} of {held}");
    assert!(crossed * 2 < near, "gaze fits another recording's structures as well: {crossed} against {near}");
}

fn centre_track(recording: &Value) -> Vec<[f64; 3]> {
    let points = recording["centre_track"].as_array().unwrap();
    points.iter().map(|p| ["time_secs", "x", "y"].map(|key| p[key].as_f64().unwrap())).collect()
}

#[test]
fn speech_follows_the_planes_with_the_lag_asked_for() {
    let (_, summary, truth) = study();
    let (mut mentions, mut end) = (0, 0.0);
    for recording in truth["recordings"].as_array().unwrap() {
        let spans = recording["plane_spans"].as_array().unwrap();
        for utterance in recording["utterances"].as_array().unwrap() {
            let number = |key: &str| utterance[key].as_f64().unwrap();
            assert!(number("start_secs") >= 0.0 && number("end_secs") <= SECONDS);
            end += number("end_secs") - number("start_secs");
            let Some(lag) = utterance["lag_secs"].as_f64() else { continue };
            assert!((-1.5..=4.0).contains(&lag));
            // the lag counts from the start of a span of the plane that is spoken of
            let found = number("start_secs") - lag;
            let is_start = |span: &&Value| (span["start_secs"].as_f64().unwrap() - found).abs() < 1e-3;
            let span = spans.iter().find(is_start).expect("a plane is found at that time");
            assert_eq!(span["plane"], utterance["visited_plane"]);
            assert!([&span["plane"], &Value::from("vague")].contains(&&utterance["label"]), "{utterance}");
            assert_eq!((&utterance["role"], &utterance["related"]), (&"sonographer".into(), &true.into()));
            mentions += 1;
        }
    }
    assert!(mentions >= 6, "{mentions}");
    assert!((end - summary.speech_secs).abs() < 0.1);
}

#[test]
fn the_same_config_gives_the_same_bytes_and_another_seed_others() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("again");
    let (study, ..) = study();
    run(&config(), &out, false, &mut |_, _| {}).unwrap();
    let relative = |root: &Path| -> BTreeMap<PathBuf, Vec<u8>> {
        let files = files_below(root).into_iter();
        files.map(|(path, bytes)| (path.strip_prefix(root).unwrap().to_owned(), bytes)).collect()
    };
    let (first, again) = (relative(&study.root), relative(&out));
    assert_eq!(first.keys().collect::<Vec<_>>(), again.keys().collect::<Vec<_>>());
    assert_eq!(first.len(), 3 * 3 + 3);
    for (path, bytes) in &first {
        assert!(*bytes == again[path], "{} differs", path.display());
    }
    run(&SimulateConfig { seed: 2, ..config() }, &out, true, &mut |_, _| {}).unwrap();
    let other = relative(&out);
    assert!(
        first.iter().filter(|(path, bytes)| *bytes == &other[*path]).count() <= 2,
        "study.toml, recordings.csv"
    );
}

#[test]
fn refuses_to_replace_what_it_should_not() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("home");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("letters.txt"), "dear").unwrap();
    let attempt = |overwrite| run(&config(), &out, overwrite, &mut |_, _| {}).unwrap_err();
    assert!(matches!(attempt(false), SimulateError::OutputExists { .. }));
    assert!(matches!(attempt(true), SimulateError::NotAStudy { .. }));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(out.join("letters.txt").exists());
}

#[test]
fn a_failing_synthesiser_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("study");
    let attempt = |espeak: &str| {
        let speech = SpeechConfig { espeak: espeak.into(), ..SpeechConfig::default() };
        run(&SimulateConfig { speech, ..config() }, &out, false, &mut |_, _| {}).unwrap_err().to_string()
    };
    assert!(attempt("/no/such/program").contains("install"), "{}", attempt("/no/such/program"));
    // starts, but gives no sound
    assert!(attempt("true").contains("expected 16-bit mono WAV"), "{}", attempt("true"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
