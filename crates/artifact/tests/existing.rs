//! What becomes of an output that is there already, finished, unfinished or not ours.

mod support;

use std::fs;

use serde_json::json;
use sonovox_artifact::{Artifact, ArtifactError, OnExisting, Stage};
use support::{Place, assert_says, begin, finish, make, message, write_weights};

#[test]
fn a_finished_artifact_is_refused_with_the_ways_to_go_on() {
    let place = Place::new();
    make(&place, OnExisting::Refuse);
    let said = message(place.create(begin(), OnExisting::Refuse));
    assert_says(&said, &["/out:", "--overwrite", "--resume"]);
}

#[test]
fn an_unfinished_run_is_refused_with_the_ways_to_go_on() {
    let place = Place::new();
    drop(place.create(begin(), OnExisting::Refuse).expect("begun"));
    let said = message(place.create(begin(), OnExisting::Refuse));
    assert_says(&said, &["/out.partial:", "--overwrite", "--resume"]);
}

#[test]
fn an_empty_folder_is_no_obstacle() {
    let place = Place::new();
    fs::create_dir(place.out()).expect("made");
    make(&place, OnExisting::Refuse).verify().expect("whole");
}

#[test]
fn folders_and_files_of_others_are_never_touched() {
    for existing in [OnExisting::Refuse, OnExisting::Resume, OnExisting::Overwrite] {
        let place = Place::new();
        fs::create_dir(place.out()).expect("made");
        fs::write(place.out().join("scan.mp4"), "precious").expect("written");
        assert!(
            matches!(place.create(begin(), existing), Err(ArtifactError::NotOurs { .. })),
            "{existing:?}"
        );
        assert!(place.out().join("scan.mp4").exists());

        let place = Place::new();
        fs::create_dir(place.partial()).expect("made");
        fs::write(place.partial().join("scan.mp4"), "precious").expect("written");
        assert!(
            matches!(place.create(begin(), existing), Err(ArtifactError::NotOurs { .. })),
            "{existing:?}"
        );
        assert!(place.partial().join("scan.mp4").exists());

        let place = Place::new();
        fs::write(place.out(), "a file").expect("written");
        assert_says(&message(place.create(begin(), existing)), &["/out:", "not an artifact"]);
    }
}

#[test]
fn a_place_without_a_name_is_refused() {
    let place = Place::new();
    for out in [place.out().join(".."), "/".into()] {
        let made = sonovox_artifact::ArtifactWriter::create(&out, begin(), OnExisting::Overwrite);
        assert!(matches!(made, Err(ArtifactError::NotOurs { .. })), "{}", out.display());
    }
}

#[test]
fn overwriting_keeps_the_old_artifact_until_the_new_one_is_complete() {
    let place = Place::new();
    let old = make(&place, OnExisting::Refuse).hash();
    let other = sonovox_artifact::Begin { seed: 8, ..begin() };
    let writer = place.create(other, OnExisting::Overwrite).expect("begun");
    write_weights(writer.dir(), "new.safetensors", &[3.0]);
    assert_eq!(Artifact::open(&place.out(), Stage::Pretrain).expect("still there").hash(), old);
    finish(writer);
    let new = Artifact::open(&place.out(), Stage::Pretrain).expect("replaced");
    assert_eq!((new.manifest.seed, new.manifest.files.len()), (8, 1));
    assert!(!place.partial().exists() && !place.replaced().exists());
}

#[test]
fn overwriting_starts_over_an_unfinished_run() {
    let place = Place::new();
    let writer = place.create(begin(), OnExisting::Refuse).expect("begun");
    write_weights(writer.dir(), "old.safetensors", &[1.0]);
    drop(writer);
    let writer = place.create(begin(), OnExisting::Overwrite).expect("begun");
    assert!(!writer.resumed() && !writer.dir().join("old.safetensors").exists());
}

#[test]
fn resuming_starts_where_there_is_nothing() {
    let place = Place::new();
    let writer = place.create(begin(), OnExisting::Resume).expect("begun");
    assert!(!writer.resumed());
}

#[test]
fn resuming_keeps_what_was_written_and_sweeps_what_was_half_written() {
    let place = Place::new();
    let writer = place.create(begin(), OnExisting::Refuse).expect("begun");
    write_weights(writer.dir(), "one.safetensors", &[1.0]);
    fs::write(writer.dir().join("two.safetensors.partial"), "cut sh").expect("written");
    fs::write(writer.scratch_dir().expect("made").join("progress"), "5").expect("written");
    drop(writer);
    let writer = place.create(begin(), OnExisting::Resume).expect("resumed");
    assert!(writer.resumed());
    assert!(
        writer.dir().join("one.safetensors").exists()
            && !writer.dir().join("two.safetensors.partial").exists()
    );
    assert_eq!(fs::read_to_string(writer.scratch_dir().expect("made").join("progress")).expect("kept"), "5");
    let artifact = finish(writer);
    assert_eq!(artifact.manifest.files.keys().collect::<Vec<_>>(), ["one.safetensors"]);
    assert!(!place.out().join("scratch").exists() && !place.out().join("begin.json").exists());
}

#[test]
fn resuming_another_run_names_the_first_key_that_differs() {
    let place = Place::new();
    drop(place.create(begin(), OnExisting::Refuse).expect("begun"));
    let mut other = begin();
    other.config["net"]["rate"] = json!(0.2);
    other.seed = 8;
    let said = message(place.create(other, OnExisting::Resume));
    assert_says(&said, &["out.partial", "config.net.rate", "was 0.1", "is now 0.2", "--overwrite"]);

    let mut other = begin();
    other.config["more"] = json!(1);
    assert_says(&message(place.create(other, OnExisting::Resume)), &["config.more was absent and is now 1"]);

    let mut other = begin();
    other.inputs[0].hash = "dead".into();
    assert_says(&message(place.create(other, OnExisting::Resume)), &["inputs[0].hash", "c0ffee", "dead"]);

    let mut moved = begin();
    moved.inputs[0].path = "/elsewhere/clips".into();
    assert!(place.create(moved, OnExisting::Resume).expect("the same run").resumed());
}

#[test]
fn resuming_what_another_version_began_is_refused() {
    let place = Place::new();
    drop(place.create(begin(), OnExisting::Refuse).expect("begun"));
    let path = place.partial().join("begin.json");
    let text = fs::read_to_string(&path).expect("read");
    let version = concat!("\"", env!("CARGO_PKG_VERSION"), "\"");
    assert!(text.contains(version));
    fs::write(&path, text.replace(version, "\"0.0.1\"")).expect("written");
    assert_says(&message(place.create(begin(), OnExisting::Resume)), &["version was \"0.0.1\""]);
}

#[test]
fn resuming_a_finished_run_says_so_only_if_it_is_the_same() {
    let place = Place::new();
    let writer = place.create(begin(), OnExisting::Refuse).expect("begun");
    let mut writer = writer;
    // learnt during the run: no difference to what is asked for
    writer.add_inputs([sonovox_artifact::InputRef {
        stage: "study".into(),
        path: String::new(),
        hash: "5".into(),
    }]);
    finish(writer);
    assert!(matches!(place.create(begin(), OnExisting::Resume), Err(ArtifactError::AlreadyFinished { .. })));
    let other = sonovox_artifact::Begin { seed: 8, ..begin() };
    assert_says(&message(place.create(other, OnExisting::Resume)), &["/out:", "seed was 7 and is now 8"]);
    assert!(!place.partial().exists());
}

#[test]
fn an_interrupted_overwrite_is_gone_on_with() {
    let place = Place::new();
    make(&place, OnExisting::Refuse);
    let other = || sonovox_artifact::Begin { seed: 8, ..begin() };
    drop(place.create(other(), OnExisting::Overwrite).expect("begun"));
    let writer = place.create(other(), OnExisting::Resume).expect("resumed");
    assert!(writer.resumed());
    assert_eq!(finish(writer).manifest.seed, 8);
    assert_eq!(Artifact::open(&place.out(), Stage::Pretrain).expect("replaced").manifest.seed, 8);
}

#[test]
fn a_run_killed_after_its_manifest_is_complete_on_resume() {
    let place = Place::new();
    let hash = make(&place, OnExisting::Refuse).hash();
    // as if killed before the folder got its name
    fs::rename(place.out(), place.partial()).expect("moved");
    assert_says(&message(Artifact::open(&place.out(), Stage::Pretrain)), &["no such folder", "--resume"]);
    assert!(matches!(place.create(begin(), OnExisting::Resume), Err(ArtifactError::AlreadyFinished { .. })));
    assert_eq!(Artifact::open(&place.out(), Stage::Pretrain).expect("in place").hash(), hash);
}

#[test]
fn a_replacing_run_killed_between_its_renames_is_complete_on_resume() {
    let (place, elsewhere) = (Place::new(), Place::new());
    make(&elsewhere, OnExisting::Refuse);
    make(&place, OnExisting::Refuse);
    fs::rename(place.out(), place.replaced()).expect("moved");
    fs::rename(elsewhere.out(), place.partial()).expect("moved");
    assert!(matches!(place.create(begin(), OnExisting::Resume), Err(ArtifactError::AlreadyFinished { .. })));
    Artifact::open(&place.out(), Stage::Pretrain).expect("in place");
    assert!(!place.replaced().exists() && !place.partial().exists());
}

#[test]
fn a_replacing_run_killed_after_its_renames_leaves_nothing_behind() {
    let (place, elsewhere) = (Place::new(), Place::new());
    make(&elsewhere, OnExisting::Refuse);
    let hash = make(&place, OnExisting::Refuse).hash();
    // the old artifact, half removed
    fs::rename(elsewhere.out(), place.replaced()).expect("moved");
    fs::remove_file(place.replaced().join("manifest.json")).expect("removed");
    assert!(matches!(place.create(begin(), OnExisting::Resume), Err(ArtifactError::AlreadyFinished { .. })));
    assert_eq!(Artifact::open(&place.out(), Stage::Pretrain).expect("in place").hash(), hash);
    assert!(!place.replaced().exists());
}

#[test]
fn overwriting_after_a_kill_between_the_renames_keeps_the_old_artifact_meanwhile() {
    let (place, elsewhere) = (Place::new(), Place::new());
    let old = make(&place, OnExisting::Refuse).hash();
    make(&elsewhere, OnExisting::Refuse);
    fs::rename(place.out(), place.replaced()).expect("moved");
    fs::rename(elsewhere.out(), place.partial()).expect("moved");
    let writer = place.create(begin(), OnExisting::Overwrite).expect("begun");
    assert_eq!(Artifact::open(&place.out(), Stage::Pretrain).expect("there").hash(), old);
    assert!(!writer.resumed() && !writer.dir().join("manifest.json").exists());
}

#[test]
fn a_run_killed_before_it_had_begun_starts_over() {
    let place = Place::new();
    fs::create_dir(place.partial()).expect("made");
    fs::write(place.partial().join("begin.json.partial"), "{").expect("written");
    let writer = place.create(begin(), OnExisting::Resume).expect("begun");
    assert!(!writer.resumed());

    // beside a finished artifact it is as if it had never been
    let place = Place::new();
    make(&place, OnExisting::Refuse);
    fs::create_dir(place.partial()).expect("made");
    assert!(matches!(place.create(begin(), OnExisting::Resume), Err(ArtifactError::AlreadyFinished { .. })));
}

#[test]
fn two_runs_at_one_place_are_kept_apart() {
    let place = Place::new();
    let first = place.create(begin(), OnExisting::Refuse).expect("begun");
    for existing in [OnExisting::Resume, OnExisting::Overwrite] {
        assert_says(&message(place.create(begin(), existing)), &["out.partial", "another run"]);
    }
    drop(first);
    place.create(begin(), OnExisting::Resume).expect("free again");
}

#[test]
fn an_artifact_that_came_meanwhile_is_not_overwritten() {
    let (place, elsewhere) = (Place::new(), Place::new());
    let writer = place.create(begin(), OnExisting::Refuse).expect("begun");
    make(&elsewhere, OnExisting::Refuse);
    fs::rename(elsewhere.out(), place.out()).expect("moved");
    let finished = writer.finish(Default::default(), json!(null), Default::default());
    assert!(matches!(finished, Err(ArtifactError::Exists { .. })));
    assert!(place.partial().join("begin.json").exists());
}
