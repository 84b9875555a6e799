//! Ctrl-C: the first asks the run to stop where it can go on later, the second ends the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

/// Calls `stop` at the first Ctrl-C or SIGTERM.
pub fn on_first(stop: impl Fn() + Send + 'static) -> Result<()> {
    let asked = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        eprintln!("stopping where --resume can go on; once more to end at once");
        stop();
    })
    .context("listening for Ctrl-C")
}

/// A flag that the first Ctrl-C or SIGTERM raises.
pub fn flag() -> Result<Arc<AtomicBool>> {
    let raised = Arc::new(AtomicBool::new(false));
    let flag = raised.clone();
    on_first(move || flag.store(true, Ordering::SeqCst))?;
    Ok(raised)
}
