//! `sonovox preprocess`.

use std::collections::HashMap;

use anyhow::Result;
use indicatif::ProgressBar;
use sonovox_preprocess::{Cancel, Event, PreprocessError, RunOptions};
use sonovox_study::Study;

use super::Ended;
use crate::args::Preprocess;
use crate::interrupt;
use crate::progress::{self, tell};
use crate::recipe::Recipe;

/// Recordings to clips.
pub fn run(args: &Preprocess) -> Result<Ended> {
    let mut recipe = Recipe::resolve(&args.common)?;
    recipe.preprocess.jobs = args.jobs.unwrap_or(recipe.preprocess.jobs);
    let study = Study::open(&args.study)?;
    let cancel = Cancel::default();
    let stop = cancel.clone();
    interrupt::on_first(move || stop.cancel())?;
    let options = RunOptions { on_existing: args.common.existing(), strict: args.strict, cancel };
    let mut follow = Follow { bar: progress::bar(0, "preprocess"), decoded: HashMap::new() };
    let ended = sonovox_preprocess::run(&study, &recipe.preprocess, &args.out, &options, &mut |event| {
        follow.hear(event);
    });
    follow.bar.finish_and_clear();
    match ended {
        Err(stopped @ PreprocessError::Stopped { .. }) => {
            println!("{stopped}");
            Ok(Ended::Interrupted)
        }
        ended => {
            println!("{}", ended?);
            Ok(Ended::Done)
        }
    }
}

/// A bar over all frames, and a line to each recording that cannot be used.
struct Follow {
    bar: ProgressBar,
    /// Frames of each recording so far, by its place in the study.
    decoded: HashMap<usize, u64>,
}

impl Follow {
    fn hear(&mut self, event: Event) {
        match event {
            Event::Checked { expected_frames, .. } => self.bar.set_length(expected_frames),
            Event::Started { recording, .. } => self.bar.set_message(recording),
            Event::Frames { index, decoded } => {
                self.decoded.insert(index, decoded);
                self.bar.set_position(self.decoded.values().sum());
            }
            Event::Finished { recording, reused, .. } => {
                tracing::info!("{recording}: {}", if reused { "done before" } else { "done" });
            }
            Event::Failed { recording, cause, .. } => {
                tell(&self.bar, &format!("left out: {recording}: {cause}"));
            }
        }
    }
}
