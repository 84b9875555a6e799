//! Confusion matrix and what is read off it: precision, recall, F1, accuracy.
//!
//! Conventions are those of scikit-learn (`precision_recall_fscore_support(..., zero_division=0)`): a class that was never
//! predicted has precision 0, one that never occurred has recall 0, F1 is 0 where both are, and macro averages are the
//! plain mean over the classes that occurred or were predicted. A class that is in the list and did neither is left out
//! of the averages: nothing was asked about it.

use serde::Serialize;

/// How often each class (row) was called what (column).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    counts: Vec<u64>,
}

/// Scores of one class, each 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClassScores {
    /// Of what was called so, the share that is so; 0 where nothing was called so.
    pub precision: f64,
    /// Of what is so, the share that was called so; 0 where nothing is so.
    pub recall: f64,
    /// Harmonic mean of both; 0 where both are 0.
    pub f1: f64,
    /// How many are so.
    pub support: u64,
    /// How many were called so.
    pub predicted: u64,
}

/// Means over the classes that occurred or were predicted, each 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct MacroScores {
    /// Mean precision.
    pub precision: f64,
    /// Mean recall.
    pub recall: f64,
    /// Mean F1 (not the F1 of the means).
    pub f1: f64,
}

impl Confusion {
    /// An empty matrix for `classes` classes.
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
    }

    /// Counts one case.
    ///
    /// # Panics
    /// When `truth` or `predicted` is no class.
    pub fn add(&mut self, truth: usize, predicted: usize) {
        let classes = self.classes;
        assert!(truth < classes && predicted < classes, "{truth} called {predicted} among {classes} classes");
        self.counts[truth * classes + predicted] += 1;
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Number of cases.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Counts by truth (row) and prediction (column).
    pub fn rows(&self) -> Vec<Vec<u64>> {
        (0..self.classes)
            .map(|truth| (0..self.classes).map(|predicted| self.at(truth, predicted)).collect())
            .collect()
    }

    /// Share of cases that were called what they are; 0 without cases.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = (0..self.classes).map(|class| self.at(class, class)).sum();
        ratio(right, self.total())
    }

    /// Scores of every class, in order.
    pub fn per_class(&self) -> Vec<ClassScores> {
        (0..self.classes).map(|class| self.scores_of(class)).collect()
    }

    /// Means of the classes' scores; all 0 without cases.
    pub fn macro_average(&self) -> MacroScores {
        let scores = self.per_class();
        let asked: Vec<_> = scores.iter().filter(|class| class.support + class.predicted > 0).collect();
        let mean = |score: fn(&ClassScores) -> f64| {
            asked.iter().map(|class| score(class)).sum::<f64>() / asked.len().max(1) as f64
        };
        MacroScores { precision: mean(|c| c.precision), recall: mean(|c| c.recall), f1: mean(|c| c.f1) }
    }

    /// Mean precision, see [`Confusion::macro_average`].
    pub fn macro_precision(&self) -> f64 {
        self.macro_average().precision
    }

    /// Mean recall, see [`Confusion::macro_average`].
    pub fn macro_recall(&self) -> f64 {
        self.macro_average().recall
    }

    /// Mean F1, see [`Confusion::macro_average`].
    pub fn macro_f1(&self) -> f64 {
        self.macro_average().f1
    }

    fn at(&self, truth: usize, predicted: usize) -> u64 {
        self.counts[truth * self.classes + predicted]
    }

    fn scores_of(&self, class: usize) -> ClassScores {
        let right = self.at(class, class);
        let support = (0..self.classes).map(|predicted| self.at(class, predicted)).sum();
        let predicted = (0..self.classes).map(|truth| self.at(truth, class)).sum();
        ClassScores {
            precision: ratio(right, predicted),
            recall: ratio(right, support),
            // 2 P R / (P + R), without their rounding and without their zeros
            f1: ratio(2 * right, support + predicted),
            support,
            predicted,
        }
    }
}

/// `part / whole`, 0 for a whole of 0.
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
