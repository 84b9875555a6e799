//! The patient's line of a picture does not get into what later stages read.
#![cfg(feature = "media")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use sonovox_artifact::clips::ClipsArtifact;
use support::{Folder, sonovox};

const RECIPE: &str = r#"
seed = 9
[simulate]
recordings = 2
subjects = 2
seconds = 16.0
planes = ["abdomen", "BrainTv"]
hold_secs = 3.0
video = { width = 400, height = 300, fps = 5 }
[preprocess]
spectrogram = { kind = "log-mel", n_mels = 32, hop_secs = 0.02 }
frame = { height = 112, width = 144 }
"#;

/// Bytes of every file below a folder.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), fs::read(&path).expect("a file")));
        }
    }
    found
}

#[test]
fn a_name_burnt_into_the_picture_is_cropped_away_and_written_nowhere() {
    let folder = Folder::new();
    fs::write(folder.file("recipe.toml"), RECIPE).expect("written");
    let at = |name: &str| folder.path(name);
    let call = |args: &[&str]| {
        let said = sonovox(&[args, &["--recipe", &at("recipe.toml")]].concat());
        assert_eq!(said.code, 0, "{args:?}: {}{}", said.out, said.err);
        format!("{}{}", said.out, said.err)
    };
    call(&["simulate", "--out", &at("study")]);
    let said = call(&["preprocess", &at("study"), "--out", &at("clips")]);

    let truth = fs::read(Path::new(&at("study")).join("truth.json")).expect("truth");
    let truth: Value = serde_json::from_slice(&truth).expect("JSON");
    let words: Vec<String> = truth["recordings"]
        .as_array()
        .expect("recordings")
        .iter()
        .flat_map(|recording| {
            let patient = &recording["patient"];
            let name = patient["name"].as_str().expect("a name").split(", ").map(str::to_owned);
            name.chain([patient["number"].as_str().expect("a number").to_owned()]).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(words.len(), 6);
    let holds = |bytes: &[u8], word: &str| bytes.windows(word.len()).any(|part| part == word.as_bytes());
    for (path, bytes) in
        files(Path::new(&at("clips"))).into_iter().chain([("log".to_owned(), said.into_bytes())])
    {
        for word in &words {
            assert!(!holds(&bytes, word), "{path} holds {word}");
        }
    }

    // and the pixels: text stands still and is bright, the scan under it never is
    let clips = ClipsArtifact::open(Path::new(&at("clips"))).expect("clips");
    for recording in 0..2 {
        let reader = clips.reader(recording).expect("a clip");
        let area = (clips.details.height * clips.details.width) as usize;
        let (mut least, mut most) = (vec![255; area], vec![0; area]);
        let mut frame = vec![0; area];
        for index in 0..reader.frames() {
            reader.read_frame(index, &mut frame).expect("a frame");
            for ((least, most), &grey) in least.iter_mut().zip(&mut most).zip(&frame) {
                (*least, *most) = (grey.min(*least), grey.max(*most));
            }
        }
        let still =
            least.iter().zip(&most).filter(|(least, most)| **least > 120 && **most - **least < 24).count();
        assert_eq!(still, 0, "recording {recording}: bright pixels that never change");
    }
}
