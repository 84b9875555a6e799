//! What both stages leave beside their own results: weights, event log, notes, the circumstances of the run.

use std::fs;
use std::path::Path;
use std::time::Instant;

use candle_core::Device;
use serde::Serialize;
use sonovox_artifact::{ArtifactWriter, RunFacts};
use sonovox_ops::{ParamStore, describe_device};
use sonovox_train::{Best, Keep, Monitor, Outcome, RunConfig, RunFolder, Task};

use crate::DownstreamError;

/// Weights of encoder and head, running statistics included.
pub(crate) const WEIGHTS: &str = "weights.safetensors";
/// Predictions on the test frames.
pub(crate) const PREDICTIONS: &str = "predictions.safetensors";
/// The figures.
pub(crate) const METRICS: &str = "metrics.json";

/// Start of the event log's files.
const EVENTS: &str = "events.";

/// Said beside figures that were made from simulated clips.
pub(crate) const SIMULATED_NOTE: &str = "simulated recordings: these figures show that the program learns what was drawn, and claim nothing clinical";

/// How training ended.
pub(crate) enum Trained {
    /// The store holds the weights to hand on: those of epoch `best`, or of the last step.
    Finished { best: Option<Best> },
    /// Stopped on request after `step` steps.
    Interrupted { step: u64 },
}

/// Trains in the artifact's scratch folder, where checkpoints may lie, and copies the event log into the artifact.
pub(crate) fn train<T: Task>(
    task: &mut T,
    store: &ParamStore,
    config: &RunConfig,
    writer: &mut ArtifactWriter,
    monitor: &mut dyn Monitor,
) -> Result<Trained, DownstreamError> {
    writer.exclude_from_hash(EVENTS);
    let scratch = writer.scratch_dir()?;
    let folder = RunFolder { dir: &scratch, resume: writer.resumed(), snapshots: false };
    let best = match sonovox_train::run(task, store, config, folder, monitor)? {
        Outcome::Interrupted { step } => return Ok(Trained::Interrupted { step }),
        Outcome::Finished { best, .. } => best.filter(|_| config.keep == Keep::Best),
    };
    // copied and not moved: a run that is killed from here on still finds its log when it resumes
    copy_events(&scratch, writer.dir())?;
    Ok(Trained::Finished { best })
}

fn copy_events(from: &Path, to: &Path) -> Result<(), DownstreamError> {
    for entry in fs::read_dir(from).map_err(DownstreamError::io(from))? {
        let entry = entry.map_err(DownstreamError::io(from))?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(EVENTS) {
            let path = to.join(&name);
            fs::copy(entry.path(), &path).map_err(DownstreamError::io(path))?;
        }
    }
    Ok(())
}

/// Writes `value` as readable JSON, keys sorted.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), DownstreamError> {
    let value = serde_json::to_value(value).expect("plain data");
    let text = serde_json::to_string_pretty(&value).expect("plain data") + "\n";
    fs::write(path, text).map_err(DownstreamError::io(path))
}

/// The circumstances of a run that began at `started`.
pub(crate) fn run_facts(device: &Device, started: Instant) -> RunFacts {
    RunFacts {
        device: describe_device(device),
        threads: rayon::current_num_threads() as u64,
        wall_secs: started.elapsed().as_secs_f64(),
    }
}
