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
    pool(set_up(compute)?)?.install(work)
}

/// Sets up the process before anything computes: its memory, and the global pool with `--threads` threads; how many these are.
pub fn set_up(compute: &Compute) -> Result<usize> {
    sonovox_ops::keep_freed_memory();
    if let Some(threads) = compute.threads {
        ensure!(threads >= 1, "--threads must be at least 1, found {threads}");
        ThreadPoolBuilder::new().num_threads(threads).build_global().context("--threads")?;
    }
    Ok(rayon::current_num_threads())
}

/// A pool of `threads` threads.
pub fn pool(threads: usize) -> Result<ThreadPool> {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(STACK_BYTES)
        .build()
        .context("threads for arithmetic")
}
