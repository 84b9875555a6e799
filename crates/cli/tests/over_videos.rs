//! Simulating and comparing over real videos, through the command line: no gaze, a guess by file facts beside the cells.
#![cfg(feature = "media")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use sonovox_media::{FrameRate, RecordingFormat, RecordingWriter};
use support::{Folder, Said, sonovox};

const RECIPE: &str = r#"
[split]
validation = 0.34
folds = 2
[simulate]
name = "patterns"
recordings = 6
subjects = 6
folds = 2
sonographers = 2
seconds = 16.0
hold_secs = 4.0
planes = ["A", "B"]
video = { width = 160, height = 160, fps = 5 }
[preprocess]
spectrogram = { kind = "log-mel", n_mels = 32, hop_secs = 0.02 }
frame = { height = 40, width = 40 }
[pretrain]
encoder = "tiny"
voiced_intervals = 4
order_intervals = 2
steps_per_epoch = 2
eval_pairs = 8
pairs = { window_secs = 1.0, groups = 1 }
run = { epochs = 1 }
[planes]
encoder = "tiny"
every_nth_frame = 2
epoch_images = 16
batch = 8
run = { epochs = 1 }
[probe]
encoder = "tiny"
every_nth_frame = 2
l2_values = 2
max_iterations = 10
[compare]
methods = ["words"]
seeds = [4]
label_shares = [1.0]
gaze = false
subject = "words"
curves = ["words"]
"#;

/// Cells of random, words and scrambled words in two turns, without gaze.
const CELLS: usize = 2 * (2 + 4 + 4);

/// A video of one pattern, or, for a phrase, a second and a half of a tone.
fn write(path: &Path, number: usize, tone_hz: Option<f64>) {
    let (width, height) = (64 + 16 * (number as u32 % 2), 64);
    let sample_rate_hz = tone_hz.map(|_| 24_000);
    let format = RecordingFormat { width, height, frame_rate: FrameRate::whole(10), sample_rate_hz };
    let mut writer = RecordingWriter::create(path, &format).expect("a writer");
    for frame in 0..15 {
        let grey: Vec<u8> =
            (0..width * height).map(|at| ((at as usize * (7 + number) + frame * 31) % 251) as u8).collect();
        writer.push_frame(&grey).expect("written");
        if let Some(hz) = tone_hz {
            let sample = |at: usize| (0.3 * (std::f64::consts::TAU * hz * at as f64 / 24_000.0).sin()) as f32;
            let samples: Vec<f32> = (frame * 2400..(frame + 1) * 2400).map(sample).collect();
            writer.push_audio(&samples).expect("written");
        }
    }
    writer.finish().expect("finished");
}

fn place() -> Folder {
    let folder = Folder::new();
    for name in ["videos", "phrases", "methods"] {
        fs::create_dir(folder.file(name)).expect("made");
    }
    let mut manifest = String::from("path,label,patient\n");
    for number in 0..12 {
        write(&folder.file(&format!("videos/{number}.mp4")), number, None);
        manifest += &format!("{number}.mp4,{},p{number}\n", ["A", "B"][number % 2]);
    }
    fs::write(folder.file("videos/manifest.csv"), manifest).expect("written");
    let mut rows = String::from("file,label,voice,text\n");
    for (number, voice) in ["ann", "bob"].into_iter().enumerate() {
        for (place, label) in ["A", "B", "chat"].into_iter().enumerate() {
            let name = format!("{voice}-{label}.mp4");
            write(
                &folder.file(&format!("phrases/{name}")),
                0,
                Some(200.0 + 90.0 * place as f64 + 50.0 * number as f64),
            );
            for text in ["one", "two"] {
                rows += &format!("{name},{label},{voice},{label} {text}\n");
            }
        }
    }
    fs::write(folder.file("phrases/phrases.csv"), rows).expect("written");
    let words = "[pretrain]\nweights = { cls = 0.0, cont = 1.0, ord = 0.0 }\n";
    fs::write(folder.file("methods/words.toml"), words).expect("written");
    fs::write(folder.file("recipe.toml"), RECIPE).expect("written");
    folder
}

fn compare(folder: &Folder, more: &[&str]) -> Said {
    let set = [
        format!("compare.methods_dir={:?}", folder.path("methods")),
        format!("simulate.over_videos.folder={:?}", folder.path("videos")),
        format!("simulate.speech.recorded={:?}", folder.path("phrases")),
    ];
    let paths = [folder.path("recipe.toml"), folder.path("out"), folder.path("docs/results-patterns.md")];
    let [recipe, out, results] = &paths;
    let mut all = vec!["compare", "--recipe", recipe, "--out", out, "--results", results];
    all.extend(set.iter().flat_map(|set| ["--set", set]));
    sonovox(&[&all, more].concat())
}

#[test]
fn methods_are_compared_on_real_images_beside_a_guess_by_file_facts() {
    let folder = place();
    let said = compare(&folder, &[]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let page = || fs::read_to_string(folder.file("docs/results-patterns.md")).expect("a page");
    let first = page();
    for words in [
        &format!("All {CELLS} cells are done"),
        "The images are real, the speech is not",
        "6 recordings of 6 groups of patients",
        "**missing**: scripts/measure-metadata",
    ] {
        assert!(first.contains(words), "{words}: {first}");
    }
    assert!(!first.to_lowercase().contains("gaze"), "{first}");
    assert!(folder.has("docs/figures/results-patterns/alignment.svg"));

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/measure-metadata");
    let study = folder.file("out/data/matched/study");
    let figures = folder.file("out/metadata.json");
    let ended = Command::new("python3").arg("-B").arg(script).arg(&study).arg("--out").arg(&figures).output();
    let ended = ended.expect("python3 is installed");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let said = compare(&folder, &["--hours", "0"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let second = page();
    assert!(
        second.contains("| nearest file ") && second.contains("12 videos, 2 folds by patient"),
        "{second}"
    );
    assert!(!second.contains("missing"), "{second}");

    // a table that was changed is another study's
    let table = study.join("videos.csv");
    let text = fs::read_to_string(&table).expect("a table").replace("p3", "p33");
    fs::write(&table, text).expect("written");
    assert_eq!(compare(&folder, &["--hours", "0"]).code, 0);
    assert!(page().contains("**missing**: scripts/measure-metadata"));
}

#[test]
fn a_folder_that_is_not_there_is_one_clear_error() {
    let folder = place();
    let paths = [folder.path("none"), folder.path("study"), folder.path("recipe.toml")];
    let [none, study, recipe] = &paths;
    let phrases = format!("simulate.speech.recorded={:?}", folder.path("phrases"));
    let call = ["simulate", "--over-videos", none, "--out", study, "--recipe", recipe, "--set", &phrases];
    let said = sonovox(&call).refused();
    assert!(said.contains("none/manifest.csv: expected a table of the videos"), "{said}");
    let phrases = format!("simulate.speech.recorded={none:?}");
    let call = [
        "simulate",
        "--over-videos",
        &folder.path("videos"),
        "--out",
        study,
        "--recipe",
        recipe,
        "--set",
        &phrases,
    ];
    let said = sonovox(&call).refused();
    assert!(said.contains("none"), "{said}");
    assert!(!folder.has("study") && !folder.has("study.partial"));
    let preview = [
        "simulate-preview",
        "--out",
        study,
        "--recipe",
        recipe,
        "--set",
        &format!("simulate.over_videos.folder={none:?}"),
    ];
    assert!(sonovox(&preview).refused().contains("a preview shows drawn scans"));
}
