//! `sonovox pretrain`.

use anyhow::Result;
use sonovox_pretrain::{Request, Summary};

use super::Ended;
use crate::args::Pretrain;
use crate::interrupt;
use crate::progress::TrainingProgress;
use crate::recipe::Recipe;

/// Clips to encoders.
pub fn run(args: &Pretrain) -> Result<Ended> {
    let recipe = Recipe::resolve(&args.common)?.with_turn(&args.turn)?;
    let device = args.compute.device.open()?;
    let request = Request {
        clips: &args.clips,
        out: &args.out,
        config: &recipe.pretrain,
        split: &recipe.split,
        seed: recipe.seed,
        device,
        existing: args.common.existing(),
        snapshots: args.snapshots,
    };
    let mut progress = TrainingProgress::new("pretrain", interrupt::flag()?);
    let summary = sonovox_pretrain::run(&request, &mut progress)?;
    drop(progress);
    println!("{summary}");
    Ok(match summary {
        Summary::Finished { .. } => Ended::Done,
        Summary::Interrupted { .. } => Ended::Interrupted,
    })
}
