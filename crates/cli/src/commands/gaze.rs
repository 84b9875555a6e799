//! `sonovox finetune-gaze` and `eval-gaze`.

use std::path::Path;

use anyhow::Result;
use sonovox_downstream::gaze;

use super::Ended;
use super::downstream::{Tuning, eval_request, follow, show};
use crate::args::{EvalGaze, Finetune};
use crate::recipe::Recipe;

/// Where fine-tuning leaves its predictor unless told otherwise.
const MODEL: &str = "data/work/gaze";

/// Encoder to gaze predictor.
pub fn finetune(args: &Finetune) -> Result<Ended> {
    let recipe = Recipe::resolve(&args.common)?.with_turn(&args.turn)?;
    let tuning = Tuning::new(&args.encoder, &args.compute)?;
    let out = args.out.as_deref().unwrap_or(Path::new(MODEL));
    let request = tuning.request(&args.clips, out, &recipe, &recipe.gaze, &args.common);
    follow("finetune-gaze", |monitor| gaze::finetune(&request, monitor))
}

/// Scores a gaze predictor, fine-tuning one first where none is given and none lies where fine-tuning leaves it.
pub fn eval(args: &EvalGaze) -> Result<Ended> {
    let recipe = Recipe::resolve(&args.common)?.with_turn(&args.turn)?;
    let model = args.model.as_deref().unwrap_or(Path::new(MODEL));
    let device = if args.model.is_none() && !model.join("manifest.json").is_file() {
        println!("no gaze model given: fine-tuning one into {}", model.display());
        let tuning = Tuning::new(&args.encoder, &args.compute)?;
        let request = tuning.request(&args.clips, model, &recipe, &recipe.gaze, &args.common);
        if let Ended::Interrupted = follow("finetune-gaze", |monitor| gaze::finetune(&request, monitor))? {
            return Ok(Ended::Interrupted);
        }
        tuning.device().clone()
    } else {
        println!("scoring the gaze model {}", model.display());
        args.compute.device.open()?
    };
    let seen = recipe.gaze.allow_seen_subjects;
    let request = eval_request(model, &args.clips, &args.out, &args.common, seen, device);
    Ok(show(&gaze::evaluate(&request)?))
}
