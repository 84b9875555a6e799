//! `clips STUDY OUT [RECIPE.toml] [--strict] [--resume | --overwrite]`: the stage without the program around it. The
//! recipe is the section `[preprocess]` alone.

use std::path::Path;
use std::process::ExitCode;

use sonovox_artifact::OnExisting;
use sonovox_preprocess::{Event, PreprocessConfig, RunOptions, run};
use sonovox_study::Study;

fn main() -> ExitCode {
    match clips() {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn clips() -> Result<sonovox_preprocess::Summary, Box<dyn std::error::Error>> {
    let (flags, paths): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|arg| arg.starts_with("--"));
    let [study, out, recipe @ ..] = paths.as_slice() else {
        return Err("expected: clips STUDY OUT [RECIPE.toml] [--strict] [--resume | --overwrite]".into());
    };
    let config: PreprocessConfig = match recipe.first() {
        Some(path) => toml::from_str(&std::fs::read_to_string(path)?)?,
        None => PreprocessConfig::default(),
    };
    let has = |flag: &str| flags.iter().any(|given| given == flag);
    let on_existing = match (has("--resume"), has("--overwrite")) {
        (true, _) => OnExisting::Resume,
        (_, true) => OnExisting::Overwrite,
        _ => OnExisting::Refuse,
    };
    let options = RunOptions { on_existing, strict: has("--strict"), ..Default::default() };
    let study = Study::open(Path::new(study))?;
    let mut tell = |event| {
        if !matches!(event, Event::Frames { .. }) {
            eprintln!("{event:?}");
        }
    };
    Ok(run(&study, &config, Path::new(out), &options, &mut tell)?)
}
