//! `sonovox eval-pretrain`.

use anyhow::Result;
use sonovox_alignment::Request;

use super::Ended;
use crate::args::EvalPretrain;
use crate::recipe::Recipe;

/// Encoder to what it knows of held-out speech.
pub fn run(args: &EvalPretrain) -> Result<Ended> {
    let recipe = Recipe::resolve(&args.common)?.with_turn(&args.turn)?;
    let request = Request {
        encoder: &args.encoder,
        clips: &args.clips,
        truth: args.truth.as_deref(),
        out: &args.out,
        config: &recipe.alignment,
        split: &recipe.split,
        device: args.compute.device.open()?,
        existing: args.common.existing(),
        over_epochs: args.over_epochs,
    };
    println!("{}", sonovox_alignment::evaluate(&request)?);
    Ok(Ended::Done)
}
