//! `sonovox simulate` and `sonovox simulate-preview`.

use anyhow::{Result, bail};

use super::Ended;
use crate::args::{Simulate, SimulatePreview};
use crate::progress;
use crate::recipe::Recipe;

/// Writes a simulated study.
pub fn run(args: &Simulate) -> Result<Ended> {
    if args.common.resume {
        bail!("simulate makes a study anew and has nothing to resume; --overwrite replaces one that exists");
    }
    let mut recipe = Recipe::resolve(&args.common)?;
    if let Some(folder) = &args.over_videos {
        recipe.simulate.over_videos.folder = Some(folder.clone());
    }
    let bar = progress::bar(0, "simulate");
    let mut follow = |done: usize, of: usize| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    };
    let summary = sonovox_simulate::run(&recipe.simulate, &args.out, args.common.overwrite, &mut follow)?;
    bar.finish_and_clear();
    println!("{summary}");
    let what = if summary.videos.is_some() { "real images, narration made up" } else { "simulated" };
    println!("study: {} ({what}: nothing clinical follows from it)", args.out.display());
    Ok(Ended::Done)
}

/// Draws what a study would look like.
pub fn preview(args: &SimulatePreview) -> Result<Ended> {
    let recipe = Recipe::resolve(&args.common)?;
    let made = sonovox_simulate::preview(&recipe.simulate, &args.out)?;
    println!("planes: {}", made.sheet.display());
    println!("film: {} and {}", made.film.display(), made.strip.display());
    println!("(simulated: nothing clinical follows from it)");
    Ok(Ended::Done)
}
