//! Settings of the comparison: the recipe's `[compare]` section.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::ReportError;

/// The whole section. The sections beside it say what a cell is: the study, the networks, the epochs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompareConfig {
    /// Folder of methods of pretraining, a TOML file to each, laid over the recipe.
    pub methods_dir: PathBuf,
    /// Names of the methods (files without `.toml`) in the tables' order; none: all of the folder, by name. A random encoder
    /// comes before them by itself.
    pub methods: Vec<String>,
    /// A safetensors file of supervised ImageNet weights (docs/method.md, "Other networks"): two baselines more, its weights and the
    /// random start of its network. Where the file is not there, the page says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imagenet: Option<PathBuf>,
    /// Seeds of weights and draws; every method is run with each.
    pub seeds: Vec<u64>,
    /// Shares of the labels, above 0 and at most 1, for the frozen probe and the fine-tuning of planes.
    pub label_shares: Vec<f64>,
    /// Whether gaze is predicted too; a study without gaze tables has none to learn from.
    pub gaze: bool,
    /// The method that the others are held against.
    pub subject: String,
    /// Methods of an ablation, each held against the one before it; those that are not run are passed over.
    pub steps: Vec<String>,
    /// Folds on whose test subjects the settings of `subject` were chosen: the page shows the differences without them, too.
    pub developed_on: Vec<u32>,
    /// Methods whose held-out alignment is drawn over the epochs.
    pub curves: Vec<String>,
    /// Whether those methods keep the weights of every epoch, so that affinity is drawn over the epochs, too; on disk a cell's weights
    /// times its epochs.
    pub snapshots: bool,
    /// Which held-out value of the event log that is.
    pub curve_value: String,
}

impl Default for CompareConfig {
    fn default() -> Self {
        Self {
            methods_dir: "data/recipes/methods".into(),
            methods: Vec::new(),
            imagenet: None,
            seeds: vec![1, 2],
            label_shares: vec![1.0, 0.1, 0.02],
            gaze: true,
            subject: "ours".to_owned(),
            steps: ["random", "classification", "classification-contrastive", "paper"]
                .map(str::to_owned)
                .to_vec(),
            developed_on: Vec::new(),
            curves: vec!["paper".to_owned(), "ours".to_owned()],
            snapshots: false,
            curve_value: "alignment_auc".to_owned(),
        }
    }
}

impl CompareConfig {
    /// Refuses settings outside their range.
    ///
    /// # Errors
    /// Names the first setting that is wrong, what it must be and what it is.
    pub fn validate(&self) -> Result<(), ReportError> {
        let refuse = |setting, expected, found| Err(ReportError::Setting { setting, expected, found });
        if self.seeds.is_empty() {
            return refuse("seeds", "at least one", "none".to_owned());
        }
        if self.label_shares.is_empty() {
            return refuse("label_shares", "at least one", "none".to_owned());
        }
        if let Some(twice) = twice(&self.seeds) {
            return refuse("seeds", "different numbers", format!("{twice} twice"));
        }
        if let Some(twice) = twice(&self.methods) {
            return refuse("methods", "different names", format!("{twice} twice"));
        }
        let shares: Vec<u64> = self.label_shares.iter().map(|share| share.to_bits()).collect();
        if let Some(twice) = twice(&shares) {
            return refuse("label_shares", "different shares", format!("{} twice", f64::from_bits(*twice)));
        }
        match self.label_shares.iter().find(|share| !(**share > 0.0 && **share <= 1.0)) {
            Some(share) => refuse("label_shares", "above 0 and at most 1", share.to_string()),
            None => Ok(()),
        }
    }
}

/// What is there more than once.
fn twice<T: PartialEq>(values: &[T]) -> Option<&T> {
    values.iter().enumerate().find(|(at, value)| values[..*at].contains(value)).map(|(_, value)| value)
}
