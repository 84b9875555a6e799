//! The loop.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use candle_core::Tensor;
use candle_core::backprop::GradStore;
use sonovox_ops::ParamStore;
use sonovox_ops::optim::{Optimizer, clip_scale, global_norm};
use sonovox_ops::{backward, no_grad};

use crate::checkpoint::{Best, Checkpoint, Progress};
use crate::{BatchSource, EventLog, Keep, Loader, RunConfig, TrainError, snapshots};

/// The losses of one step.
pub struct Losses {
    /// What is minimised, a scalar.
    pub total: Tensor,
    /// Named values to log and to average over the epoch (detached).
    pub parts: Vec<(&'static str, f64)>,
}

/// What a task found on held-out data after an epoch.
pub struct Evaluation {
    /// Named values to log.
    pub values: Vec<(String, f64)>,
    /// What [`Keep::Best`] compares; higher is better. `None` where there is nothing to compare.
    pub score: Option<f64>,
}

/// What is trained: the network with its losses, and where its batches come from.
pub trait Task {
    /// Draws the batches.
    type Source: BatchSource;
    /// The source, shared with the loader's thread.
    fn source(&self) -> Arc<Self::Source>;
    /// Steps that make an epoch, at least 1.
    fn steps_per_epoch(&self) -> u64;
    /// The losses of one batch, in training mode.
    ///
    /// # Errors
    /// When a tensor operation fails.
    fn losses(&mut self, batch: <Self::Source as BatchSource>::Batch) -> Result<Losses, TrainError>;
    /// Looks at held-out data after `epoch` (counted from 0), in evaluation mode and without a graph.
    ///
    /// # Errors
    /// When held-out data cannot be read or a tensor operation fails.
    fn evaluate(&mut self, epoch: u32) -> Result<Evaluation, TrainError>;
    /// What else an epoch has to say, asked after its evaluation: named values to log, by kind of event.
    fn report(&mut self, _epoch: u32, _train: &[(String, f64)], _held_out: &Evaluation) -> Vec<Report> {
        Vec::new()
    }
    /// What the task itself remembers from step to step, by name; saved with every checkpoint.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    fn state(&self) -> Result<BTreeMap<String, Tensor>, TrainError> {
        Ok(BTreeMap::new())
    }
    /// Takes back what [`Task::state`] gave, before a resumed run goes on.
    ///
    /// # Errors
    /// When names or shapes are not those of this task.
    fn load_state(&mut self, _state: &BTreeMap<String, Tensor>) -> Result<(), TrainError> {
        Ok(())
    }
}

/// A line of the event log: its kind, and named values.
pub type Report = (&'static str, Vec<(String, f64)>);

/// Who watches a run: a progress bar, a log.
pub trait Monitor {
    /// After every step: steps done, of how many, and the mean of each loss over the epoch so far.
    fn step(&mut self, _done: u64, _of: u64, _means: &[(String, f64)]) {}
    /// After every epoch: its number from 0, mean training losses, held-out values.
    fn epoch(&mut self, _epoch: u32, _train: &[(String, f64)], _held_out: &Evaluation) {}
    /// Asked between steps: true ends the run at a checkpoint.
    fn interrupted(&self) -> bool {
        false
    }
}

/// Watches nothing.
pub struct Silent;
impl Monitor for Silent {}

/// How a run ended.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// All epochs are done; the store holds the weights that [`RunConfig::keep`] asks for.
    Finished {
        /// The epoch with the best held-out score, if any epoch had a score.
        best: Option<Best>,
        /// Steps done.
        steps: u64,
    },
    /// Stopped on request; a checkpoint of this step lies on disk.
    Interrupted {
        /// Steps done.
        step: u64,
    },
}

/// Where a run leaves its log and its checkpoints.
#[derive(Clone, Copy, Debug)]
pub struct RunFolder<'a> {
    /// The folder.
    pub dir: &'a Path,
    /// Whether to go on from the checkpoint that lies there.
    pub resume: bool,
    /// Whether to keep the weights of every epoch, too: [`crate::snapshots`].
    pub snapshots: bool,
}

/// Trains `task`, whose parameters live in `store`, leaving log and checkpoints in a folder.
///
/// With [`RunFolder::resume`] the run goes on from the checkpoint there (from the start where there is none) and ends in the
/// same bytes as a run that was never stopped.
///
/// # Errors
/// [`TrainError::Diverged`] where a loss or the gradient stops being finite; otherwise what the task, the tensors or
/// the disk report.
pub fn run<T: Task>(
    task: &mut T,
    store: &ParamStore,
    config: &RunConfig,
    folder: RunFolder<'_>,
    monitor: &mut dyn Monitor,
) -> Result<Outcome, TrainError> {
    config.validate()?;
    let mut optimizer = config.optimizer.build(store)?;
    let checkpoint = Checkpoint::in_dir(folder.dir);
    let mut at = Progress::default();
    if folder.resume
        && let Some((progress, state)) = checkpoint.load(store, optimizer.as_mut())?
    {
        task.load_state(&state)?;
        at = progress;
    }
    let mut log = EventLog::open(folder.dir, at.step)?;
    let per_epoch = task.steps_per_epoch().max(1);
    let total = per_epoch * u64::from(config.epochs);
    while at.step < total {
        let epoch = u32::try_from(at.step / per_epoch).unwrap_or(u32::MAX);
        let end = (u64::from(epoch) + 1) * per_epoch;
        for batch in Loader::start(task.source(), at.step..end, config.batches_ahead) {
            let step =
                train_step(task.losses(batch?)?, store, optimizer.as_mut(), config, at.step, per_epoch)?;
            at.count(&step);
            if at.step % config.log_every_steps == 0 {
                log.log("step", at.step, epoch, &step)?;
            }
            monitor.step(at.step, total, &at.means());
            let stop = monitor.interrupted();
            if at.step < end && (stop || at.step % config.checkpoint_every_steps == 0) {
                log.flush()?;
                checkpoint.save(store, optimizer.as_ref(), &task.state()?, &at)?;
            }
            if stop && at.step < end {
                return Ok(Outcome::Interrupted { step: at.step });
            }
        }
        finish_epoch(task, store, &mut at, epoch, &checkpoint, &mut log, monitor)?;
        if folder.snapshots {
            snapshots::save(folder.dir, epoch, store)?;
        }
        log.flush()?;
        checkpoint.save(store, optimizer.as_ref(), &task.state()?, &at)?;
        if monitor.interrupted() && at.step < total {
            return Ok(Outcome::Interrupted { step: at.step });
        }
    }
    if config.keep == Keep::Best && at.best.is_some() {
        checkpoint.load_best(store)?;
    }
    Ok(Outcome::Finished { best: at.best, steps: at.step })
}

/// One update; the named values of the step, with gradient norm and learning rate.
fn train_step(
    losses: Losses,
    store: &ParamStore,
    optimizer: &mut dyn Optimizer,
    config: &RunConfig,
    step: u64,
    per_epoch: u64,
) -> Result<Vec<(String, f64)>, TrainError> {
    for (what, value) in &losses.parts {
        finite(step, what, *value)?;
    }
    let gradients: GradStore = backward(&losses.total)?;
    let norm = finite(step, "gradient norm", global_norm(&store.params(), &gradients)?)?;
    let scale = if config.clip_norm > 0.0 { clip_scale(norm, config.clip_norm) } else { 1.0 };
    let rate = config.optimizer.learning_rate() * config.schedule.factor(step, per_epoch, config.epochs);
    optimizer.step(&gradients, rate, scale)?;
    let mut values: Vec<_> = losses.parts.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    values.push(("gradient_norm".into(), norm));
    values.push(("learning_rate".into(), rate));
    Ok(values)
}

fn finish_epoch<T: Task>(
    task: &mut T,
    store: &ParamStore,
    at: &mut Progress,
    epoch: u32,
    checkpoint: &Checkpoint,
    log: &mut EventLog,
    monitor: &mut dyn Monitor,
) -> Result<(), TrainError> {
    let trained = at.means();
    at.sums = BTreeMap::new();
    let held_out = no_grad(|| task.evaluate(epoch))?;
    log.log("train", at.step, epoch, &trained)?;
    log.log("held_out", at.step, epoch, &held_out.values)?;
    for (event, values) in task.report(epoch, &trained, &held_out) {
        log.log(event, at.step, epoch, &values)?;
    }
    if let Some(score) = held_out.score
        && score.is_finite()
        && at.best.is_none_or(|best| score > best.score)
    {
        at.best = Some(Best { epoch, score });
        checkpoint.save_best(store)?;
    }
    monitor.epoch(epoch, &trained, &held_out);
    Ok(())
}

fn finite(step: u64, what: &str, value: f64) -> Result<f64, TrainError> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(TrainError::Diverged { step, what: what.to_owned(), value })
    }
}
