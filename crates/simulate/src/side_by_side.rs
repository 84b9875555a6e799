//! Many items worked on at once, with progress told and the first error kept.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use crate::SimulateError;

enum Report<T> {
    Step,
    /// boxed: results are large, and the other report is empty
    Finished(usize, Box<Result<Option<T>, SimulateError>>),
}

/// Works on all items on all cores and gives their results in the order of the items. `work` calls back after each of its
/// steps and stops, with `None`, when it is told `false`: then another item has failed. `on_step` is told after every
/// step, from the thread that called.
///
/// # Errors
/// The first in the order of the items.
pub fn side_by_side<I: Sync, T: Send>(
    items: &[I],
    work: impl Fn(&I, &mut dyn FnMut() -> bool) -> Result<Option<T>, SimulateError> + Sync,
    on_step: &mut dyn FnMut(),
) -> Result<Vec<T>, SimulateError> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(items.len());
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    // bounded, so that a slow listener holds the workers up instead of filling memory
    let (sender, receiver) = mpsc::sync_channel(1024);
    let mut results: Vec<Option<Result<Option<T>, SimulateError>>> = items.iter().map(|_| None).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, next, stop, work) = (sender.clone(), &next, &stop, &work);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let goes_on = || !stop.load(Ordering::Relaxed);
                    let mut on_step = || {
                        let _ = sender.send(Report::Step);
                        goes_on()
                    };
                    let made = if goes_on() { work(item, &mut on_step) } else { Ok(None) };
                    stop.fetch_or(made.is_err(), Ordering::Relaxed);
                    let _ = sender.send(Report::Finished(index, Box::new(made)));
                }
            });
        }
        drop(sender);
        for report in receiver {
            match report {
                Report::Step => on_step(),
                Report::Finished(index, made) => results[index] = Some(*made),
            }
        }
    });
    let results: Result<Vec<Option<T>>, SimulateError> =
        results.into_iter().map(|result| result.expect("every item was worked on")).collect();
    Ok(results?.into_iter().map(|made| made.expect("only an error stops the work")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_and_the_first_error_is_told() {
        let items: Vec<usize> = (0..50).collect();
        let mut steps = 0;
        let doubled = side_by_side(
            &items,
            |item, step| {
                step();
                Ok(Some(2 * item))
            },
            &mut || steps += 1,
        );
        assert_eq!((doubled.unwrap(), steps), ((0..50).map(|item| 2 * item).collect::<Vec<_>>(), 50));
        let fails = |item: &usize, _: &mut dyn FnMut() -> bool| match item {
            7 => Err(SimulateError::OutputExists { path: "seven".into() }),
            _ => Ok(Some(())),
        };
        let said = side_by_side(&items, fails, &mut || {}).unwrap_err().to_string();
        assert!(said.contains("seven"), "{said}");
    }
}
