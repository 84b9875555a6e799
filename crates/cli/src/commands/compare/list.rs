//! `--list`: what is done, what is missing, and how long that should take.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Result;
use sonovox_report::{Cell, Kind, Narration, Plan};

use super::cells::Bench;
use super::data::Data;
use super::queue::{Maker, Share, State};

/// Seconds that cells took, by kind and by method.
#[derive(Default)]
struct Times {
    by_kind: BTreeMap<String, Vec<f64>>,
    by_both: BTreeMap<(String, String), Vec<f64>>,
}

impl Times {
    fn add(&mut self, cell: &Cell, secs: f64) {
        let kind = cell.kind.to_string();
        self.by_both.entry((kind.clone(), cell.method.clone())).or_default().push(secs);
        self.by_kind.entry(kind).or_default().push(secs);
    }

    /// As the same kind took for the same method, else for any.
    fn expected(&self, cell: &Cell) -> Option<f64> {
        let kind = cell.kind.to_string();
        let both = self.by_both.get(&(kind.clone(), cell.method.clone()));
        let times = both.or_else(|| self.by_kind.get(&kind))?;
        Some(times.iter().sum::<f64>() / times.len() as f64)
    }
}

/// The list, a line to each method and narration.
pub fn text(plan: &Plan, bench: &Bench<'_>, data: &Data, share: Share) -> Result<String> {
    let (mut times, mut missing, mut stale) = (Times::default(), Vec::new(), 0);
    let mut done: BTreeMap<(String, Narration, String), usize> = BTreeMap::new();
    let key = |cell: &Cell| (cell.method.clone(), cell.narration, cell.kind.to_string());
    for cell in plan.cells() {
        match bench.state(&cell)? {
            State::Done { wall_secs } => {
                times.add(&cell, wall_secs);
                *done.entry(key(&cell)).or_default() += 1;
            }
            State::Stale { .. } => {
                stale += 1;
                missing.push(cell);
            }
            State::Missing => missing.push(cell),
        }
    }
    let mut text = String::new();
    for narration in [Narration::Matched, Narration::Scrambled] {
        let made = if data.is_made(narration) { "made" } else { "missing" };
        writeln!(text, "clips, {narration}: {made}")?;
    }
    let turns = plan.turns().len();
    for (method, narration) in plan.rows() {
        let count = |kind: &Kind| {
            let key = (method.name.clone(), narration, kind.to_string());
            format!("{kind} {}/{turns}", done.get(&key).unwrap_or(&0))
        };
        let kinds: Vec<String> = plan.kinds(method).iter().map(count).collect();
        writeln!(text, "{:<24} {:<10} {}", method.name, narration.to_string(), kinds.join("  "))?;
    }
    let total = plan.cells().len();
    writeln!(text, "{} of {total} cells done, {stale} of other settings", total - missing.len())?;
    let expected: Vec<f64> = missing.iter().filter_map(|cell| times.expected(cell)).collect();
    let unknown = missing.len() - expected.len();
    // the sum of no f64 is -0
    let hours = expected.iter().sum::<f64>().max(0.0) / 3600.0 / share.jobs as f64;
    write!(text, "missing: {} cells, about {hours:.2} hours, {} side by side", missing.len(), share.jobs)?;
    if unknown > 0 {
        write!(text, " and {unknown} cells of kinds that have not been timed")?;
    }
    writeln!(text)?;
    Ok(text)
}
