//! A run that is stopped and resumed ends in the same bytes as one that never was.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use sonovox_ops::{Init, ParamStore};
use sonovox_train::{
    BatchSource, Evaluation, Keep, Losses, Monitor, OptimizerConfig, Outcome, Report, RunConfig, RunFolder,
    Schedule, Silent, Task, TrainError, run, snapshots,
};

/// Fits y = W x with x and a fixed W drawn from the step.
struct Lines;
impl BatchSource for Lines {
    type Batch = (Tensor, Tensor);
    fn draw(&self, step: u64) -> Result<Self::Batch, TrainError> {
        let x: Vec<f32> = (0..12).map(|i| ((step * 12 + i) as f32 * 0.7).sin()).collect();
        let y: Vec<f32> = x.chunks(3).map(|x| 2.0 * x[0] - x[1] + 0.5 * x[2]).collect();
        Ok((Tensor::from_vec(x, (4, 3), &Device::Cpu)?, Tensor::from_vec(y, (4, 1), &Device::Cpu)?))
    }
}

struct Fit {
    weight: candle_core::Var,
    poison_at: Option<u64>,
    seen: u64,
    /// Running sum of the losses, which the next loss is scaled by: a run that forgets it ends elsewhere.
    memory: f64,
}
impl Task for Fit {
    type Source = Lines;
    fn source(&self) -> Arc<Lines> {
        Arc::new(Lines)
    }
    fn steps_per_epoch(&self) -> u64 {
        7
    }
    fn losses(&mut self, (x, y): (Tensor, Tensor)) -> Result<Losses, TrainError> {
        let total = (x.matmul(self.weight.as_tensor())? - y)?.sqr()?.mean_all()?;
        let total = if self.poison_at == Some(self.seen) { (total * f64::NAN)? } else { total };
        self.seen += 1;
        let total = (total / (1.0 + self.memory))?;
        let value = f64::from(total.to_scalar::<f32>()?);
        self.memory += value;
        Ok(Losses { total, parts: vec![("squared_error", value)] })
    }
    fn evaluate(&mut self, epoch: u32) -> Result<Evaluation, TrainError> {
        // best in the middle of the run, so that keeping the best differs from keeping the last; a score that is no number is none
        let score = if epoch == 0 { f64::NAN } else { -(f64::from(epoch) - 2.0).abs() };
        Ok(Evaluation { values: vec![("epoch".into(), f64::from(epoch))], score: Some(score) })
    }
    fn report(&mut self, _epoch: u32, _train: &[(String, f64)], _held_out: &Evaluation) -> Vec<Report> {
        vec![("memory", vec![("sum".into(), self.memory)])]
    }
    fn state(&self) -> Result<BTreeMap<String, Tensor>, TrainError> {
        Ok(BTreeMap::from([("memory".to_owned(), Tensor::new(&[self.memory], &Device::Cpu)?)]))
    }
    fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<(), TrainError> {
        self.memory = state["memory"].to_vec1::<f64>()?[0];
        Ok(())
    }
}

struct StopAt(u64, u64);
impl Monitor for StopAt {
    fn step(&mut self, done: u64, _of: u64, _means: &[(String, f64)]) {
        self.1 = done;
    }
    fn interrupted(&self) -> bool {
        self.1 >= self.0
    }
}

fn config(optimizer: OptimizerConfig) -> RunConfig {
    RunConfig {
        epochs: 5,
        optimizer,
        schedule: Schedule::Cosine { warmup: 0.1, floor: 0.0 },
        clip_norm: 1.0,
        keep: Keep::Last,
        precision: sonovox_ops::Precision::F32,
        batches_ahead: 2,
        log_every_steps: 3,
        checkpoint_every_steps: 4,
    }
}

fn fit(
    config: &RunConfig,
    dir: &Path,
    resume: bool,
    monitor: &mut dyn Monitor,
) -> (Result<Outcome, TrainError>, Vec<f32>) {
    let store = ParamStore::new(3, DType::F32, &Device::Cpu);
    let weight = store.scope().param("weight", (3, 1), Init::Normal { std: 0.1 }).expect("param");
    let mut task = Fit { weight: weight.clone(), poison_at: None, seen: 0, memory: 0.0 };
    let outcome = run(&mut task, &store, config, RunFolder { dir, resume, snapshots: true }, monitor);
    (outcome, weight.flatten_all().and_then(|w| w.to_vec1()).expect("values"))
}

#[test]
fn stopped_and_resumed_equals_never_stopped() {
    for optimizer in [
        OptimizerConfig::AdamW { learning_rate: 0.05, weight_decay: 0.01 },
        OptimizerConfig::Sgd { learning_rate: 0.05, momentum: 0.9, weight_decay: 5e-4 },
    ] {
        let config = config(optimizer);
        let (whole_dir, parts_dir) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
        let (whole, weights) = fit(&config, whole_dir.path(), false, &mut Silent);
        assert!(matches!(whole, Ok(Outcome::Finished { steps: 35, .. })), "{whole:?}");
        // stopped inside an epoch, at an epoch's end, and once more
        for (attempt, stop) in [10, 14, 33].into_iter().enumerate() {
            let (part, _) = fit(&config, parts_dir.path(), attempt > 0, &mut StopAt(stop, 0));
            assert!(matches!(part, Ok(Outcome::Interrupted { step }) if step == stop), "{part:?}");
        }
        let (end, resumed) = fit(&config, parts_dir.path(), true, &mut Silent);
        assert_eq!(end.expect("finished"), whole.expect("finished"));
        assert_eq!(resumed, weights);
        let events = |dir: &Path| fs::read_to_string(dir.join("events.jsonl")).expect("log");
        assert_eq!(events(parts_dir.path()), events(whole_dir.path()));
        assert_eq!(events(whole_dir.path()).matches("\"event\":\"memory\"").count(), 5);
    }
}

#[test]
fn the_best_epoch_is_handed_on_when_asked_for() {
    let mut config = config(OptimizerConfig::AdamW { learning_rate: 0.05, weight_decay: 0.0 });
    let (last_dir, best_dir) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    let (_, last) = fit(&config, last_dir.path(), false, &mut Silent);
    config.keep = Keep::Best;
    let (outcome, best) = fit(&config, best_dir.path(), false, &mut Silent);
    assert!(
        matches!(outcome, Ok(Outcome::Finished { best: Some(best), .. }) if best.epoch == 2),
        "{outcome:?}"
    );
    assert_ne!(last, best);
}

#[test]
fn every_epoch_leaves_its_weights_whether_stopped_or_not() {
    let config = config(OptimizerConfig::AdamW { learning_rate: 0.05, weight_decay: 0.0 });
    let (whole, parts) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    let (_, last) = fit(&config, whole.path(), false, &mut Silent);
    fit(&config, parts.path(), false, &mut StopAt(17, 0)).0.expect("stopped");
    fit(&config, parts.path(), true, &mut Silent).0.expect("finished");
    let of = |dir: &Path| -> Vec<(u32, Vec<u8>)> {
        let found = snapshots::list(dir).expect("a folder");
        found.into_iter().map(|(epoch, path)| (epoch, fs::read(path).expect("a file"))).collect()
    };
    let found = of(whole.path());
    assert_eq!(found.iter().map(|(epoch, _)| *epoch).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(found, of(parts.path()));
    let file = whole.path().join("snapshots/epoch-005.safetensors");
    let weights = candle_core::safetensors::load(file, &Device::Cpu).expect("weights");
    let values = weights["weight"].flatten_all().and_then(|w| w.to_vec1::<f32>()).expect("values");
    assert_eq!(values, last);
    assert!(snapshots::list(&whole.path().join("no such folder")).expect("none").is_empty());
}

#[test]
fn divergence_is_an_error_that_names_the_step() {
    let dir = tempfile::tempdir().expect("dir");
    let store = ParamStore::new(3, DType::F32, &Device::Cpu);
    let weight = store.scope().param("weight", (3, 1), Init::Zeros).expect("param");
    let mut task = Fit { weight, poison_at: Some(9), seen: 0, memory: 0.0 };
    let config = config(OptimizerConfig::AdamW { learning_rate: 0.05, weight_decay: 0.0 });
    let folder = RunFolder { dir: dir.path(), resume: false, snapshots: false };
    let outcome = run(&mut task, &store, &config, folder, &mut Silent);
    assert!(matches!(outcome, Err(TrainError::Diverged { step: 9, .. })), "{outcome:?}");
}
