//! What a person sees on the way: a bar on a terminal, plain lines in a log.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use sonovox_train::{Evaluation, Monitor};
use tracing_subscriber::EnvFilter;

/// Log lines go to standard error, warnings only unless `-v` or `RUST_LOG` asks for more.
pub fn start_log(verbose: u8) {
    let level = ["warn", "info", "debug"][usize::from(verbose.min(2))];
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}

/// A bar of `length` steps, hidden where standard error is no terminal.
pub fn bar(length: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {elapsed}<{eta} {msg}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_prefix(what.to_owned());
    bar
}

/// Says a line above the bar, or plainly where there is no terminal for a bar.
pub fn tell(bar: &ProgressBar, line: &str) {
    if std::io::stderr().is_terminal() {
        bar.println(line);
    } else {
        eprintln!("{line}");
    }
}

/// Follows a training run: a bar, and a line to each epoch.
pub struct TrainingProgress {
    bar: ProgressBar,
    interrupted: Arc<AtomicBool>,
}

impl TrainingProgress {
    /// Follows a run called `what`, which ends at a checkpoint when the flag is raised.
    pub fn new(what: &str, interrupted: Arc<AtomicBool>) -> Self {
        Self { bar: bar(0, what), interrupted }
    }
}

impl Drop for TrainingProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Monitor for TrainingProgress {
    fn step(&mut self, done: u64, of: u64, means: &[(String, f64)]) {
        self.bar.set_length(of);
        self.bar.set_position(done);
        if let Some((name, value)) = means.iter().find(|(name, _)| name == "loss") {
            self.bar.set_message(format!("{name} {value:.3}"));
        }
    }

    fn epoch(&mut self, epoch: u32, train: &[(String, f64)], held_out: &Evaluation) {
        let shown = |values: &[(String, f64)]| {
            let quiet = ["gradient_norm", "learning_rate", "temperature", "retrieval_pairs"];
            let values =
                values.iter().filter(|(name, _)| !quiet.contains(&name.as_str()) && !name.contains("chance"));
            values.map(|(name, value)| format!("{name} {value:.3}")).collect::<Vec<_>>().join("  ")
        };
        tell(&self.bar, &format!("epoch {:>3}  train: {}", epoch + 1, shown(train)));
        tell(&self.bar, &format!("           held out: {}", shown(&held_out.values)));
    }

    fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }
}
