//! What planes and gaze have in common on the command line.

use std::fmt::Display;
use std::path::Path;

use anyhow::Result;
use candle_core::Device;
use sonovox_downstream::{DownstreamError, EncoderChoice, EvalRequest, FinetuneRequest, Summary};
use sonovox_train::Monitor;

use super::Ended;
use crate::args::{Common, Compute};
use crate::interrupt;
use crate::progress::TrainingProgress;
use crate::recipe::Recipe;

/// A fine-tuning request with everything but its section, ready to borrow from.
pub struct Tuning {
    encoder: EncoderChoice,
    device: Device,
}

impl Tuning {
    /// Sets up threads and device and reads the encoder's word.
    pub fn new(encoder: &str, compute: &Compute) -> Result<Self> {
        let device = compute.device.open()?;
        let Ok(encoder) = encoder.parse();
        Ok(Self { encoder, device })
    }

    /// Where to compute.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The request for the recipe's section `config`.
    pub fn request<'a, C>(
        &'a self,
        clips: &'a Path,
        out: &'a Path,
        recipe: &'a Recipe,
        config: &'a C,
        common: &Common,
    ) -> FinetuneRequest<'a, C> {
        FinetuneRequest {
            clips,
            encoder: &self.encoder,
            out,
            config,
            split: &recipe.split,
            seed: recipe.seed,
            device: self.device.clone(),
            existing: common.existing(),
        }
    }
}

/// Runs a fine-tuning under a progress bar and prints its summary.
pub fn follow<R: Display>(
    what: &str,
    run: impl FnOnce(&mut dyn Monitor) -> Result<Summary<R>, DownstreamError>,
) -> Result<Ended> {
    let mut progress = TrainingProgress::new(what, interrupt::flag()?);
    let summary = run(&mut progress)?;
    drop(progress);
    Ok(show(&summary))
}

/// Prints a summary.
pub fn show<R: Display>(summary: &Summary<R>) -> Ended {
    println!("{summary}");
    match summary {
        Summary::Finished { .. } => Ended::Done,
        Summary::Interrupted { .. } => Ended::Interrupted,
    }
}

/// The request of an evaluation.
pub fn eval_request<'a>(
    model: &'a Path,
    clips: &'a Path,
    out: &'a Path,
    common: &Common,
    allow_seen_subjects: bool,
    device: Device,
) -> EvalRequest<'a> {
    let existing = common.existing();
    EvalRequest { model, clips: Some(clips), out, allow_seen_subjects, device, existing }
}
