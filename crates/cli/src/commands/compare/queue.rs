//! Cells side by side: each worker takes the next cell that nothing under way has to be made before.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, anyhow, bail, ensure};
use candle_core::Device;
use rayon::ThreadPool;
use sonovox_artifact::ArtifactError;
use sonovox_report::Cell;

use super::cells::{Bench, State};
use super::watch::Watch;
use crate::commands::threads::pool;
use crate::commands::{artifact_fault, describe};

/// Cells side by side, and the threads for arithmetic of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Cells at a time.
    pub jobs: usize,
    /// Threads of each.
    pub threads: usize,
}

impl Share {
    /// Of `threads` in all: on the CPU a cell to each thread, as small networks gain little from a second one; on a card one
    /// cell, unless `jobs` says otherwise.
    ///
    /// # Errors
    /// When no cell at all may be made.
    pub fn of(threads: usize, jobs: Option<usize>, on_cpu: bool) -> Result<Self> {
        let jobs = jobs.unwrap_or(if on_cpu { threads } else { 1 });
        ensure!(jobs >= 1, "--jobs must be at least 1, found {jobs}");
        Ok(Self { jobs, threads: (threads / jobs).max(1) })
    }
}

/// How a queue ended, where nothing failed.
pub enum Outcome {
    /// All is done.
    Done,
    /// It was stopped before.
    Stopped,
    /// What is left are this many cells that another process makes, or that are made of these.
    Elsewhere(usize),
}

/// What is left to do, shared by the workers.
pub struct Queue<'a> {
    bench: &'a Bench<'a>,
    watch: &'a Watch,
    overwrite: bool,
    total: usize,
    left: Mutex<Left>,
    changed: Condvar,
}

struct Left {
    /// With their numbers, in the plan's order.
    waiting: Vec<(usize, Cell)>,
    under_way: Vec<Cell>,
    failed: Vec<(Cell, String)>,
    /// Cells that another process makes, and what is made of them.
    elsewhere: Vec<Cell>,
    /// Why no further cell is begun.
    refused: Option<anyhow::Error>,
    stopped: bool,
}

impl<'a> Queue<'a> {
    /// `cells` in the order in which they are to be taken; what is made of a cell comes after it.
    pub fn new(bench: &'a Bench<'a>, watch: &'a Watch, overwrite: bool, cells: Vec<Cell>) -> Self {
        let left = Left {
            waiting: cells.into_iter().enumerate().collect(),
            under_way: Vec::new(),
            failed: Vec::new(),
            elsewhere: Vec::new(),
            refused: None,
            stopped: false,
        };
        let total = left.waiting.len();
        Self { bench, watch, overwrite, total, left: Mutex::new(left), changed: Condvar::new() }
    }

    /// Makes what is missing, a worker on each of `devices`.
    ///
    /// # Errors
    /// When a cell of other settings is in the way, or cells failed: the first of them is named, after all others are done.
    pub fn run(self, share: Share, devices: &[Device]) -> Result<Outcome> {
        let workers =
            devices.iter().map(|device| Ok((pool(share.threads)?, self.bench.clone().on(device.clone()))));
        let workers: Vec<(ThreadPool, Bench<'_>)> = workers.collect::<Result<_>>()?;
        std::thread::scope(|scope| {
            for (pool, bench) in &workers {
                scope.spawn(|| pool.install(|| self.work(bench)));
            }
        });
        drop(workers);
        let left = self.left.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(refused) = left.refused {
            return Err(refused);
        }
        if let Some((cell, why)) = left.failed.first() {
            bail!("{} cells failed, the first of them {cell}: {why}", left.failed.len());
        }
        Ok(match left.elsewhere.len() {
            _ if left.stopped => Outcome::Stopped,
            0 => Outcome::Done,
            cells => Outcome::Elsewhere(cells),
        })
    }

    /// One worker.
    fn work(&self, bench: &Bench<'_>) {
        let _told = TellOfPanic(self);
        while let Some((number, cell)) = self.take() {
            eprintln!("[{}/{}] {cell}", number + 1, self.total);
            let ended = tracing::info_span!("cell", %cell).in_scope(|| bench.make(&cell, self.watch));
            let mut left = self.lock();
            left.under_way.retain(|other| *other != cell);
            match ended {
                Ok(true) => {}
                Ok(false) => left.stopped = true,
                Err(error) => match artifact_fault(&error) {
                    // another process took it, and may have finished it since
                    Some(ArtifactError::AlreadyFinished { .. }) => {}
                    Some(ArtifactError::Busy { .. }) => left.elsewhere.push(cell),
                    _ => {
                        eprintln!("failed: {cell}: {}", describe(&error));
                        left.failed.push((cell, describe(&error)));
                    }
                },
            }
            self.changed.notify_all();
        }
        // whoever waits for a cell to be free looks again
        self.changed.notify_all();
    }

    /// The next cell to make; waits where all that is left is made of what is under way.
    fn take(&self) -> Option<(usize, Cell)> {
        let mut left = self.lock();
        loop {
            if left.refused.is_some() || left.waiting.is_empty() {
                return None;
            }
            if self.watch.is_over() {
                left.stopped |= left.waiting.iter().any(|(_, cell)| !self.is_done(cell));
                return None;
            }
            let free =
                left.waiting.iter().position(|(_, cell)| !self.is_made_of(cell, left.under_way.iter()));
            let Some(free) = free else {
                left = self.changed.wait(left).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let (number, cell) = left.waiting.remove(free);
            if self.is_made_of(&cell, left.failed.iter().map(|(cell, _)| cell)) {
                continue;
            }
            if self.is_made_of(&cell, left.elsewhere.iter()) {
                left.elsewhere.push(cell);
                continue;
            }
            match self.bench.state(&cell) {
                Ok(State::Done { .. }) => {}
                Ok(State::Stale { why }) if !self.overwrite => {
                    left.refused = Some(self.of_other_settings(&cell, &why));
                }
                Ok(State::Stale { .. } | State::Missing) => {
                    left.under_way.push(cell.clone());
                    return Some((number, cell));
                }
                Err(error) => left.refused = Some(error),
            }
        }
    }

    fn is_made_of<'c>(&self, cell: &Cell, mut others: impl Iterator<Item = &'c Cell>) -> bool {
        others.any(|other| self.bench.needs(cell, other))
    }

    fn is_done(&self, cell: &Cell) -> bool {
        matches!(self.bench.state(cell), Ok(State::Done { .. }))
    }

    fn of_other_settings(&self, cell: &Cell, why: &str) -> anyhow::Error {
        anyhow!(
            "{}: {cell} was made with other settings ({why}); give another --out, or --overwrite to make such cells anew",
            self.bench.path(cell).display()
        )
    }

    fn lock(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a worker panics, the others take nothing more and do not wait for its cell.
struct TellOfPanic<'q>(&'q Queue<'q>);

impl Drop for TellOfPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().refused = Some(anyhow!("a worker panicked"));
            self.0.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Share;

    #[test]
    fn threads_are_shared_out_and_a_card_makes_one_cell_at_a_time() {
        let of =
            |threads, jobs, on_cpu| Share::of(threads, jobs, on_cpu).map(|share| (share.jobs, share.threads));
        assert_eq!(of(2, None, true).unwrap(), (2, 1));
        assert_eq!(of(16, Some(4), true).unwrap(), (4, 4));
        assert_eq!(of(2, Some(5), true).unwrap(), (5, 1));
        assert_eq!(of(16, None, false).unwrap(), (1, 16));
        assert!(
            Share::of(2, Some(0), true)
                .unwrap_err()
                .to_string()
                .contains("--jobs must be at least 1, found 0")
        );
    }
}
