//! When to stop: on Ctrl-C, or when the hours are over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sonovox_train::Monitor;

/// The longest `--hours`, ten years: what a clock can still add up.
const MOST_HOURS: f64 = 10.0 * 365.0 * 24.0;

/// Both reasons to stop.
pub struct Watch {
    asked: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Watch {
    /// Over when `asked` is raised, or `hours` from now.
    ///
    /// # Errors
    /// When that many hours are no time to wait for.
    pub fn new(asked: Arc<AtomicBool>, hours: Option<f64>) -> Result<Self> {
        if let Some(hours) = hours {
            ensure!((0.0..=MOST_HOURS).contains(&hours), "--hours must be 0 to {MOST_HOURS}, found {hours}");
        }
        let deadline = hours.map(|hours| Instant::now() + Duration::from_secs_f64(hours * 3600.0));
        Ok(Self { asked, deadline })
    }

    /// What is raised when somebody asks to stop.
    #[cfg(feature = "media")]
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.asked.clone()
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
