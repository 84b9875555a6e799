//! Cells side by side: each worker takes the next cell that nothing under way has to be made before.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, anyhow, ensure};
use rayon::ThreadPool;
use sonovox_artifact::ArtifactError;
use sonovox_report::Cell;

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

/// Cells that could not be made; all others were.
#[derive(Debug)]
pub struct CellsFailed(Vec<(Cell, String)>);

impl fmt::Display for CellsFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cell, why) = &self.0[0];
        write!(f, "{} cells failed, the first of them {cell}: {why}", self.0.len())
    }
}

impl std::error::Error for CellsFailed {}

/// What is at a cell's place.
pub enum State {
    /// The artifact that is asked for; it took this long, as far as its last session goes.
    Done {
        /// Wall time in seconds.
        wall_secs: f64,
    },
    /// An artifact of other settings.
    Stale {
        /// What differs.
        why: String,
    },
    /// Nothing, or an unfinished run.
    Missing,
}

/// Who makes cells.
pub trait Maker: Sync {
    /// Where a cell lies.
    fn path(&self, cell: &Cell) -> PathBuf;
    /// Whether `cell` is made from what `other` leaves.
    fn needs(&self, cell: &Cell, other: &Cell) -> bool;
    /// What is at the cell's place.
    fn state(&self, cell: &Cell) -> Result<State>;
    /// Makes a cell; false where it was stopped at a checkpoint.
    fn make(&self, cell: &Cell, watch: &Watch) -> Result<bool>;
}

/// What is left to do, shared by the workers.
pub struct Queue<'a, M> {
    maker: &'a M,
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

impl<'a, M: Maker> Queue<'a, M> {
    /// `cells` in the order in which they are to be taken; what is made of a cell comes after it.
    pub fn new(maker: &'a M, watch: &'a Watch, overwrite: bool, cells: Vec<Cell>) -> Self {
        let left = Left {
            waiting: cells.into_iter().enumerate().collect(),
            under_way: Vec::new(),
            failed: Vec::new(),
            elsewhere: Vec::new(),
            refused: None,
            stopped: false,
        };
        let total = left.waiting.len();
        Self { maker, watch, overwrite, total, left: Mutex::new(left), changed: Condvar::new() }
    }

    /// Makes what is missing, a worker to each of `makers`, with so many threads for arithmetic.
    ///
    /// # Errors
    /// When a cell of other settings is in the way; [`CellsFailed`] where cells failed, after all others are done.
    pub fn run(self, threads: usize, makers: Vec<M>) -> Result<Outcome> {
        let workers = makers.into_iter().map(|maker| Ok((pool(threads)?, maker)));
        let workers: Vec<(ThreadPool, M)> = workers.collect::<Result<_>>()?;
        std::thread::scope(|scope| {
            for (pool, maker) in &workers {
                scope.spawn(|| pool.install(|| self.work(maker)));
            }
        });
        drop(workers);
        let left = self.left.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(refused) = left.refused {
            return Err(refused);
        }
        if !left.failed.is_empty() {
            return Err(CellsFailed(left.failed).into());
        }
        Ok(match left.elsewhere.len() {
            _ if left.stopped => Outcome::Stopped,
            0 => Outcome::Done,
            cells => Outcome::Elsewhere(cells),
        })
    }

    /// One worker.
    fn work(&self, maker: &M) {
        while let Some((number, cell)) = self.take() {
            eprintln!("[{}/{}] {cell}", number + 1, self.total);
            // a defect of one cell is no reason to lose the others
            let make = || tracing::info_span!("cell", %cell).in_scope(|| maker.make(&cell, self.watch));
            let ended = catch_unwind(AssertUnwindSafe(make))
                .unwrap_or_else(|panic| Err(anyhow!("a defect of the program: {}", said(&*panic))));
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
            match self.maker.state(&cell) {
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
        others.any(|other| self.maker.needs(cell, other))
    }

    fn is_done(&self, cell: &Cell) -> bool {
        matches!(self.maker.state(cell), Ok(State::Done { .. }))
    }

    fn of_other_settings(&self, cell: &Cell, why: &str) -> anyhow::Error {
        anyhow!(
            "{}: {cell} was made with other settings ({why}); give another --out, or --overwrite to make such cells anew",
            self.maker.path(cell).display()
        )
    }

    fn lock(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it said nothing")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use sonovox_report::{Kind, Narration};

    use super::*;

    /// Makes cells in memory: those of method `bad` panic, those of `wrong` fail.
    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<Cell>>>);

    impl Maker for Memory {
        fn path(&self, cell: &Cell) -> PathBuf {
            cell.path("memory".as_ref())
        }

        fn needs(&self, cell: &Cell, other: &Cell) -> bool {
            cell.kind != Kind::Pretrain && *other == cell.with(Kind::Pretrain)
        }

        fn state(&self, cell: &Cell) -> Result<State> {
            let is_done = self.0.lock().expect("no panic").contains(cell);
            Ok(if is_done { State::Done { wall_secs: 1.0 } } else { State::Missing })
        }

        fn make(&self, cell: &Cell, _: &Watch) -> Result<bool> {
            assert!(cell.method != "bad", "as asked");
            ensure!(cell.method != "wrong", "no data");
            let made = self.0.lock().expect("no panic").clone();
            ensure!(cell.kind == Kind::Pretrain || made.contains(&cell.with(Kind::Pretrain)), "too early");
            self.0.lock().expect("no panic").push(cell.clone());
            Ok(true)
        }
    }

    fn watch(is_over: bool) -> Watch {
        Watch::new(Arc::new(AtomicBool::new(is_over)), None).expect("no hours")
    }

    fn cells(methods: &[&str]) -> Vec<Cell> {
        let of = |method: &&str| {
            [Kind::Pretrain, Kind::Probe].map(|kind| Cell {
                method: (*method).to_owned(),
                narration: Narration::Matched,
                fold: 0,
                seed: 1,
                kind,
            })
        };
        methods.iter().flat_map(of).collect()
    }

    #[test]
    fn a_cell_that_panics_or_fails_takes_only_what_is_made_of_it_along() {
        let (memory, watch) = (Memory::default(), watch(false));
        let queue = Queue::new(&memory, &watch, false, cells(&["bad", "one", "wrong", "two"]));
        let Err(error) = queue.run(1, vec![memory.clone(), memory.clone()]) else { panic!("two cells fail") };
        let failed = &error.downcast_ref::<CellsFailed>().expect("cells").0;
        let mut why: Vec<_> = failed.iter().map(|(cell, why)| (cell.method.as_str(), why.as_str())).collect();
        why.sort_unstable();
        assert_eq!(why, [("bad", "a defect of the program: as asked"), ("wrong", "no data")]);
        let mut made = memory.0.lock().expect("no panic").clone();
        made.sort_by_key(ToString::to_string);
        let mut expected = cells(&["one", "two"]);
        expected.sort_by_key(ToString::to_string);
        assert_eq!(made, expected);
    }

    #[test]
    fn nothing_is_begun_when_the_hours_are_over() {
        let (memory, watch) = (Memory::default(), watch(true));
        let ended = Queue::new(&memory, &watch, false, cells(&["one"])).run(1, vec![memory.clone()]);
        assert!(matches!(ended, Ok(Outcome::Stopped)));
        assert!(memory.0.lock().expect("no panic").is_empty());
    }

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
