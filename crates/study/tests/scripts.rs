//! The scripts that write studies for real recordings, run on them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use sonovox_study::{CropRect, Split, Study};
use sonovox_testkit::{TinyStudy, shared_data};

fn run_script(name: &str, arguments: &[&Path]) -> Result<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts").join(name);
    let output = Command::new(script).args(arguments).output().expect("python3");
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("UTF-8"));
    if output.status.success() { Ok(out) } else { Err(err) }
}

fn lung_study(more: &[&str]) -> Option<(TinyStudy, Study, String)> {
    let data = shared_data("lung_pocus")?;
    let folder = TinyStudy::empty();
    let out = folder.path("lung");
    let more: Vec<_> = more.iter().map(PathBuf::from).collect();
    let mut arguments = vec![data.as_path(), &out];
    arguments.extend(more.iter().map(PathBuf::as_path));
    let said = run_script("study-from-lung-pocus", &arguments).expect("written");
    let study = Study::open(&out).expect("valid");
    Some((folder, study, said))
}

#[test]
fn lung_pocus_is_a_study_by_patient() {
    let Some((_folder, study, said)) = lung_study(&[]) else { return };
    assert_eq!(study.recordings.len(), 124);
    assert_eq!(study.planes.names(), ["regular", "COVID-19", "bacterial", "viral"]);
    let mut labels = BTreeMap::new();
    for recording in &study.recordings {
        recording.check_files().expect("there");
        let spans = study.planes_of(recording).expect("valid");
        assert!(spans.len() <= 1 && recording.split.is_none());
        *labels.entry(spans.first().map(|span| span.plane)).or_insert(0) += 1;
    }
    // manifest.csv: regular 59, COVID-19 22, bacterial 37, viral 6, of which one is called uncertain
    assert_eq!(
        labels,
        BTreeMap::from([(None, 1), (Some(0), 59), (Some(1), 22), (Some(2), 37), (Some(3), 5)])
    );
    assert!(said.contains("124 recordings of 78 subjects") && said.contains("label uncertain"), "{said}");
}

#[test]
fn lung_pocus_folds_are_even_and_hold_every_label() {
    let Some((_folder, study, _)) = lung_study(&["--folds", "4"]) else { return };
    let mut subjects = BTreeMap::new();
    let mut labels: BTreeMap<_, std::collections::BTreeSet<_>> = BTreeMap::new();
    for recording in &study.recordings {
        let fold = recording.fold.expect("every recording has one");
        subjects.insert(&recording.subject, fold);
        labels
            .entry(fold)
            .or_default()
            .extend(study.planes_of(recording).expect("valid").iter().map(|s| s.plane));
    }
    let sizes: Vec<_> =
        (0..4).map(|fold| subjects.values().filter(|other| **other == fold).count()).collect();
    assert_eq!(sizes, [20, 20, 19, 19]);
    assert!(labels.values().all(|labels| labels.len() == 4), "{labels:?}");
}

#[test]
fn lung_pocus_folds_hold_every_label_in_every_part() {
    let Some((_folder, study, _)) = lung_study(&["--fold", "1/4"]) else { return };
    for part in [Split::Train, Split::Validation, Split::Test] {
        let members = study.recordings.iter().filter(|recording| recording.split == Some(part));
        let spans = members.flat_map(|recording| study.planes_of(recording).expect("valid"));
        let found: std::collections::BTreeSet<_> = spans.map(|span| span.plane).collect();
        assert_eq!(found.len(), 4, "{part:?}");
    }
}

#[test]
fn tal_librivox_is_a_study_with_separate_audio() {
    let (Some(tal), Some(speech)) = (shared_data("tal_us_speech"), shared_data("speech")) else { return };
    let folder = TinyStudy::empty();
    let out = folder.path("tal");
    run_script("study-from-tal-librivox", &[&tal, &speech.join("librivox5"), &out]).expect("written");
    let study = Study::open(&out).expect("valid");
    assert_eq!(study.crop, Some(CropRect { x: 0, y: 315, width: 400, height: 225 }));
    assert_eq!(study.recordings.len(), 12);
    study.recordings.iter().for_each(|recording| recording.check_files().expect("there"));
    let separate = study.recordings.iter().filter_map(|recording| recording.audio.as_ref());
    let offsets: Vec<_> = separate.map(|audio| audio.offset_secs).collect();
    assert_eq!(offsets, [0.0, -1.0].repeat(5));
}

#[test]
fn a_file_without_a_patient_number_is_a_subject_of_its_own() {
    let manifest = "path,label,patient,dur\na.mp4,regular,,2.5\nb.mp4,COVID-19,7,1\nc.mp4,regular,,2\n";
    let folder = TinyStudy::empty().with("data/manifest.csv", manifest);
    let said =
        run_script("study-from-lung-pocus", &[&folder.path("data"), &folder.path("out")]).expect("written");
    let study = Study::open(&folder.path("out")).expect("valid");
    let subjects: Vec<_> = study.recordings.iter().map(|recording| recording.subject.as_str()).collect();
    assert_eq!(subjects, ["unknown patient of a.mp4", "7", "unknown patient of c.mp4"]);
    assert!(said.contains("a.mp4: no patient number, a subject of its own"), "{said}");
    assert_eq!(study.planes_of(&study.recordings[0]).expect("valid")[0].end_secs, 3.5);

    let again = run_script("study-from-lung-pocus", &[&folder.path("data"), &folder.path("out")])
        .expect_err("refused");
    assert!(again.contains("expected a new or an empty folder"), "{again}");
    let folder = folder.with("data/manifest.csv", "path,label,patient,dur\na.mp4,Flu,1,2\n");
    let said = run_script("study-from-lung-pocus", &[&folder.path("data"), &folder.path("new")])
        .expect_err("refused");
    assert!(said.contains("a.mp4: expected one of the labels") && said.contains("found `Flu`"), "{said}");
}
