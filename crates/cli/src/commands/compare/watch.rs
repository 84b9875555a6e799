//! When to stop: on Ctrl-C, or when the hours are over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sonovox_train::Monitor;

/// Both reasons to stop.
pub struct Watch {
    asked: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Watch {
    /// Over when `asked` is raised, or `hours` from now.
    pub fn new(asked: Arc<AtomicBool>, hours: Option<f64>) -> Self {
        let secs = hours.map(|hours| Duration::from_secs_f64((hours * 3600.0).max(0.0)));
        Self { asked, deadline: secs.map(|secs| Instant::now() + secs) }
    }

    /// Whether somebody asked to stop.
    pub fn was_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Whether to stop.
    pub fn is_over(&self) -> bool {
        self.was_asked() || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// A training run in a cell: says nothing, stops at a checkpoint.
pub struct Quiet<'a>(pub &'a Watch);

impl Monitor for Quiet<'_> {
    fn interrupted(&self) -> bool {
        self.0.is_over()
    }
}
