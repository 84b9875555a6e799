//! `sonovox finetune-planes`, `probe-planes` and `eval-planes`.

use std::path::Path;

use anyhow::Result;
use sonovox_downstream::{planes, probe};

use super::Ended;
use super::downstream::{Tuning, eval_request, follow, show};
use crate::args::{Eval, Finetune};
use crate::recipe::Recipe;

/// Encoder to plane detector.
pub fn finetune(args: &Finetune) -> Result<Ended> {
    let recipe = Recipe::resolve(&args.common)?.with_turn(&args.turn)?;
    let tuning = Tuning::new(&args.encoder, &args.compute)?;
    let out = args.out.as_deref().unwrap_or(Path::new("data/work/planes"));
    let request = tuning.request(&args.clips, out, &recipe, &recipe.planes, &args.common);
    follow("finetune-planes", |monitor| planes::finetune(&request, monitor))
}

/// Encoder, as it is, to planes.
pub fn probe(args: &Finetune) -> Result<Ended> {
    let recipe = Recipe::resolve(&args.common)?.with_turn(&args.turn)?;
    let tuning = Tuning::new(&args.encoder, &args.compute)?;
    let out = args.out.as_deref().unwrap_or(Path::new("data/work/probe"));
    let request = tuning.request(&args.clips, out, &recipe, &recipe.probe, &args.common);
    Ok(show(&probe::probe(&request)?))
}

/// Scores a plane detector.
pub fn eval(args: &Eval) -> Result<Ended> {
    let recipe = Recipe::resolve(&args.common)?;
    let device = args.compute.device.open()?;
    let seen = recipe.planes.allow_seen_subjects;
    let request = eval_request(&args.model, &args.clips, &args.out, &args.common, seen, device);
    Ok(show(&planes::evaluate(&request)?))
}
