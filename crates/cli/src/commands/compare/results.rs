//! The page of results, from the cells that are done.

use std::path::Path;

use anyhow::Result;
use sonovox_report::{Gathered, Notes, Plan, write_figures, write_results};

use super::cells::{Bench, State};
use crate::args::Compare;
use crate::recipe::Recipe;

/// Folder of the figures, beside the page.
const FIGURES: &str = "figures";

/// Writes page and figures.
pub fn write(args: &Compare, recipe: &Recipe, plan: Plan, bench: &Bench<'_>) -> Result<()> {
    let is_done = |cell: &_| matches!(bench.state(cell), Ok(State::Done { .. }));
    let gathered = Gathered::read(plan, &args.out, is_done)?;
    let dir = args.results.parent().unwrap_or(Path::new("")).join(FIGURES);
    let figures = write_figures(&gathered, &recipe.compare, &dir)?
        .into_iter()
        .map(|(caption, file)| (caption, format!("{FIGURES}/{file}")))
        .collect();
    let notes = Notes { sizes: sizes(recipe, bench), subject: recipe.compare.subject.clone(), figures };
    write_results(&args.results, &gathered, &notes)?;
    let total = gathered.plan().cells().len();
    println!("{} of {total} cells done: {}", total - gathered.missing().len(), args.results.display());
    Ok(())
}

/// What the cells are, a line each.
fn sizes(recipe: &Recipe, bench: &Bench<'_>) -> Vec<String> {
    let Recipe { pretrain, planes, gaze, probe, .. } = recipe;
    let net = serde_json::to_value(pretrain.encoder).expect("a word");
    let mut lines = study(recipe);
    lines.push(format!(
        "Network: {} for frames and for speech; pretraining {} epochs of batches of {} voiced intervals, speech windows of {} s \
         unless a method says otherwise.",
        net.as_str().unwrap_or("?"),
        pretrain.run.epochs,
        pretrain.voiced_intervals,
        pretrain.pairs.window_secs,
    ));
    lines.push(format!(
        "Planes: {} epochs of {} images; gaze: {} epochs; probe: every frame whose number is a multiple of {}.",
        planes.run.epochs, planes.epoch_images, gaze.run.epochs, probe.every_nth_frame,
    ));
    lines.push(bench.baselines_note().to_owned());
    lines
}

#[cfg(feature = "media")]
fn study(recipe: &Recipe) -> Vec<String> {
    let (study, frame) = (&recipe.simulate, &recipe.preprocess.frame);
    vec![format!(
        "Study: {} recordings of {} subjects, {} s each, {} planes; frames of {} x {} pixels.",
        study.recordings,
        study.subjects,
        study.seconds,
        study.planes.len(),
        frame.height,
        frame.width,
    )]
}

#[cfg(not(feature = "media"))]
fn study(_recipe: &Recipe) -> Vec<String> {
    Vec::new()
}
