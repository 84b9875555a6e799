//! Figures, as SVG.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::Path;

use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;
use serde_json::Value;

use crate::cell::{Kind, Narration, percent};
use crate::gather::{Gathered, probe_at};
use crate::{Cell, CompareConfig, ReportError, Spread, events};

/// A line of a figure, with the spread of each point.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What it is.
    pub name: String,
    /// Whether it is the control of the series before it: in its colour, dashed.
    pub is_control: bool,
    /// x, and y with its spread.
    pub points: Vec<(f64, Spread)>,
}

/// How x is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Across {
    /// Evenly.
    Linear,
    /// By its logarithm; for values above 0.
    Log,
}

/// Colours of methods: Paul Tol's muted scheme, which colour-blind people tell apart, and black.
const COLOURS: [RGBColor; 10] = [
    RGBColor(0x33, 0x22, 0x88),
    RGBColor(0xCC, 0x66, 0x77),
    RGBColor(0x11, 0x77, 0x33),
    RGBColor(0x88, 0xCC, 0xEE),
    RGBColor(0x88, 0x22, 0x55),
    RGBColor(0xDD, 0xCC, 0x77),
    RGBColor(0x44, 0xAA, 0x99),
    RGBColor(0xAA, 0x44, 0x99),
    RGBColor(0x99, 0x99, 0x33),
    BLACK,
];
/// Pixels.
const SIZE: (u32, u32) = (940, 460);
/// Pixels on the right for the names of the lines, which would lie on the lines elsewhere.
const NAMES: u32 = 220;
const MARGIN: u32 = 14;
const X_LABELS: u32 = 44;
const Y_LABELS: u32 = 60;

/// Draws the figures of a comparison into `dir`; gives a caption and the name of each file.
///
/// # Errors
/// When an event log cannot be read or a figure cannot be written.
pub fn write_figures(
    gathered: &Gathered,
    config: &CompareConfig,
    dir: &Path,
) -> Result<Vec<(String, String)>, ReportError> {
    fs::create_dir_all(dir).map_err(ReportError::io(dir))?;
    let mut made = Vec::new();
    let epochs = over_epochs(gathered, config)?;
    if !epochs.is_empty() {
        let file = "alignment.svg";
        let axes = ("epoch", config.curve_value.as_str());
        write_curves(&dir.join(file), axes, Across::Linear, &epochs)?;
        made.push((
            format!(
                "Held-out `{}` after every epoch of pretraining, mean and spread over the turns that all lines have (their number in brackets). Each method is \
                 held to pairs of its own kind (docs/method.md, \"Pairs\"), so that heights are not to be compared, only whether a line \
                 leaves .5.",
                config.curve_value
            ),
            file.to_owned(),
        ));
    }
    let affinity = affinity_over_epochs(gathered);
    if !affinity.is_empty() {
        let file = "affinity.svg";
        let axes = ("epoch", "area of relevant against unrelated speech");
        write_curves(&dir.join(file), axes, Across::Linear, &affinity)?;
        made.push((
            "Affinity of relevant against unrelated speech of test subjects (area; chance .5) after every epoch of pretraining, mean \
             and spread over the turns that all lines have (their number in brackets), the same moments for every method."
                .to_owned(),
            file.to_owned(),
        ));
    }
    let labels = over_labels(gathered);
    if labels.iter().any(|series| series.points.len() > 1) {
        let file = "labels.svg";
        let axes = ("labels, %", "macro F1 of the frozen probe, %");
        write_curves(&dir.join(file), axes, Across::Log, &labels)?;
        made.push(("Macro F1 of the frozen probe against the share of labels.".to_owned(), file.to_owned()));
    }
    Ok(made)
}

/// F1 of the probe against the share of labels.
fn over_labels(gathered: &Gathered) -> Vec<Series> {
    let mut shares = gathered.plan().label_shares.clone();
    shares.sort_by(f64::total_cmp);
    let series = |(method, narration): (&crate::Method, Narration)| {
        let point = |&share: &f64| {
            let figure = probe_at(share, "f1");
            let f1 = |value: &Value| figure(value).map(|f1| 100.0 * f1);
            let spread = gathered.spread(&method.name, narration, Kind::Probe, &f1)?;
            Some((percent(share), spread))
        };
        let name = match narration {
            Narration::Matched => method.name.clone(),
            Narration::Scrambled => return None,
        };
        let points: Vec<_> = shares.iter().filter_map(point).collect();
        (!points.is_empty()).then_some(Series { name, is_control: false, points })
    };
    gathered.plan().rows().into_iter().filter_map(series).collect()
}

/// A held-out value after every epoch of pretraining.
fn over_epochs(gathered: &Gathered, config: &CompareConfig) -> Result<Vec<Series>, ReportError> {
    let mut rows = Vec::new();
    for (method, narration) in gathered.plan().rows() {
        if !config.curves.contains(&method.name) {
            continue;
        }
        let mut runs = Runs::new();
        for (seed, fold) in gathered.plan().turns() {
            let cell = Cell { method: method.name.clone(), narration, fold, seed, kind: Kind::Pretrain };
            if !gathered.missing().contains(&cell) {
                let log = cell.path(gathered.root()).join(events::FILE);
                runs.insert((seed, fold), events::held_out(&log, &config.curve_value)?);
            }
        }
        rows.push((method.name.as_str(), narration, runs));
    }
    Ok(curves(rows))
}

/// Affinity against the truth after every epoch, of the runs that kept their weights.
fn affinity_over_epochs(gathered: &Gathered) -> Vec<Series> {
    let areas = |metrics: &Value| -> BTreeMap<u64, f64> {
        let epochs = metrics["over_epochs"].as_array().into_iter().flatten();
        epochs.filter_map(|after| Some((after["epoch"].as_u64()?, after["affinity_auc"].as_f64()?))).collect()
    };
    let row = |(method, narration): (&'_ crate::Method, Narration)| {
        let cells = gathered.found().filter(|(cell, _)| {
            cell.method == method.name && cell.narration == narration && cell.kind == Kind::Alignment
        });
        cells.map(|(cell, metrics)| ((cell.seed, cell.fold), areas(metrics))).collect::<Runs>()
    };
    let rows = gathered.plan().rows();
    curves(
        rows.iter()
            .map(|&(method, narration)| (method.name.as_str(), narration, row((method, narration))))
            .collect(),
    )
}

/// Values after each epoch, by its number, of the runs of a row, by seed and fold.
type Runs = BTreeMap<(u64, u32), BTreeMap<u64, f64>>;

/// Mean and spread over runs of the values after each epoch. Folds differ more than methods do, so that all rows are drawn over the turns
/// that each of them has; where there is none, each over its own.
fn curves(mut rows: Vec<(&str, Narration, Runs)>) -> Vec<Series> {
    for (_, _, runs) in &mut rows {
        runs.retain(|_, run| !run.is_empty());
    }
    rows.retain(|(_, _, runs)| !runs.is_empty());
    let turns = rows.iter().map(|(_, _, runs)| runs.keys().copied().collect::<BTreeSet<_>>());
    let common = turns.reduce(|a, b| &a & &b).unwrap_or_default();
    if !common.is_empty() {
        rows.iter_mut().for_each(|(_, _, runs)| runs.retain(|turn, _| common.contains(turn)));
    }
    rows.into_iter().map(|(method, narration, runs)| curve(method, narration, &runs)).collect()
}

fn curve(method: &str, narration: Narration, runs: &Runs) -> Series {
    let epochs: BTreeSet<u64> = runs.values().flat_map(BTreeMap::keys).copied().collect();
    let point = |epoch: u64| {
        let values: Vec<f64> = runs.values().filter_map(|run| run.get(&epoch).copied()).collect();
        Some((epoch as f64, Spread::of(&values)?))
    };
    let is_control = narration == Narration::Scrambled;
    let suffix = if is_control { ", scrambled" } else { "" };
    let name = format!("{method}{suffix} [{}]", runs.len());
    Series { name, is_control, points: epochs.into_iter().filter_map(point).collect() }
}

/// Draws lines with the spread of their points into the SVG `path`; `axes` names x and y.
///
/// # Errors
/// When the figure cannot be written.
///
/// # Panics
/// When there is no point at all.
pub fn write_curves(
    path: &Path,
    axes: (&str, &str),
    across: Across,
    series: &[Series],
) -> Result<(), ReportError> {
    let xs = || series.iter().flat_map(|series| &series.points).map(|point| point.0);
    assert!(xs().next().is_some(), "a figure without points");
    let (least, most) = (xs().fold(f64::INFINITY, f64::min), xs().fold(f64::NEG_INFINITY, f64::max));
    let drawn = match across {
        Across::Linear => draw(path, with_margin(least, most), axes, series),
        Across::Log => draw(path, (least / 1.15..most * 1.15).log_scale(), axes, series),
    };
    drawn.map_err(|error| ReportError::Figure { path: path.to_owned(), cause: error.to_string() })
}

fn with_margin(low: f64, high: f64) -> Range<f64> {
    let margin = 0.05 * (high - low).max(1e-3);
    low - margin..high + margin
}

fn draw<X>(path: &Path, x: X, axes: (&str, &str), series: &[Series]) -> Result<(), Box<dyn std::error::Error>>
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let spreads = || series.iter().flat_map(|series| &series.points).map(|point| point.1);
    let least = spreads().map(|spread| spread.mean - spread.std).fold(f64::INFINITY, f64::min);
    let most = spreads().map(|spread| spread.mean + spread.std).fold(f64::NEG_INFINITY, f64::max);
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(MARGIN)
        .margin_right(NAMES)
        .x_label_area_size(X_LABELS)
        .y_label_area_size(Y_LABELS)
        .build_cartesian_2d(x, with_margin(least, most))?;
    chart
        .configure_mesh()
        .x_labels(6)
        .x_label_formatter(&|x| x.to_string())
        .x_desc(axes.0)
        .y_desc(axes.1)
        .light_line_style(WHITE)
        .draw()?;
    let (left, font) = ((SIZE.0 - NAMES + MARGIN).cast_signed(), ("sans-serif", 12).into_font());
    let mut methods = 0;
    for (series, y) in series.iter().zip((MARGIN.cast_signed()..).step_by(16)) {
        methods += usize::from(!series.is_control);
        let colour = COLOURS[methods.saturating_sub(1) % COLOURS.len()];
        let line = colour.stroke_width(2);
        let means: Vec<(f64, f64)> = series.points.iter().map(|(x, spread)| (*x, spread.mean)).collect();
        if series.is_control {
            chart.draw_series(DashedLineSeries::new(means.clone(), 4, 3, line))?;
            for dash in [[(left, y), (left + 7, y)], [(left + 11, y), (left + 18, y)]] {
                area.draw(&PathElement::new(dash, line))?;
            }
        } else {
            chart.draw_series(LineSeries::new(means.clone(), line))?;
            area.draw(&PathElement::new([(left, y), (left + 18, y)], line))?;
        }
        chart.draw_series(means.into_iter().map(|mean| Circle::new(mean, 3, colour.filled())))?;
        let whiskers = series.points.iter().map(|(x, spread)| {
            let ends = [(*x, spread.mean - spread.std), (*x, spread.mean + spread.std)];
            PathElement::new(ends, colour.stroke_width(1))
        });
        chart.draw_series(whiskers)?;
        area.draw(&Text::new(series.name.clone(), (left + 24, y - 6), font.clone()))?;
    }
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_drawn_over_the_turns_that_all_of_them_have() {
        let runs = |turns: &[(u64, u32, f64)]| -> Runs {
            turns.iter().map(|&(seed, fold, value)| ((seed, fold), BTreeMap::from([(1, value)]))).collect()
        };
        let drawn = |rows: Vec<(&'static str, Narration, Runs)>| -> Vec<(String, f64)> {
            curves(rows).into_iter().map(|series| (series.name, series.points[0].1.mean)).collect()
        };
        let (matched, scrambled) = (Narration::Matched, Narration::Scrambled);
        let ours = || ("ours", matched, runs(&[(1, 0, 0.5), (1, 1, 0.7), (2, 0, 0.9)]));
        let found =
            drawn(vec![ours(), ("b", scrambled, runs(&[(1, 1, 0.2)])), ("nobody", matched, Runs::new())]);
        assert_eq!(found, [("ours [1]".to_owned(), 0.7), ("b, scrambled [1]".to_owned(), 0.2)]);
        let apart = drawn(vec![ours(), ("b", matched, runs(&[(3, 0, 0.2)]))]);
        assert_eq!(apart.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["ours [3]", "b [1]"]);
    }

    #[test]
    fn a_figure_has_a_line_and_a_name_to_each_series() {
        let dir = tempfile::tempdir().expect("a folder");
        let point = |x: f64, mean: f64| (x, Spread { mean, std: 0.02, count: 2 });
        let series = ["paper", "ours"].map(|name| Series {
            name: name.to_owned(),
            is_control: name == "ours",
            points: vec![point(1.0, 0.5), point(2.0, 0.6), point(3.0, 0.7)],
        });
        let path = dir.path().join("f.svg");
        write_curves(&path, ("epoch", "area"), Across::Linear, &series).expect("drawn");
        let text = fs::read_to_string(&path).expect("an SVG");
        assert!(text.starts_with("<svg") && text.trim_end().ends_with("</svg>"));
        for word in ["paper", "ours", "epoch", "area"] {
            assert!(text.contains(word), "{word}");
        }
        assert!(text.matches("<polyline").count() >= 2 + 6);
    }
}
