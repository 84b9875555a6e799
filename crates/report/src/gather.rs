//! The figures of all finished cells, by what they are of.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cell::{Cell, Kind, Narration, Plan};
use crate::{ReportError, Spread, events};

/// Name of the figures inside an artifact.
const METRICS: &str = "metrics.json";

/// A plan with what its finished cells found.
pub struct Gathered {
    plan: Plan,
    root: PathBuf,
    found: Vec<(Cell, Value)>,
    /// Alarms that finished pretrainings raised in their last epoch.
    alarms: Vec<(Cell, Vec<String>)>,
    missing: Vec<Cell>,
}

/// A figure of a cell's `metrics.json`.
pub(crate) type Figure<'a> = &'a dyn Fn(&Value) -> Option<f64>;
/// The same, owned.
pub(crate) type OwnedFigure<'a> = Box<dyn Fn(&Value) -> Option<f64> + 'a>;

impl Gathered {
    /// Reads the figures of the cells below `root` for which `is_done` holds; all others are missing.
    ///
    /// # Errors
    /// When a finished cell's figures cannot be read.
    pub fn read(plan: Plan, root: &Path, is_done: impl Fn(&Cell) -> bool) -> Result<Self, ReportError> {
        let (mut found, mut alarms, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for cell in plan.cells() {
            if !is_done(&cell) {
                missing.push(cell);
            } else if cell.kind == Kind::Pretrain {
                let raised = events::last_alarms(&cell.path(root).join(events::FILE))?;
                alarms.push((cell, raised));
            } else {
                let path = cell.path(root).join(METRICS);
                let text = fs::read(&path).map_err(ReportError::io(&path))?;
                let value = serde_json::from_slice(&text)
                    .map_err(|error| ReportError::Garbled { path, cause: error.to_string() })?;
                found.push((cell, value));
            }
        }
        Ok(Self { plan, root: root.to_owned(), found, alarms, missing })
    }

    /// What is compared.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Where the cells lie.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Cells without figures.
    pub fn missing(&self) -> &[Cell] {
        &self.missing
    }

    /// Finished cells with their figures.
    pub(crate) fn found(&self) -> impl Iterator<Item = &(Cell, Value)> {
        self.found.iter()
    }

    /// Alarms of a row's finished pretrainings in their last epoch, by turn.
    pub(crate) fn alarms<'a>(
        &'a self,
        method: &'a str,
        narration: Narration,
    ) -> impl Iterator<Item = &'a [String]> {
        let of_row = move |cell: &Cell| cell.method == method && cell.narration == narration;
        self.alarms.iter().filter(move |(cell, _)| of_row(cell)).map(|(_, raised)| raised.as_slice())
    }

    /// Whether a row's cells of one kind are all there.
    pub(crate) fn is_complete(&self, method: &str, narration: Narration, kind: Kind) -> bool {
        let is_asked =
            |cell: &&Cell| cell.method == method && cell.narration == narration && cell.kind == kind;
        !self.missing.iter().any(|cell| is_asked(&cell))
    }

    /// Mean and spread over the turns that are there.
    pub(crate) fn spread(
        &self,
        method: &str,
        narration: Narration,
        kind: Kind,
        figure: Figure<'_>,
    ) -> Option<Spread> {
        let values: Vec<f64> = self.of(method, narration, kind, figure).map(|(_, value)| value).collect();
        Spread::of(&values)
    }

    /// The differences between two rows, `a` minus `b`, turn by turn over the folds that `is_asked`: what does not depend on how hard a
    /// fold is.
    pub(crate) fn differences(
        &self,
        a: (&str, Narration),
        b: (&str, Narration),
        kind: Kind,
        figure: Figure<'_>,
        is_asked: &dyn Fn(u32) -> bool,
    ) -> Vec<f64> {
        let other: Vec<_> = self.of(b.0, b.1, kind, figure).collect();
        let partner = |turn: (u64, u32)| other.iter().find(|(of, _)| *of == turn).map(|(_, value)| *value);
        let asked = self.of(a.0, a.1, kind, figure).filter(|((_, fold), _)| is_asked(*fold));
        asked.filter_map(|(turn, value)| Some(value - partner(turn)?)).collect()
    }

    /// Figures with their turns (seed, fold).
    fn of<'a>(
        &'a self,
        method: &'a str,
        narration: Narration,
        kind: Kind,
        figure: Figure<'a>,
    ) -> impl Iterator<Item = ((u64, u32), f64)> + 'a {
        let is_asked =
            move |cell: &Cell| cell.method == method && cell.narration == narration && cell.kind == kind;
        let cells = self.found.iter().filter(move |(cell, _)| is_asked(cell));
        cells.filter_map(move |(cell, value)| Some(((cell.seed, cell.fold), figure(value)?)))
    }
}

/// A figure by its place (`/macro/f1`).
pub(crate) fn at(pointer: &str) -> impl Fn(&Value) -> Option<f64> + use<'_> {
    move |value| value.pointer(pointer).and_then(Value::as_f64)
}

/// A macro score of the probe at a label share, at the stage that was best on the validation subjects.
pub(crate) fn probe_at<'a>(share: f64, score: &'a str) -> impl Fn(&Value) -> Option<f64> + use<'a> {
    move |value| {
        let of_share = |probe: &&Value| probe["label_share"].as_f64() == Some(share);
        let rank = |probe: &Value| probe["validation_f1"].as_f64().unwrap_or(0.0);
        let probes = value["probes"].as_array()?.iter().filter(of_share);
        probes.max_by(|a, b| rank(a).total_cmp(&rank(b)))?["macro"][score].as_f64()
    }
}
