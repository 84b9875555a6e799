//! What the program says to bad input: one clear line, exit code 2, nothing half-written.
#![cfg(feature = "media")]

mod support;

use std::fs;

use support::{Folder, sonovox};

#[test]
fn faults_of_the_study_end_the_call_before_any_work() {
    let folder = Folder::new();
    let study = folder.study(&["a", "b"]);
    let toml = "name = \"tiny\"\nplanes = [\"femur\", \"4CH\"]\ncrop = { x = 8, y = 8, width = 144, height = 104 }\n";
    let rows = "recording,subject,video,split\na,s1,a.mp4,train\nb,s2,b.mp4,test\n";
    let cases = [
        ("study.toml", format!("{toml}colour = true\n"), "colour"),
        ("study.toml", toml.replace("width = 144", "width = 0"), "crop"),
        ("recordings.csv", rows.replace("b,s2,b.mp4", "a,s2,b.mp4"), "twice"),
        ("recordings.csv", rows.replace("b,s2", "b,s1"), "s1"),
        ("recordings.csv", rows.replace("video", "film"), "film"),
        ("recordings.csv", rows.replace(",test", ",exam"), "exam"),
    ];
    for (file, text, named) in cases {
        fs::write(study.join("study.toml"), toml).expect("written");
        fs::write(study.join("recordings.csv"), rows).expect("written");
        fs::write(study.join(file), text).expect("written");
        let said = sonovox(&["preprocess", &folder.path("study"), "--out", &folder.path("clips")]).refused();
        assert!(said.contains(file) && said.contains(named), "{file}, {named}: {said}");
        assert!(!folder.has("clips") && !folder.has("clips.partial"));
    }
    let said = sonovox(&["preprocess", &folder.path("nowhere"), "--out", &folder.path("clips")]).refused();
    assert!(said.contains("nowhere"), "{said}");
}

#[test]
fn one_bad_recording_has_its_line_and_the_others_go_on() {
    let folder = Folder::new();
    let study = folder.study(&["good"]);
    let whole = fs::read(study.join("good.mp4")).expect("video");
    fs::write(study.join("empty.mp4"), []).expect("written");
    fs::write(study.join("text.mp4"), "not a video at all").expect("written");
    fs::write(study.join("cut.mp4"), &whole[..whole.len() / 2]).expect("written");
    let planes = |rows: &str| format!("start_secs,end_secs,plane\n{rows}");
    fs::write(study.join("unknown.csv"), planes("0,1,spine\n")).expect("written");
    fs::write(study.join("overlap.csv"), planes("0,1,femur\n0.5,1.5,4CH\n")).expect("written");
    let gaze = |rows: &str| format!("time_secs,x,y,valid\n{rows}");
    fs::write(study.join("outside.csv"), gaze("0.0,0.5,0.5,1\n0.1,1.5,0.5,1\n")).expect("written");
    fs::write(study.join("backwards.csv"), gaze("0.2,0.5,0.5,1\n0.1,0.5,0.5,1\n")).expect("written");
    let rows = "recording,subject,video,planes,gaze\n\
                good,s1,good.mp4,,\nmissing,s2,missing.mp4,,\nempty,s3,empty.mp4,,\ntext,s4,text.mp4,,\n\
                cut,s5,cut.mp4,,\nunknown,s6,good.mp4,unknown.csv,\noverlap,s7,good.mp4,overlap.csv,\n\
                outside,s8,good.mp4,,outside.csv\nbackwards,s9,good.mp4,,backwards.csv\n";
    fs::write(study.join("recordings.csv"), rows).expect("written");
    let (study, clips) = (folder.path("study"), folder.path("clips"));

    let strict = sonovox(&["preprocess", &study, "--out", &clips, "--strict"]).refused();
    assert!(strict.contains("missing.mp4") && strict.contains("spine"), "{strict}");
    assert!(!folder.has("clips"));

    let done = sonovox(&["preprocess", &study, "--out", &clips, "--overwrite"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    for (recording, named) in [
        ("missing", "missing.mp4"),
        ("empty", "empty"),
        ("text", "text.mp4"),
        ("cut", "cut.mp4"),
        ("unknown", "spine"),
        ("overlap", "overlap.csv"),
        ("outside", "1.5"),
        ("backwards", "backwards.csv"),
    ] {
        let lines: Vec<_> =
            done.out.lines().filter(|line| line.starts_with(&format!("failed: {recording}:"))).collect();
        assert!(matches!(lines[..], [line] if line.contains(named)), "{recording}: {lines:?}");
    }
    assert!(done.out.contains("1 recordings, 8 failed"), "{}", done.out);

    fs::remove_file(folder.file("study/good.mp4")).expect("removed");
    let none = sonovox(&["preprocess", &study, "--out", &folder.path("none")]).refused();
    assert!(none.contains("not one"), "{none}");
}

#[test]
fn silent_recordings_are_kept_and_outputs_are_not_overwritten_by_a_slip() {
    let folder = Folder::new();
    folder.study(&["a", "b"]);
    let call = ["preprocess", &folder.path("study"), "--out", &folder.path("clips")];
    let first = sonovox(&call);
    assert_eq!(first.code, 0, "{}", first.err);
    assert!(first.out.contains("the sound is silent"), "{}", first.out);

    let again = sonovox(&call).refused();
    assert!(again.contains("--overwrite"), "{again}");
    let resumed = sonovox(&[&call[..], &["--resume"]].concat());
    assert!(resumed.code == 0 && resumed.out.contains("already complete"), "{}{}", resumed.out, resumed.err);
    let other = sonovox(&["preprocess", &folder.path("study"), "--out", &folder.path("study")]).refused();
    assert!(other.contains("study") && folder.has("study/recordings.csv"), "{other}");
}

#[test]
fn later_stages_refuse_what_is_no_artifact_of_theirs() {
    let folder = Folder::new();
    folder.study(&["a", "b"]);
    let (study, clips, out) = (folder.path("study"), folder.path("clips"), folder.path("out"));
    assert_eq!(sonovox(&["preprocess", &study, "--out", &clips]).code, 0);

    let few = sonovox(&["pretrain", "--clips", &clips, "--out", &out]).refused();
    assert!(few.contains("subject"), "too few subjects: {few}");
    let not_clips = sonovox(&["pretrain", "--clips", &study, "--out", &out]).refused();
    assert!(not_clips.contains("manifest.json") && not_clips.contains("sonovox preprocess"), "{not_clips}");
    let tune = ["finetune-planes", "--clips", &clips, "--out", &out, "--encoder"];
    let stage = sonovox(&[&tune[..], &[&clips]].concat()).refused();
    assert!(stage.contains("expected a pretrain artifact, found a clips artifact"), "{stage}");
    let nowhere = sonovox(&[&tune[..], &[&folder.path("nowhere")]].concat()).refused();
    assert!(nowhere.contains("nowhere"), "{nowhere}");

    fs::remove_file(folder.file("clips/manifest.json")).expect("removed");
    let bare = sonovox(&["finetune-gaze", "--clips", &clips, "--encoder", "random", "--out", &out]).refused();
    assert!(bare.contains("manifest.json"), "{bare}");
    assert!(!folder.has("out") && !folder.has("out.partial"));
}

#[test]
fn settings_are_refused_by_name() {
    let folder = Folder::new();
    let recipe = folder.file("recipe.toml");
    fs::write(&recipe, "[pretrain]\nepoch = 3\n").expect("written");
    let recipe = recipe.display().to_string();
    let unknown = sonovox(&["pretrain", "--recipe", &recipe]).refused();
    assert!(unknown.contains("recipe.toml") && unknown.contains("epoch"), "{unknown}");
    let range = sonovox(&["pretrain", "--set", "pretrain.pairs.voiced_share=2"]).refused();
    assert!(range.contains("voiced_share") && range.contains('2'), "{range}");
}

#[test]
fn devices_and_precisions_that_are_not_there_are_refused() {
    let unknown = sonovox(&["pretrain", "--device", "gpu"]).refused();
    assert!(unknown.contains("--device") && unknown.contains("cpu, cuda or cuda:N"), "{unknown}");
    let folder = Folder::new();
    let (study, clips) = (folder.study(&["a", "b"]), folder.path("clips"));
    assert_eq!(sonovox(&["preprocess", &study.display().to_string(), "--out", &clips]).code, 0);
    let out = folder.path("out");
    let stages: [&[&str]; 3] = [
        &["pretrain"],
        &["finetune-planes", "--encoder", "random"],
        &["finetune-gaze", "--encoder", "random"],
    ];
    for stage in stages {
        let call = [stage, &["--clips", &clips, "--out", &out]].concat();
        for (section, precision) in [("pretrain", "bf16"), ("planes", "tf32"), ("gaze", "bf16")] {
            if stage[0].ends_with(section) {
                let set = format!("{section}.run.precision={precision}");
                let said = sonovox(&[&call[..], &["--set", &set]].concat()).refused();
                let expected = format!("precision {precision} needs a CUDA device");
                assert!(said.contains(&expected) && said.contains("run.precision"), "{said}");
            }
        }
        if cfg!(not(feature = "cuda")) {
            let said = sonovox(&[&call[..], &["--device", "cuda:1"]].concat()).refused();
            assert!(said.contains("device cuda:1") && said.contains("--features cuda"), "{said}");
        }
    }
    let eval = sonovox(&["eval-planes", "--device", "cuda:x"]).refused();
    assert!(eval.contains("cuda:x"), "{eval}");
    assert!(!folder.has("out") && !folder.has("out.partial"));
}
