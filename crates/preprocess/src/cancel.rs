//! Stopping a run from outside, or from inside where nothing can go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::WorkError;

/// Asks a run to stop. Clones share the wish; workers look at it once a frame or block of sound, so that a run stops
/// within a moment and what is finished stays for `--resume`.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    own: Arc<AtomicBool>,
    /// The wish of whoever started the run, which counts as well.
    outer: Option<Arc<AtomicBool>>,
}

impl Cancel {
    /// One that stops when `flag` is raised, too.
    pub fn at(flag: Arc<AtomicBool>) -> Self {
        Self { own: Arc::default(), outer: Some(flag) }
    }

    /// Asks to stop.
    pub fn cancel(&self) {
        self.own.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked.
    pub fn is_cancelled(&self) -> bool {
        let is_set = |flag: &Arc<AtomicBool>| flag.load(Ordering::Relaxed);
        is_set(&self.own) || self.outer.as_ref().is_some_and(is_set)
    }

    /// One that stops when this one does, and can stop alone.
    pub(crate) fn inner(&self) -> Self {
        Self { own: Arc::default(), outer: Some(self.own.clone()) }
    }

    /// Leaves the work on a recording when it was asked.
    pub(crate) fn check(&self) -> Result<(), WorkError> {
        if self.is_cancelled() { Err(WorkError::Stopped) } else { Ok(()) }
    }
}
