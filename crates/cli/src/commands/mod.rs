//! One file to a command: flags and recipe in, one call to a stage, its summary out.

mod alignment;
mod compare;
mod downstream;
mod gaze;
mod planes;
#[cfg(feature = "media")]
mod preprocess;
mod pretrain;
#[cfg(feature = "media")]
mod simulate;
mod threads;

use anyhow::Result;
use sonovox_alignment::AlignmentError;
use sonovox_artifact::ArtifactError;
use sonovox_downstream::DownstreamError;
#[cfg(feature = "media")]
use sonovox_preprocess::PreprocessError;
use sonovox_pretrain::PretrainError;
use sonovox_report::ReportError;
use sonovox_train::TrainError;

use crate::args::{Command, Common};
use crate::recipe::Recipe;
use threads::computing;

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
        Command::SimulatePreview(args) => simulate::preview(&args),
        #[cfg(feature = "media")]
        Command::Preprocess(args) => preprocess::run(&args),
        Command::Pretrain(args) => computing(&args.compute, || pretrain::run(&args)),
        Command::EvalPretrain(args) => computing(&args.compute, || alignment::run(&args)),
        Command::FinetunePlanes(args) => computing(&args.compute, || planes::finetune(&args)),
        Command::ProbePlanes(args) => computing(&args.compute, || planes::probe(&args)),
        Command::EvalPlanes(args) => computing(&args.compute, || planes::eval(&args)),
        Command::FinetuneGaze(args) => computing(&args.compute, || gaze::finetune(&args)),
        Command::EvalGaze(args) => computing(&args.compute, || gaze::eval(&args)),
        Command::Compare(args) => compare::run(&args),
        Command::Recipe(common) => print_recipe(&common),
    };
    warn_of_slow_convolutions();
    match ended {
        Err(error) if already_finished(&error) => {
            println!("{}", describe(&error));
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
    let diverged = matches!(train_fault(error), Some(TrainError::Diverged { .. } | TrainError::Io { .. }));
    let disk = matches!(artifact_fault(error), Some(ArtifactError::Io { .. }))
        || matches!(error.downcast_ref(), Some(ReportError::Io { .. }));
    if diverged || disk || error.is::<compare::CellsFailed>() { 1 } else { 2 }
}

/// The whole error on one line: every cause that the words before do not say already.
pub fn describe(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if said.is_empty() {
            said = cause;
        } else if !said.contains(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}

fn already_finished(error: &anyhow::Error) -> bool {
    matches!(artifact_fault(error), Some(ArtifactError::AlreadyFinished { .. }))
}

/// The fault of an artifact inside a stage's error. The stages' errors pass it on transparently, so that it is not in
/// the chain of causes by itself.
fn artifact_fault(error: &anyhow::Error) -> Option<&ArtifactError> {
    #[cfg(feature = "media")]
    if let Some(PreprocessError::Artifact(fault)) = error.downcast_ref() {
        return Some(fault);
    }
    if let Some(AlignmentError::Artifact(fault)) = error.downcast_ref() {
        return Some(fault);
    }
    match (error.downcast_ref(), error.downcast_ref()) {
        (Some(PretrainError::Artifact(fault)), _) | (_, Some(DownstreamError::Artifact(fault))) => {
            Some(fault)
        }
        _ => None,
    }
}

fn train_fault(error: &anyhow::Error) -> Option<&TrainError> {
    match (error.downcast_ref(), error.downcast_ref()) {
        (Some(PretrainError::Train(fault)), _) | (_, Some(DownstreamError::Train(fault))) => Some(fault),
        _ => None,
    }
}

/// Says which convolutions were slower on the card than they have to be.
fn warn_of_slow_convolutions() {
    for note in sonovox_ops::slow_convolutions() {
        tracing::warn!("computed by a slow kernel: {note}");
    }
}
