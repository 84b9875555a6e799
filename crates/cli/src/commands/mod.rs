//! One file to a command: flags and recipe in, one call to a stage, its summary out.

mod downstream;
mod gaze;
mod planes;
#[cfg(feature = "media")]
mod preprocess;
mod pretrain;
#[cfg(feature = "media")]
mod simulate;

use anyhow::{Context, Result};
use sonovox_artifact::ArtifactError;
use sonovox_train::TrainError;

use crate::args::{Command, Common, Compute};
use crate::recipe::Recipe;

/// How a command ended without an error.
pub enum Ended {
    /// All done.
    Done,
    /// Stopped on request.
    Interrupted,
}

/// Calls the command's stage.
pub fn call(command: Command) -> Result<Ended> {
    let ended = match command {
        #[cfg(feature = "media")]
        Command::Simulate(args) => simulate::run(&args),
        #[cfg(feature = "media")]
        Command::Preprocess(args) => preprocess::run(&args),
        Command::Pretrain(args) => pretrain::run(&args),
        Command::FinetunePlanes(args) => planes::finetune(&args),
        Command::EvalPlanes(args) => planes::eval(&args),
        Command::FinetuneGaze(args) => gaze::finetune(&args),
        Command::EvalGaze(args) => gaze::eval(&args),
        Command::Recipe(common) => print_recipe(&common),
    };
    match ended {
        Err(error) if already_finished(&error) => {
            println!("{error:#}");
            Ok(Ended::Done)
        }
        ended => ended,
    }
}

fn print_recipe(common: &Common) -> Result<Ended> {
    print!("{}", toml::to_string(&Recipe::resolve(common)?)?);
    Ok(Ended::Done)
}

/// 1 where a run failed on its way, 2 where its input or settings were refused.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    let on_the_way = error.chain().any(|cause| {
        let train = cause.downcast_ref::<TrainError>();
        let artifact = cause.downcast_ref::<ArtifactError>();
        train.is_some_and(|e| matches!(e, TrainError::Diverged { .. } | TrainError::Io { .. }))
            || artifact.is_some_and(|e| matches!(e, ArtifactError::Io { .. }))
    });
    if on_the_way { 1 } else { 2 }
}

fn already_finished(error: &anyhow::Error) -> bool {
    let finished = |e: &ArtifactError| matches!(e, ArtifactError::AlreadyFinished { .. });
    error.chain().any(|cause| cause.downcast_ref::<ArtifactError>().is_some_and(finished))
}

/// Sets the number of threads before anything computes.
fn use_threads(compute: &Compute) -> Result<()> {
    let Some(threads) = compute.threads else { return Ok(()) };
    anyhow::ensure!(threads >= 1, "--threads must be at least 1, found {threads}");
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().context("--threads")
}
