//! Checkpoints: everything a run needs to go on as if it had never stopped.
//!
//! ```text
//! checkpoint/<step>/weights.safetensors     parameters and running statistics
//!                   optimizer.safetensors   the optimiser's named state
//!                   task.safetensors        what the task remembers, where it remembers anything
//!                   progress.json           step, sums of the epoch so far, best epoch; written last
//! checkpoint/best.safetensors               weights of the best epoch so far
//! ```
//! A checkpoint is written into a folder of its own and the one before is removed only after `progress.json` is
//! there, so a kill at any moment leaves one that is whole.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use sonovox_ops::ParamStore;
use sonovox_ops::optim::Optimizer;

use crate::TrainError;

/// The best epoch so far by held-out score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Epoch, counted from 0.
    pub epoch: u32,
    /// Its score; higher is better.
    pub score: f64,
}

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// Sum and count of each logged value over the epoch so far.
    pub sums: BTreeMap<String, (f64, u64)>,
    /// The best epoch so far.
    pub best: Option<Best>,
}

impl Progress {
    /// Counts one step with its values.
    pub(crate) fn count(&mut self, values: &[(String, f64)]) {
        self.step += 1;
        for (name, value) in values {
            let sum = self.sums.entry(name.clone()).or_insert((0.0, 0));
            *sum = (sum.0 + value, sum.1 + 1);
        }
    }

    /// Mean of each value over the epoch so far, by name.
    pub(crate) fn means(&self) -> Vec<(String, f64)> {
        self.sums.iter().map(|(name, (sum, count))| (name.clone(), sum / *count as f64)).collect()
    }
}

/// How far a checkpoint is, and what the task remembered.
pub(crate) type Resumed = (Progress, BTreeMap<String, Tensor>);

const PROGRESS: &str = "progress.json";
const WEIGHTS: &str = "weights.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
const TASK: &str = "task.safetensors";

pub(crate) struct Checkpoint {
    root: PathBuf,
}

impl Checkpoint {
    pub(crate) fn in_dir(dir: &Path) -> Self {
        Self { root: dir.join("checkpoint") }
    }

    pub(crate) fn save(
        &self,
        store: &ParamStore,
        optimizer: &dyn Optimizer,
        task: &BTreeMap<String, Tensor>,
        progress: &Progress,
    ) -> Result<(), TrainError> {
        let dir = self.root.join(format!("{:09}", progress.step));
        if dir.exists() {
            fs::remove_dir_all(&dir).map_err(TrainError::io(&dir))?;
        }
        fs::create_dir_all(&dir).map_err(TrainError::io(&dir))?;
        store.save(dir.join(WEIGHTS))?;
        let state: HashMap<_, _> = optimizer.state()?.into_iter().collect();
        candle_core::safetensors::save(&state, dir.join(OPTIMIZER))?;
        if !task.is_empty() {
            let state: HashMap<_, _> = task.clone().into_iter().collect();
            candle_core::safetensors::save(&state, dir.join(TASK))?;
        }
        let text = serde_json::to_string_pretty(progress).map_err(|e| self.unfit(&dir, &e))?;
        let (unfinished, finished) = (dir.join("progress.json.partial"), dir.join(PROGRESS));
        fs::write(&unfinished, text).map_err(TrainError::io(&unfinished))?;
        fs::File::open(&unfinished).and_then(|file| file.sync_all()).map_err(TrainError::io(&unfinished))?;
        fs::rename(&unfinished, &finished).map_err(TrainError::io(&finished))?;
        for other in self.folders()?.into_iter().filter(|other| *other != dir) {
            fs::remove_dir_all(&other).map_err(TrainError::io(&other))?;
        }
        Ok(())
    }

    /// Loads the newest whole checkpoint into `store` and `optimizer`, and gives how far it is and what the task remembered;
    /// `None` where there is none.
    pub(crate) fn load(
        &self,
        store: &ParamStore,
        optimizer: &mut dyn Optimizer,
    ) -> Result<Option<Resumed>, TrainError> {
        let Some(dir) = self.folders()?.into_iter().rfind(|dir| dir.join(PROGRESS).is_file()) else {
            return Ok(None);
        };
        let path = dir.join(PROGRESS);
        let text = fs::read_to_string(&path).map_err(TrainError::io(&path))?;
        let progress: Progress = serde_json::from_str(&text).map_err(|e| self.unfit(&path, &e))?;
        let weights = dir.join(WEIGHTS);
        store.load_strict(&weights).map_err(|e| self.unfit(&weights, &e))?;
        let state = dir.join(OPTIMIZER);
        let tensors =
            candle_core::safetensors::load(&state, store.device()).map_err(|e| self.unfit(&state, &e))?;
        optimizer.load_state(&tensors.into_iter().collect()).map_err(|e| self.unfit(&state, &e))?;
        let path = dir.join(TASK);
        let task = if path.is_file() {
            candle_core::safetensors::load(&path, &Device::Cpu).map_err(|e| self.unfit(&path, &e))?
        } else {
            HashMap::new()
        };
        Ok(Some((progress, task.into_iter().collect())))
    }

    pub(crate) fn save_best(&self, store: &ParamStore) -> Result<(), TrainError> {
        fs::create_dir_all(&self.root).map_err(TrainError::io(&self.root))?;
        Ok(store.save(self.best())?)
    }

    pub(crate) fn load_best(&self, store: &ParamStore) -> Result<(), TrainError> {
        store.load_strict(self.best()).map_err(|e| self.unfit(&self.best(), &e))
    }

    fn best(&self) -> PathBuf {
        self.root.join("best.safetensors")
    }

    /// Checkpoint folders, oldest first.
    fn folders(&self) -> Result<Vec<PathBuf>, TrainError> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(TrainError::io(&self.root)(error)),
        };
        let mut folders = Vec::new();
        for entry in entries {
            let path = entry.map_err(TrainError::io(&self.root))?.path();
            if path.is_dir() {
                folders.push(path);
            }
        }
        folders.sort();
        Ok(folders)
    }

    fn unfit(&self, path: &Path, cause: &dyn std::fmt::Display) -> TrainError {
        TrainError::Checkpoint { path: path.to_owned(), cause: cause.to_string() }
    }
}
