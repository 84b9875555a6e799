//! How a run behaves: bad recordings, strictness, stopping and going on, determinism.

mod support;

use std::fs;
use std::path::Path;

use sonovox_artifact::clips::ClipsArtifact;
use sonovox_artifact::{ArtifactError, OnExisting};
use sonovox_preprocess::{Event, Incomplete, PreprocessConfig, PreprocessError, RunOptions, run};
use support::{Scene, brightness, small, write_video};

/// Cuts the end off a file.
fn truncate(path: &Path, share: f64) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..(bytes.len() as f64 * share) as usize]).unwrap();
}

fn scene_with_bad_ones() -> Scene {
    let mut scene = Scene::new();
    scene.add_plain("good", 10);
    fs::write(scene.add("empty"), "").unwrap();
    scene.add("missing");
    fs::write(scene.add("text"), "this is no video ".repeat(500)).unwrap();
    let cut = scene.add("cut");
    // noise, so that the picture's data is most of the file
    write_video(&cut, (64, 48), 40, None, |x, y, t| (support::noise(x, y, t) * 255.0) as u8);
    truncate(&cut, 0.5);
    scene.add_plain("also good", 6);
    scene
}

#[test]
fn bad_recordings_get_a_line_each_and_the_rest_goes_on() {
    let scene = scene_with_bad_ones();
    let (summary, clips) = scene.clips(&small());
    let names: Vec<&str> = summary.recordings.iter().map(|r| r.recording.as_str()).collect();
    assert_eq!(names, ["good", "also good"]);
    let expected =
        [("empty", "empty (0 bytes)"), ("missing", "no such file"), ("text", "text.mp4"), ("cut", "cut.mp4")];
    for (failed, (id, cause)) in summary.failed.iter().zip(expected) {
        assert!(failed.recording == id && failed.cause.contains(cause), "{failed:?}");
        assert!(!failed.cause.contains('\n'), "one line: {failed:?}");
    }
    assert_eq!(summary.failed.len(), 4);
    assert_eq!(clips.artifact.manifest.counts.left_out["recordings"], 4);
    assert_eq!(clips.artifact.manifest.counts.used["recordings"], 2);
    let text = summary.to_string();
    assert!(text.contains("failed: missing: ") && text.contains("2 recordings, 4 failed"), "{text}");
    // nothing of those that failed is left behind
    let mut files: Vec<_> = fs::read_dir(scene.out()).unwrap().map(|f| f.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files.len(), 3, "{files:?}");
    assert_eq!(files[1..], ["good.safetensors", "manifest.json"]);
}

#[test]
fn strict_stops_before_any_work_where_a_look_tells() {
    let mut scene = scene_with_bad_ones();
    let options = RunOptions { strict: true, ..Default::default() };
    let error = scene.run_with(&small(), &options).unwrap_err();
    let PreprocessError::Strict { failed, total } = &error else { panic!("{error}") };
    assert_eq!((failed.len(), *total), (3, 6), "the truncated one is known only when it is read");
    assert!(error.to_string().contains("\n  empty: "), "{error}");
    assert!(!scene.out().exists() && !scene.out().with_file_name("clips.partial").exists());
    // with the truncated one alone, the work begins and stops there
    scene.study.recordings.retain(|r| ["good", "cut"].contains(&r.id.as_str()));
    let error = scene.run_with(&small(), &options).unwrap_err();
    assert!(
        matches!(&error, PreprocessError::Strict { failed, .. } if failed[0].recording == "cut"),
        "{error}"
    );
    assert!(!scene.out().exists());
}

#[test]
fn a_recording_that_breaks_off_can_be_kept() {
    let mut scene = scene_with_bad_ones();
    scene.study.recordings.retain(|r| r.id == "cut");
    let (summary, _) = scene.clips(&PreprocessConfig { incomplete: Incomplete::Keep, ..small() });
    let header = &summary.recordings[0];
    assert!((5..40).contains(&header.frames), "{header:?}");
    assert!(header.notes.iter().any(|note| note.contains("could not be read to its end")), "{header:?}");
}

#[test]
fn nothing_usable_is_an_error_and_leaves_nothing() {
    let mut scene = scene_with_bad_ones();
    scene.study.recordings.retain(|r| !r.id.contains("good"));
    let error = scene.run(&small()).unwrap_err();
    assert!(matches!(&error, PreprocessError::NothingUsable { failed } if failed.len() == 4), "{error}");
    assert!(!scene.out().exists() && !scene.out().with_file_name("clips.partial").exists());
}

/// Every file of an artifact; the manifest without the circumstances of the run.
fn contents(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let clips = ClipsArtifact::open(dir).unwrap();
    let mut manifest = clips.artifact.manifest.clone();
    manifest.run = Default::default();
    let mut files = vec![("manifest".to_owned(), serde_json::to_vec(&manifest).unwrap())];
    for name in clips.artifact.manifest.files.keys() {
        files.push((name.clone(), fs::read(clips.artifact.file(name)).unwrap()));
    }
    files
}

#[test]
fn the_bytes_do_not_depend_on_how_many_work() {
    let mut scene = Scene::new();
    for (id, frames) in [("a", 20), ("b", 5), ("c/d", 12), ("e", 9)] {
        scene.add_plain(id, frames);
    }
    let options = RunOptions { on_existing: OnExisting::Overwrite, ..Default::default() };
    let with = |jobs, decode_threads| {
        scene.run_with(&PreprocessConfig { jobs, decode_threads, ..small() }, &options).unwrap();
        contents(&scene.out())
    };
    let alone = with(1, 1);
    assert_eq!(alone.len(), 5);
    assert!(alone == with(2, 1), "two jobs");
    assert!(alone == with(4, 3), "four jobs of three threads");
}

#[test]
fn a_stopped_run_goes_on_where_it_was() {
    let mut scene = Scene::new();
    for id in ["a", "b", "c"] {
        scene.add_plain(id, 10);
    }
    let expected = {
        scene.run(&small()).unwrap();
        let expected = contents(&scene.out());
        fs::remove_dir_all(scene.out()).unwrap();
        expected
    };
    // stopped after the first recording
    let options = RunOptions::default();
    let cancel = options.cancel.clone();
    let mut stop = |event: Event| {
        if matches!(event, Event::Finished { .. }) {
            cancel.cancel();
        }
    };
    let error = run(&scene.study, &small(), &scene.out(), &options, &mut stop).unwrap_err();
    assert!(matches!(error, PreprocessError::Stopped { finished: 1, total: 3 }), "{error}");
    assert!(!scene.out().exists());

    let error = scene.run(&small()).unwrap_err().to_string();
    assert!(error.contains("--resume"), "{error}");
    let resume = RunOptions { on_existing: OnExisting::Resume, ..Default::default() };
    let other = PreprocessConfig { crop: Default::default(), ..small() };
    let error = scene.run_with(&other, &resume).unwrap_err().to_string();
    assert!(error.contains("config.crop"), "{error}");

    // one of the videos is replaced meanwhile, one that was done and one that was not
    let summary = scene.run_with(&small(), &resume).unwrap();
    assert_eq!(summary.reused, 1);
    assert!(contents(&scene.out()) == expected, "as if it had never been stopped");
    let error = scene.run_with(&small(), &resume).unwrap_err();
    assert!(matches!(error, PreprocessError::Artifact(ArtifactError::AlreadyFinished { .. })), "{error}");
}

#[test]
fn a_recording_that_changed_is_done_again() {
    let mut scene = Scene::new();
    for id in ["a", "b", "c"] {
        scene.add_plain(id, 8);
    }
    let options = RunOptions::default();
    let cancel = options.cancel.clone();
    let mut finished = 0;
    let mut stop = |event: Event| {
        finished += usize::from(matches!(event, Event::Finished { .. }));
        if finished == 2 {
            cancel.cancel();
        }
    };
    run(&scene.study, &small(), &scene.out(), &options, &mut stop).unwrap_err();
    write_video(&scene.study.recordings[0].video, (64, 48), 15, None, |_, _, t| brightness(t));
    let resume = RunOptions { on_existing: OnExisting::Resume, ..Default::default() };
    let summary = scene.run_with(&small(), &resume).unwrap();
    assert_eq!(summary.reused, 1);
    assert_eq!(summary.recordings.iter().map(|r| r.frames).collect::<Vec<_>>(), [15, 8, 8]);
    ClipsArtifact::open(&scene.out()).unwrap().artifact.verify().unwrap();
}

#[test]
fn an_output_that_is_there_is_not_touched() {
    let mut scene = Scene::new();
    scene.add_plain("a", 4);
    scene.run(&small()).unwrap();
    let before = contents(&scene.out());
    let error = scene.run(&small()).unwrap_err().to_string();
    assert!(error.contains("--overwrite"), "{error}");
    assert!(before == contents(&scene.out()));
    // a folder of something else is left alone even with --overwrite
    let other = scene.folder.path().join("videos");
    let options = RunOptions { on_existing: OnExisting::Overwrite, ..Default::default() };
    let error = run(&scene.study, &small(), &other, &options, &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains("not an artifact"), "{error}");
    assert!(scene.study.recordings[0].video.exists());
}

#[test]
fn progress_tells_of_every_recording() {
    let scene = scene_with_bad_ones();
    let mut events = Vec::new();
    run(&scene.study, &small(), &scene.out(), &RunOptions::default(), &mut |event| events.push(event))
        .unwrap();
    let count = |kind: fn(&Event) -> bool| events.iter().filter(|e| kind(e)).count();
    assert_eq!(count(|e| matches!(e, Event::Failed { .. })), 4);
    assert_eq!(count(|e| matches!(e, Event::Started { .. })), 3);
    assert_eq!(count(|e| matches!(e, Event::Finished { reused: false, .. })), 2);
    let checked = events.iter().position(|e| matches!(e, Event::Checked { .. })).unwrap();
    assert_eq!(events[checked], Event::Checked { usable: 3, failed: 3, expected_frames: 10 + 40 + 6 });
    let decoded = events.iter().rev().find_map(|e| match e {
        Event::Frames { index: 0, decoded } => Some(*decoded),
        _ => None,
    });
    assert_eq!(decoded, Some(10));
}
