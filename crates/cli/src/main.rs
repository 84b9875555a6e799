//! The program `sonovox`: arguments in, one call to a stage, a summary out.
//!
//! Exit codes: 0 done; 1 a run failed on the way (divergence, a full disk); 2 input or settings were refused; 130
//! stopped on request, to be gone on with by `--resume`.

mod args;
mod commands;
mod interrupt;
mod progress;
mod recipe;

use std::process::ExitCode;

use clap::Parser;

use args::Args;
use commands::Ended;

fn main() -> ExitCode {
    let args = Args::parse();
    progress::start_log(args.verbose);
    match commands::call(args.command) {
        Ok(Ended::Done) => ExitCode::SUCCESS,
        Ok(Ended::Interrupted) => ExitCode::from(130),
        Err(error) => {
            eprintln!("error: {}", commands::describe(&error));
            ExitCode::from(commands::exit_code(&error))
        }
    }
}
