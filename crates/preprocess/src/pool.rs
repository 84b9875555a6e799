//! Many recordings at once: blocking work on tokio's threads, a bounded number at a time, with what it tells.

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::PreprocessError;
use crate::progress::Event;

/// Events that wait to be told; workers wait when there are more.
const EVENTS_WAITING: usize = 256;

/// Threads for blocking work.
pub(crate) struct Pool {
    runtime: Runtime,
    jobs: usize,
}

/// Tells events from inside the work.
#[derive(Clone)]
pub(crate) struct Teller(mpsc::Sender<Event>);

impl Teller {
    /// Tells an event; waits where too many wait already.
    pub fn tell(&self, event: Event) {
        // the receiver is gone only after a panic, which is on its way up then
        let _ = self.0.blocking_send(event);
    }
}

impl Pool {
    /// A pool for `jobs` pieces of work at a time.
    pub fn new(jobs: usize) -> Result<Self, PreprocessError> {
        let runtime = Builder::new_multi_thread().worker_threads(1).max_blocking_threads(jobs).build();
        let runtime =
            runtime.map_err(|source| PreprocessError::Io { path: "worker threads".into(), source })?;
        Ok(Self { runtime, jobs })
    }

    /// Works on `items`, in their order but side by side. `tell` hears what the work tells, `done` takes the results as
    /// they come, each with the place of its item. A panic in the work goes on here.
    pub fn each<I, T>(
        &self,
        items: Vec<I>,
        work: impl Fn(I, &Teller) -> T + Send + Sync + 'static,
        tell: &mut dyn FnMut(Event),
        mut done: impl FnMut(usize, T, &mut dyn FnMut(Event)),
    ) where
        I: Send + 'static,
        T: Send + 'static,
    {
        let work = Arc::new(work);
        let (sender, mut events) = mpsc::channel(EVENTS_WAITING);
        let teller = Teller(sender);
        let mut waiting = items.into_iter().enumerate();
        let mut running = JoinSet::new();
        self.runtime.block_on(async {
            loop {
                while running.len() < self.jobs {
                    let Some((place, item)) = waiting.next() else { break };
                    let (work, teller) = (work.clone(), teller.clone());
                    running.spawn_blocking(move || (place, work(item, &teller)));
                }
                tokio::select! {
                    // what a piece of work told comes before its result
                    biased;
                    Some(event) = events.recv() => tell(event),
                    joined = running.join_next() => match joined {
                        None => break,
                        Some(Ok((place, result))) => {
                            while let Ok(event) = events.try_recv() {
                                tell(event);
                            }
                            done(place, result, tell);
                        }
                        Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
                    },
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn all_is_done_a_few_at_a_time_and_told_in_order() {
        let busy = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        let (inside, mut told, mut results) = (busy.clone(), Vec::new(), Vec::new());
        let work = move |item: u64, teller: &Teller| {
            let now = inside.0.fetch_add(1, Ordering::SeqCst) + 1;
            inside.1.fetch_max(now, Ordering::SeqCst);
            for decoded in 0..300 {
                teller.tell(Event::Frames { index: item as usize, decoded });
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
            inside.0.fetch_sub(1, Ordering::SeqCst);
            item * item
        };
        let mut tell = |event: Event| told.push(event);
        Pool::new(3).unwrap().each((0..20).collect(), work, &mut tell, |place, result, _| {
            results.push((place as u64, result));
        });
        results.sort_unstable();
        assert_eq!(results, (0..20).map(|i| (i, i * i)).collect::<Vec<_>>());
        assert_eq!(told.len(), 20 * 300);
        assert_eq!(busy.1.load(Ordering::SeqCst), 3, "pieces of work at the same time");
    }

    #[test]
    #[should_panic(expected = "a bug")]
    fn a_panic_is_not_swallowed() {
        let work = |item: u32, _: &Teller| assert!(item < 3, "a bug");
        Pool::new(2).unwrap().each((0..5).collect(), work, &mut |_| (), |_, (), _| ());
    }
}
