//! What the manifest says, what its hash depends on, and artifacts that are refused.

mod support;

use std::fs;

use serde_json::json;
use sonovox_artifact::{
    Artifact, ArtifactError, Counts, OnExisting, RunFacts, Stage, TensorSpec, canonical_json,
};
use support::{Place, assert_says, begin, finish, make, message, write_weights};

fn open(place: &Place) -> Result<Artifact, ArtifactError> {
    Artifact::open(&place.out(), Stage::Pretrain)
}

/// A finished artifact whose manifest was edited.
fn with_manifest(edit: impl Fn(&str) -> String) -> Place {
    let place = Place::new();
    make(&place, OnExisting::Refuse);
    let path = place.out().join("manifest.json");
    let text = fs::read_to_string(&path).expect("read");
    let edited = edit(&text);
    assert_ne!(text, edited, "the edit changes something");
    fs::write(&path, edited).expect("written");
    place
}

#[test]
fn a_manifest_tells_stage_config_inputs_and_files() {
    let place = Place::new();
    make(&place, OnExisting::Refuse);
    let manifest = open(&place).expect("whole").manifest;
    assert_eq!((manifest.stage, manifest.seed, &manifest.config), (Stage::Pretrain, 7, &begin().config));
    assert_eq!(manifest.inputs, begin().inputs);
    assert_eq!(manifest.details, json!({"best": 3}));
    let weights = &manifest.files["encoder.safetensors"];
    let axes = vec![("out".to_owned(), 1), ("in".to_owned(), 2)];
    let spec = TensorSpec { name: "weight".into(), dtype: "F32".into(), axes, unit: String::new() };
    assert_eq!(weights.tensors, [spec]);
    let metrics = &manifest.files["metrics.json"];
    assert_eq!((metrics.bytes, metrics.tensors.len()), (3, 0));
    // sha256sum of "{}\n"
    assert_eq!(metrics.sha256, "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356");
}

#[test]
fn equal_runs_have_equal_manifests_but_for_the_run_facts() {
    let (one, two) = (Place::new(), Place::new());
    let first = make(&one, OnExisting::Refuse);
    let mut run = begin();
    run.inputs[0].path = "/elsewhere".into();
    let writer = two.create(run, OnExisting::Refuse).expect("begun");
    fs::write(writer.dir().join("metrics.json"), "{}\n").expect("written");
    write_weights(writer.dir(), "encoder.safetensors", &[1.0, 2.0]);
    let facts = RunFacts { device: "cuda:0".into(), threads: 64, wall_secs: 1e6 };
    let second = writer.finish(Counts::default(), json!({"best": 3}), facts).expect("finished");
    assert_eq!(first.hash(), second.hash());
    assert_eq!(open(&two).expect("whole").hash(), second.hash(), "the same after reading it back");
}

#[test]
fn the_hash_depends_on_everything_else() {
    let hash = |edit: &dyn Fn(&mut sonovox_artifact::Manifest)| {
        let mut manifest = make(&Place::new(), OnExisting::Refuse).manifest;
        edit(&mut manifest);
        manifest.hash()
    };
    let plain = hash(&|_| {});
    let edits: [&dyn Fn(&mut sonovox_artifact::Manifest); 7] = [
        &|m| m.seed += 1,
        &|m| m.stage = Stage::Gaze,
        &|m| m.config["epochs"] = json!(4),
        &|m| m.details = json!(null),
        &|m| m.inputs[0].hash.push('0'),
        &|m| *m.counts.left_out.entry("blurred".into()).or_default() += 1,
        &|m| m.files.get_mut("metrics.json").expect("there").sha256.push('0'),
    ];
    for (i, edit) in edits.iter().enumerate() {
        assert_ne!(hash(edit), plain, "edit {i}");
    }
}

#[test]
fn floats_survive_the_manifest() {
    // serde_json reads these one step off unless it is built with float_roundtrip
    let place = Place::new();
    let mut run = begin();
    run.config = json!([0.1 + 0.2, 1.0 / 3.0, 51.24817837550540_4_f64, 5e-324, 0.000_1_f32]);
    let made = finish(place.create(run.clone(), OnExisting::Refuse).expect("begun"));
    let read = open(&place).expect("whole");
    assert_eq!((read.manifest.config.clone(), read.hash()), (run.config.clone(), made.hash()));
    assert!(matches!(place.create(run, OnExisting::Resume), Err(ArtifactError::AlreadyFinished { .. })));
}

#[test]
fn canonical_json_orders_keys_and_has_no_spaces() {
    let value = json!({"b": [1, {"z": null, "a": "x\"y"}], "a": 1.0, "B": {}, "c": []});
    assert_eq!(canonical_json(&value), r#"{"B":{},"a":1.0,"b":[1,{"a":"x\"y","z":null}],"c":[]}"#);
}

#[test]
fn logs_are_kept_but_not_hashed() {
    let run = |log: &str| {
        let place = Place::new();
        let mut writer = place.create(begin(), OnExisting::Refuse).expect("begun");
        writer.exclude_from_hash("events");
        writer.exclude_from_hash("tensorboard/");
        fs::write(writer.dir().join("events.jsonl"), log).expect("written");
        fs::create_dir(writer.dir().join("tensorboard")).expect("made");
        fs::write(writer.dir().join("tensorboard").join(format!("out.{log}")), log).expect("written");
        fs::create_dir(writer.dir().join("checkpoint")).expect("made");
        fs::write(writer.dir().join("checkpoint/step.json"), "1").expect("written");
        let artifact = finish(writer);
        artifact.verify().expect("whole");
        assert_eq!(fs::read_to_string(place.out().join("events.jsonl")).expect("kept"), log);
        artifact
    };
    let (one, two) = (run("12:00"), run("12:01, later"));
    assert_eq!(one.hash(), two.hash());
    assert!(one.manifest.files["events.jsonl"].sha256.is_empty());
    assert!(!one.manifest.files["checkpoint/step.json"].sha256.is_empty());
}

#[test]
fn hashes_that_the_stage_took_are_believed() {
    let place = Place::new();
    let mut writer = place.create(begin(), OnExisting::Refuse).expect("begun");
    write_weights(writer.dir(), "encoder.safetensors", &[1.0, 2.0]);
    let taken = sonovox_artifact::sha256_file(&writer.dir().join("encoder.safetensors")).expect("read");
    writer.hashed("encoder.safetensors", taken.clone());
    let artifact = finish(writer);
    assert_eq!(artifact.manifest.files["encoder.safetensors"].sha256, taken);
    artifact.verify().expect("whole");
}

#[test]
fn descriptions_are_held_to_the_files() {
    let spec = |name: &str, dtype: &str, lengths: &[u64]| {
        let axes = lengths.iter().map(|length| ("axis".to_owned(), *length)).collect();
        TensorSpec { name: name.into(), dtype: dtype.into(), axes, unit: "s".into() }
    };
    let finish_with = |specs: Vec<TensorSpec>| {
        let writer = Place::new();
        let mut artifact = writer.create(begin(), OnExisting::Refuse).expect("begun");
        write_weights(artifact.dir(), "w.safetensors", &[1.0, 2.0]);
        artifact.describe("w.safetensors", specs);
        artifact.finish(Counts::default(), json!(null), RunFacts::default())
    };
    let right = finish_with(vec![spec("weight", "F32", &[1, 2])]).expect("as described");
    assert_eq!(right.manifest.files["w.safetensors"].tensors[0].unit, "s");
    for wrong in [
        vec![spec("weight", "F16", &[1, 2])],
        vec![spec("weight", "F32", &[2])],
        vec![spec("wait", "F32", &[1, 2])],
        vec![spec("weight", "F32", &[1, 2]), spec("bias", "F32", &[1])],
        vec![],
    ] {
        assert_says(
            &message(finish_with(wrong)),
            &["w.safetensors: tensors as described: expected", "found"],
        );
    }

    let place = Place::new();
    let mut writer = place.create(begin(), OnExisting::Refuse).expect("begun");
    writer.describe("absent.safetensors", vec![]);
    let said = message(writer.finish(Counts::default(), json!(null), RunFacts::default()));
    assert_says(&said, &["absent.safetensors", "found none"]);
}

#[test]
fn a_place_with_nothing_is_refused() {
    let place = Place::new();
    assert_says(&message(open(&place)), &["/out: no such folder", "pretrain"]);
}

#[test]
fn an_unfinished_artifact_is_refused_with_the_way_to_finish_it() {
    let place = Place::new();
    drop(place.create(begin(), OnExisting::Refuse).expect("begun"));
    assert_says(&message(open(&place)), &["no such folder", "--resume"]);
    let said = message(Artifact::open(&place.partial(), Stage::Pretrain));
    assert_says(&said, &["out.partial", "no manifest.json", "--resume"]);
}

#[test]
fn a_folder_without_a_manifest_is_refused() {
    let place = Place::new();
    make(&place, OnExisting::Refuse);
    fs::remove_file(place.out().join("manifest.json")).expect("removed");
    assert_says(&message(open(&place)), &["not an artifact", "no manifest.json"]);
}

#[test]
fn a_study_is_refused_with_the_stage_that_takes_it() {
    let place = Place::new();
    fs::create_dir(place.out()).expect("made");
    fs::write(place.out().join("study.toml"), "").expect("written");
    assert_says(&message(open(&place)), &["no manifest.json", "sonovox preprocess"]);
}

#[test]
fn an_artifact_of_another_stage_is_refused() {
    let place = Place::new();
    make(&place, OnExisting::Refuse);
    let said = message(Artifact::open(&place.out(), Stage::Clips));
    assert_says(&said, &["/out:", "expected a clips artifact, found a pretrain artifact"]);
}

#[test]
fn garbled_manifests_are_refused() {
    let garbled: [&dyn Fn(&str) -> String; 6] = [
        &|text| text[..text.len() / 2].to_owned(),
        &|_| String::new(),
        &|text| text.replace("\"pretrain\"", "\"pre-train\""),
        &|text| text.replace("\"seed\": 7", "\"seed\": -7"),
        &|text| text.replace("\"metrics.json\"", "\"../metrics.json\""),
        &|text| text.replace("\"metrics.json\"", "\"/etc/passwd\""),
    ];
    for (i, edit) in garbled.iter().enumerate() {
        let said = message(open(&with_manifest(edit)));
        assert!(said.contains("manifest.json: not a manifest"), "{i}: {said}");
    }
    let place = with_manifest(|text| text.replace("metrics", "metrıcs"));
    assert_says(&message(open(&place)), &["metrıcs.json", "no such file"]);
    let place = Place::new();
    make(&place, OnExisting::Refuse);
    fs::write(place.out().join("manifest.json"), [0xff, 0xfe, 0x00]).expect("written");
    assert_says(&message(open(&place)), &["manifest.json: not a manifest"]);
}

#[test]
fn a_missing_file_is_refused() {
    let place = Place::new();
    make(&place, OnExisting::Refuse);
    fs::remove_file(place.out().join("encoder.safetensors")).expect("removed");
    assert_says(&message(open(&place)), &["encoder.safetensors", "no such file"]);
}

#[test]
fn a_file_of_another_length_is_refused() {
    let place = Place::new();
    make(&place, OnExisting::Refuse);
    fs::write(place.out().join("metrics.json"), "{ }\n").expect("written");
    assert_says(&message(open(&place)), &["metrics.json", "expected 3, found 4"]);
}

#[test]
fn an_altered_file_is_found_by_verify() {
    let place = Place::new();
    make(&place, OnExisting::Refuse);
    open(&place).expect("whole").verify().expect("whole");
    fs::write(place.out().join("metrics.json"), "[]\n").expect("written");
    let artifact = open(&place).expect("the lengths are right");
    assert_says(&message(artifact.verify()), &["metrics.json: SHA-256: expected ca3d163b"]);
    fs::remove_file(place.out().join("metrics.json")).expect("removed");
    assert_says(&message(artifact.verify()), &["metrics.json", "no such file"]);
}
