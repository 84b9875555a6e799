//! `metrics.json`: how well planes are detected.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value, json};
use sonovox_metrics::{ClassScores, Confusion, MacroScores};

use super::labelled::LabelledFrames;
use super::predictions::Predictions;
use crate::artifact_parts::SIMULATED_NOTE;
use crate::clips::Clips;
use crate::frame_set::Tested;

/// What a detector that sees nothing would get.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Baseline {
    /// Macro F1.
    pub macro_f1: f64,
    /// Share of frames that are right.
    pub accuracy: f64,
}

/// All figures of one evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaneReport {
    /// Means over the planes.
    pub macro_scores: MacroScores,
    /// Share of frames that are right.
    pub accuracy: f64,
    /// Each plane with its scores.
    pub per_plane: Vec<(String, ClassScores)>,
    /// Frames by plane (row) and prediction (column).
    pub confusion: Vec<Vec<u64>>,
    /// Calling every frame what most training frames are.
    pub majority: Baseline,
    /// Guessing, every plane equally often: expected accuracy, and macro F1 of the expected counts.
    pub guessing: Baseline,
    /// What was tested on.
    pub tested: Tested,
    /// What a reader should know.
    pub notes: Vec<String>,
}

impl PlaneReport {
    /// Judges predictions on labelled frames; `train_support` counts the training frames of each plane.
    pub(crate) fn new(
        clips: &Clips,
        labelled: &LabelledFrames,
        predictions: &Predictions,
        train_support: &[u64],
    ) -> Self {
        let names = &clips.source.details.planes;
        let confusion = predictions.confusion(&labelled.truth);
        Self {
            macro_scores: confusion.macro_average(),
            accuracy: confusion.accuracy(),
            per_plane: names.iter().cloned().zip(confusion.per_class()).collect(),
            majority: majority(&labelled.truth, train_support),
            guessing: guessing(&labelled.truth, train_support),
            confusion: confusion.rows(),
            tested: labelled.tested(clips),
            notes: notes(clips, train_support),
        }
    }
}

fn majority(labels: &[usize], train_support: &[u64]) -> Baseline {
    let most = (0..train_support.len()).rev().max_by_key(|&plane| train_support[plane]).unwrap_or(0);
    let mut confusion = Confusion::new(train_support.len());
    labels.iter().for_each(|&label| confusion.add(label, most));
    Baseline { macro_f1: confusion.macro_f1(), accuracy: confusion.accuracy() }
}

fn guessing(labels: &[usize], train_support: &[u64]) -> Baseline {
    let planes = train_support.len() as f64;
    let called = labels.len() as f64 / planes;
    let f1 = |plane: usize| {
        let support = labels.iter().filter(|&&label| label == plane).count() as f64;
        2.0 * (support / planes) / (support + called)
    };
    Baseline { macro_f1: (0..train_support.len()).map(f1).sum::<f64>() / planes, accuracy: 1.0 / planes }
}

fn notes(clips: &Clips, train_support: &[u64]) -> Vec<String> {
    let details = &clips.source.details;
    let never_trained: Vec<&str> = details
        .planes
        .iter()
        .zip(train_support)
        .filter(|(_, frames)| **frames == 0)
        .map(|(plane, _)| plane.as_str())
        .collect();
    let without = format!("no training frame shows {}", never_trained.join(", "));
    [details.simulated.then(|| SIMULATED_NOTE.to_owned()), (!never_trained.is_empty()).then_some(without)]
        .into_iter()
        .flatten()
        .collect()
}

impl Serialize for PlaneReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let per_class: Map<String, Value> =
            self.per_plane.iter().map(|(name, scores)| (name.clone(), json!(scores))).collect();
        let planes: Vec<&String> = self.per_plane.iter().map(|(name, _)| name).collect();
        json!({
            "macro": self.macro_scores,
            "accuracy": self.accuracy,
            "per_class": per_class,
            "confusion": self.confusion,
            "planes": planes,
            "baseline": {"majority": self.majority, "guessing": self.guessing},
            "tested": self.tested,
            "notes": self.notes,
        })
        .serialize(serializer)
    }
}

impl fmt::Display for PlaneReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.tested)?;
        let width = self.per_plane.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or(0).max(8);
        writeln!(f, "{:<width$} {:>9} {:>9} {:>9} {:>8}", "", "precision", "recall", "F1", "frames")?;
        for (name, ClassScores { precision, recall, f1, support, .. }) in &self.per_plane {
            writeln!(f, "{name:<width$} {precision:>9.3} {recall:>9.3} {f1:>9.3} {support:>8}")?;
        }
        let MacroScores { precision, recall, f1 } = self.macro_scores;
        writeln!(
            f,
            "{:<width$} {precision:>9.3} {recall:>9.3} {f1:>9.3} {:>8}",
            "macro", self.tested.frames
        )?;
        let Self { majority, guessing, .. } = self;
        for (name, found, all_one, any) in [
            ("accuracy", self.accuracy, majority.accuracy, guessing.accuracy),
            ("macro F1", f1, majority.macro_f1, guessing.macro_f1),
        ] {
            writeln!(f, "{name} {found:.3} (majority {all_one:.3}, guessing {any:.3})")?;
        }
        writeln!(f, "confusion, a row to each plane:")?;
        for (cells, (name, ..)) in self.confusion.iter().zip(&self.per_plane) {
            let cells: String = cells.iter().map(|cell| format!(" {cell:>6}")).collect();
            writeln!(f, "{name:<width$}{cells}")?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baselines_are_what_blind_detectors_get() {
        let labels = [0, 0, 0, 0, 0, 0, 1, 1, 2, 2];
        let found = majority(&labels, &[5, 9, 9]);
        assert_eq!(found.accuracy, 0.2, "the first of the most frequent in training");
        // plane 1: precision 0.2, recall 1; the others 0; plane 0 and 2 occurred, so all three count
        assert!((found.macro_f1 - 2.0 * 0.2 / 1.2 / 3.0).abs() < 1e-12);
        let found = guessing(&labels, &[5, 9, 9]);
        let f1 = |share: f64| 2.0 * share / 3.0 / (share + 1.0 / 3.0);
        assert!((found.macro_f1 - (f1(0.6) + 2.0 * f1(0.2)) / 3.0).abs() < 1e-12);
        assert!((found.accuracy - 1.0 / 3.0).abs() < 1e-12);
    }
}
