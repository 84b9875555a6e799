//! `sonovox compare`: every method against every other, cell by cell.
//!
//! ```text
//! recipe, methods ─▶ Plan ─▶ data: study and clips, matched and scrambled ─▶ cells ─▶ docs/results.md, figures
//! ```
//! A cell is a finished artifact or is made anew; a run that is stopped, or whose hours are over, leaves a checkpoint in its
//! cell, with which the next call goes on.

mod baselines;
mod cells;
mod data;
mod list;
mod methods;
mod results;
mod watch;

use anyhow::{Result, bail};
use sonovox_report::{Cell, Method, Plan};

use super::{Ended, describe, set_up};
use crate::args::Compare;
use crate::interrupt;
use crate::recipe::Recipe;
use baselines::Baselines;
use cells::{Bench, State};
use data::Data;
use watch::Watch;

/// Runs what is missing and writes what is there.
pub fn run(args: &Compare) -> Result<Ended> {
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
        let names: Vec<&str> = plan.methods.iter().map(|method| method.name.as_str()).collect();
        bail!("--only {unknown}: expected a method of the comparison ({})", names.join(", "));
    }
    let data = Data::new(&args.out);
    let bench = Bench::new(args, &recipe, &methods, &baselines, &data);
    bench.check()?;
    if args.list {
        print!("{}", list::text(&plan, &bench, &data)?);
        return Ok(Ended::Done);
    }
    let watch = Watch::new(interrupt::flag()?, args.hours);
    let device = set_up(&args.compute)?;
    let ended = fill(&plan, args, &recipe, bench.on(device), &watch);
    let bench = Bench::new(args, &recipe, &methods, &baselines, &data);
    results::write(args, &recipe, plan, &bench)?;
    ended
}

/// Makes the data and the missing cells, in the plan's order.
fn fill(plan: &Plan, args: &Compare, recipe: &Recipe, bench: Bench<'_>, watch: &Watch) -> Result<Ended> {
    let is_asked = |cell: &Cell| args.only.is_empty() || args.only.contains(&cell.method);
    let cells: Vec<Cell> = plan.cells().into_iter().filter(is_asked).collect();
    for narration in data::needed(&cells) {
        if watch.is_over() || !bench.data().make(narration, recipe, args.common.overwrite)? {
            return Ok(stopped(watch));
        }
    }
    let mut failed: Vec<(Cell, String)> = Vec::new();
    for (number, cell) in cells.iter().enumerate() {
        match bench.state(cell)? {
            State::Done { .. } => continue,
            State::Stale { why } if !args.common.overwrite => bail!(
                "{}: {cell} was made with other settings ({why}); give another --out, or --overwrite to make such cells anew",
                cell.path(&args.out).display()
            ),
            State::Stale { .. } | State::Missing => {}
        }
        if watch.is_over() {
            return Ok(stopped(watch));
        }
        if failed.iter().any(|(other, _)| bench.needs(cell, other)) {
            continue;
        }
        eprintln!("[{}/{}] {cell}", number + 1, cells.len());
        match bench.make(cell, watch) {
            Ok(true) => {}
            Ok(false) => return Ok(stopped(watch)),
            Err(error) => {
                eprintln!("failed: {cell}: {}", describe(&error));
                failed.push((cell.clone(), describe(&error)));
            }
        }
    }
    if let Some((cell, why)) = failed.first() {
        bail!("{} cells failed, the first of them {cell}: {why}", failed.len());
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
