//! `sonovox compare`: every method against every other, cell by cell.
//!
//! ```text
//! recipe, methods ─▶ Plan ─▶ data: study and clips, matched and scrambled ─▶ cells ─▶ docs/results.md, figures
//! ```
//! Several cells are made side by side. A cell is a finished artifact or is made anew; a run that is stopped, or whose hours are
//! over, leaves a checkpoint in its cell, with which the next call goes on.

mod baselines;
mod cells;
mod data;
mod list;
mod methods;
mod queue;
mod results;
mod watch;

use anyhow::{Result, bail};
use candle_core::Device;
use sonovox_ops::Place;
use sonovox_report::{Cell, Method, Plan};

use super::{Ended, threads};
use crate::args::Compare;
use crate::interrupt;
use crate::recipe::Recipe;
use baselines::Baselines;
use cells::Bench;
use data::Data;
use queue::{Outcome, Queue, Share};

pub use queue::CellsFailed;
use watch::Watch;

/// Runs what is missing and writes what is there.
pub fn run(args: &Compare) -> Result<Ended> {
    if args.common.seed.is_some() {
        bail!(
            "--seed is not for a comparison: its cells have the seeds of compare.seeds, its study that of simulate.seed (--set)"
        );
    }
    let share = Share::of(threads::count(&args.compute)?, args.jobs, args.compute.device == Place::Cpu)?;
    threads::set_up(&args.compute, share.threads)?;
    let recipe = Recipe::resolve(&args.common)?;
    recipe.compare.validate()?;
    let methods = methods::find(&recipe, &args.common)?;
    let baselines = Baselines::find(&recipe)?;
    let of_baselines = baselines.all.iter().map(|baseline| baseline.method.clone());
    let known: Vec<Method> = of_baselines.chain(methods.iter().map(|found| found.method.clone())).collect();
    let plan = Plan::new(&recipe.compare, known, recipe.split.folds.max(1));
    if let Some(unknown) =
        args.only.iter().find(|only| plan.methods.iter().all(|method| method.name != **only))
    {
        bail!("--only {unknown}: expected a method of the comparison ({})", plan.names());
    }
    let subject = &recipe.compare.subject;
    if plan.methods.iter().all(|method| method.name != *subject) {
        bail!("[compare] subject must be a method of the comparison ({}), found {subject}", plan.names());
    }
    let data = Data::new(&args.out);
    let bench = Bench::new(args, &recipe, &methods, &baselines, &data);
    bench.check()?;
    let watch = Watch::new(interrupt::flag()?, args.hours)?;
    if args.list {
        print!("{}", list::text(&plan, &bench, &data, share)?);
        return Ok(Ended::Done);
    }
    let ended = fill(&plan, args, &recipe, &bench, share, &watch);
    // what is refused leaves the page as it is
    if ended.as_ref().is_err_and(|error| !error.is::<CellsFailed>()) {
        return ended;
    }
    let written = results::write(args, &recipe, plan, &bench);
    ended.and_then(|ended| written.map(|()| ended))
}

/// Makes the data and the missing cells.
fn fill(
    plan: &Plan,
    args: &Compare,
    recipe: &Recipe,
    bench: &Bench<'_>,
    share: Share,
    watch: &Watch,
) -> Result<Ended> {
    // one to each job: the libraries of a card are not for two threads at once
    let devices: Vec<Device> =
        (0..share.jobs).map(|_| args.compute.device.open()).collect::<candle_core::Result<_>>()?;
    let is_asked = |cell: &Cell| args.only.is_empty() || args.only.contains(&cell.method);
    let cells: Vec<Cell> = plan.cells().into_iter().filter(is_asked).collect();
    for narration in data::needed(&cells) {
        if watch.is_over() || !bench.data().make(narration, recipe, args.common.overwrite, watch)? {
            return Ok(stopped(watch));
        }
    }
    let benches = devices.into_iter().map(|device| bench.clone().on(device)).collect();
    match Queue::new(bench, watch, args.common.overwrite, cells).run(share.threads, benches)? {
        Outcome::Done => {}
        Outcome::Stopped => return Ok(stopped(watch)),
        Outcome::Elsewhere(cells) => println!(
            "{cells} cells are left to another process, which makes them or what they are made of; the same call goes on"
        ),
    }
    Ok(Ended::Done)
}

fn stopped(watch: &Watch) -> Ended {
    if watch.was_asked() {
        return Ended::Interrupted;
    }
    println!("the hours are over; the same call goes on");
    Ended::Done
}
