//! The page of results, from the cells that are done.

use std::collections::HashSet;
use std::path::Path;

use anyhow::Result;
use sonovox_report::{Baseline, Gathered, Notes, Pictures, Plan, write_figures, write_results};

use super::cells::{Bench, word};
use super::queue::{Maker, State};
use crate::args::Compare;
use crate::recipe::Recipe;

/// Folder of the figures, beside the page.
const FIGURES: &str = "figures";
/// The page whose figures lie there; those of another page lie in a folder of their own below.
const FIRST_PAGE: &str = "results";
/// Figures of a guess at the labels of real videos, beside the cells (scripts/measure-metadata).
const BASELINE: &str = "metadata.json";

/// Writes page and figures.
pub fn write(args: &Compare, recipe: &Recipe, plan: Plan, bench: &Bench<'_>) -> Result<()> {
    let mut done = HashSet::new();
    for cell in plan.cells() {
        // a cell that cannot be read is no missing one
        if matches!(bench.state(&cell)?, State::Done { .. }) {
            done.insert(bench.path(&cell));
        }
    }
    let gathered = Gathered::read(plan, &args.out, |cell| done.contains(&bench.path(cell)))?;
    let folder = match args.results.file_stem().and_then(|stem| stem.to_str()) {
        Some(page) if page != FIRST_PAGE => format!("{FIGURES}/{page}"),
        _ => FIGURES.to_owned(),
    };
    let dir = args.results.parent().unwrap_or(Path::new("")).join(&folder);
    let figures = write_figures(&gathered, &recipe.compare, &dir)?
        .into_iter()
        .map(|(caption, file)| (caption, format!("{folder}/{file}")))
        .collect();
    let pictures = match bench.data().videos() {
        videos if videos.is_file() || is_over_videos(recipe) => {
            Pictures::Real { baseline: Baseline::read(&args.out.join(BASELINE), &videos)? }
        }
        _ => Pictures::Simulated,
    };
    let notes = Notes {
        sizes: sizes(recipe, bench),
        subject: recipe.compare.subject.clone(),
        steps: recipe.compare.steps.clone(),
        developed_on: recipe.compare.developed_on.clone(),
        figures,
        pictures,
    };
    write_results(&args.results, &gathered, &notes)?;
    let total = gathered.plan().cells().len();
    println!("{} of {total} cells done: {}", total - gathered.missing().len(), args.results.display());
    Ok(())
}

/// What the cells are, a line each.
fn sizes(recipe: &Recipe, bench: &Bench<'_>) -> Vec<String> {
    let Recipe { pretrain, planes, gaze, probe, .. } = recipe;
    let mut lines = study(recipe);
    lines.push(format!(
        "Network: {} for frames and for speech; pretraining {} epochs of batches of {} voiced intervals, speech windows of {} s \
         unless a method says otherwise.",
        word(pretrain.encoder),
        pretrain.run.epochs,
        pretrain.voiced_intervals,
        pretrain.pairs.window_secs,
    ));
    let gaze =
        if recipe.compare.gaze { format!(" gaze: {} epochs;", gaze.run.epochs) } else { String::new() };
    lines.push(format!(
        "Planes: {} epochs of {} images;{gaze} probe: every frame whose number is a multiple of {}.",
        planes.run.epochs, planes.epoch_images, probe.every_nth_frame,
    ));
    lines.push(bench.baselines_note().to_owned());
    lines
}

#[cfg(feature = "media")]
fn study(recipe: &Recipe) -> Vec<String> {
    let (study, frame) = (&recipe.simulate, &recipe.preprocess.frame);
    let voice = format!("Voice activity: {} (`preprocess.voice`).", recipe.preprocess.voice.kind());
    if is_over_videos(recipe) {
        return vec![
            format!(
                "Study: {} recordings of {} groups of patients, {} s each, joined from real videos of {} (about {} s of each at a \
             time); frames of {} x {} pixels. Folds are by patient.",
                study.recordings,
                study.subjects,
                study.seconds,
                study.planes.join(", "),
                study.hold_secs,
                frame.height,
                frame.width,
            ),
            voice,
        ];
    }
    vec![
        format!(
            "Study: {} recordings of {} subjects, {} s each, {} planes; frames of {} x {} pixels.",
            study.recordings,
            study.subjects,
            study.seconds,
            study.planes.len(),
            frame.height,
            frame.width,
        ),
        voice,
    ]
}

#[cfg(feature = "media")]
fn is_over_videos(recipe: &Recipe) -> bool {
    recipe.simulate.over_videos.folder.is_some()
}

#[cfg(not(feature = "media"))]
fn is_over_videos(_recipe: &Recipe) -> bool {
    false
}

#[cfg(not(feature = "media"))]
fn study(_recipe: &Recipe) -> Vec<String> {
    Vec::new()
}
