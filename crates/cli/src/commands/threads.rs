//! Threads for arithmetic.

use anyhow::{Context, Result, ensure};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::args::Compute;

/// A worker of a pool has the stack of a main thread: a network's graph is walked down node by node.
const STACK_BYTES: usize = 8 << 20;

/// Calls `work` on a pool of its own, of `--threads` threads. There the thread that computes is one of those that share an
/// operation out; from outside of a pool each operation, of thousands a second, would be handed over and waited for. Loaders use the
/// global pool, so that none waits for a thread that waits for it.
pub fn computing<T: Send>(compute: &Compute, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let threads = count(compute)?;
    set_up(compute, threads)?;
    pool(threads)?.install(work)
}

/// `--threads`, or one to a core.
pub fn count(compute: &Compute) -> Result<usize> {
    match compute.threads {
        Some(threads) => {
            ensure!(threads >= 1, "--threads must be at least 1, found {threads}");
            Ok(threads)
        }
        None => Ok(std::thread::available_parallelism()?.get()),
    }
}

/// Sets up the process before it computes or starts a thread: its memory, candle's threads (`each` of them, as many as a pool has),
/// and the global pool.
pub fn set_up(compute: &Compute, each: usize) -> Result<()> {
    sonovox_ops::keep_freed_memory();
    sonovox_ops::limit_candle_threads(each);
    ThreadPoolBuilder::new().num_threads(count(compute)?).build_global().context("--threads")
}

/// A pool of `threads` threads.
pub fn pool(threads: usize) -> Result<ThreadPool> {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(STACK_BYTES)
        .build()
        .context("threads for arithmetic")
}
