//! Voice activity of a simulated study against its truth.

use serde_json::Value;
use sonovox_artifact::clips::ClipsArtifact;
use sonovox_preprocess::{CropMode, FrameConfig, PreprocessConfig, RunOptions};
use sonovox_simulate::{SimulateConfig, VideoConfig};
use sonovox_study::Study;

/// From this value on a row counts as voiced.
const VOICED_FROM: f32 = 0.5;

fn is_spoken(utterances: &[Value], secs: f64) -> bool {
    let within =
        |u: &Value| (u["start_secs"].as_f64().unwrap()..u["end_secs"].as_f64().unwrap()).contains(&secs);
    utterances.iter().any(within)
}

#[test]
fn voice_activity_of_a_simulated_study_agrees_with_its_truth() {
    let folder = tempfile::tempdir().unwrap();
    let (out, clips) = (folder.path().join("study"), folder.path().join("clips"));
    let video = VideoConfig { width: 160, height: 160, fps: 2 };
    let config =
        SimulateConfig { recordings: 6, subjects: 6, seconds: 60.0, video, ..SimulateConfig::default() };
    sonovox_simulate::run(&config, &out, false, &mut |_, _| {}).unwrap();
    let truth: Value = serde_json::from_slice(&std::fs::read(out.join("truth.json")).unwrap()).unwrap();
    let preprocess = PreprocessConfig {
        frame: FrameConfig { height: 12, width: 16, ..FrameConfig::default() },
        crop: CropMode::None,
        ..PreprocessConfig::default()
    };
    let study = Study::open(&out).unwrap();
    sonovox_preprocess::run(&study, &preprocess, &clips, &RunOptions::default(), &mut |_| ()).unwrap();
    let clips = ClipsArtifact::open(&clips).unwrap();

    let (mut right, mut rows, mut heard, mut spoken, mut both) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (index, recording) in truth["recordings"].as_array().unwrap().iter().enumerate() {
        let clip = clips.reader(index).unwrap();
        let utterances = recording["utterances"].as_array().unwrap();
        let mut of_recording = 0.0;
        let voice = clip.voice().unwrap();
        for (row, value) in voice.iter().enumerate() {
            let secs = clip.mel_start_secs() + row as f64 * clip.hop_secs();
            let (is_heard, is_spoken) = (value.to_f32() >= VOICED_FROM, is_spoken(utterances, secs));
            of_recording += f64::from(u8::from(is_heard == is_spoken));
            heard += f64::from(u8::from(is_heard));
            spoken += f64::from(u8::from(is_spoken));
            both += f64::from(u8::from(is_heard && is_spoken));
        }
        println!("{}: {:.3}", recording["recording"], of_recording / voice.len() as f64);
        right += of_recording;
        rows += voice.len() as f64;
    }
    println!(
        "{rows} rows: {:.3} agree; of what is heard {:.3} is spoken, of what is spoken {:.3} is heard",
        right / rows,
        both / heard,
        both / spoken
    );
    assert!(right / rows >= 0.9, "{}", right / rows);
}
