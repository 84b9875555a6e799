//! The event log of a run: `events.jsonl`, a line to each logged step or epoch, and the same in TensorBoard's format.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::{TensorBoard, TrainError};

/// Name of the log inside the artifact.
pub const EVENTS_FILE: &str = "events.jsonl";

/// Writes events of one run; nothing in a line depends on the clock, so equal runs leave equal logs.
pub struct EventLog {
    lines: BufWriter<File>,
    path: PathBuf,
    board: TensorBoard,
}

impl EventLog {
    /// Opens the log in `dir`. Lines of steps from `resume_at` on, written after the checkpoint from which the run
    /// goes on, are cut off: those steps are about to be made again.
    ///
    /// # Errors
    /// When the files cannot be read or written.
    pub fn open(dir: &Path, resume_at: u64) -> Result<Self, TrainError> {
        let path = dir.join(EVENTS_FILE);
        let mut kept = if resume_at == 0 { Vec::new() } else { lines_before(&path, resume_at)? };
        // whole or not at all: what a kill takes from the log of earlier steps nobody would miss
        let half = dir.join(format!("{EVENTS_FILE}.partial"));
        kept.push(String::new());
        fs::write(&half, kept.join("\n")).map_err(TrainError::io(&half))?;
        fs::rename(&half, &path).map_err(TrainError::io(&path))?;
        let file = OpenOptions::new().append(true).open(&path).map_err(TrainError::io(&path))?;
        Ok(Self { lines: BufWriter::new(file), path, board: TensorBoard::create(dir)? })
    }

    /// Logs named values of kind `event` ("step", "epoch", ...) after `step` steps.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn log(
        &mut self,
        event: &str,
        step: u64,
        epoch: u32,
        values: &[(String, f64)],
    ) -> Result<(), TrainError> {
        let mut line = Map::new();
        line.insert("event".into(), json!(event));
        line.insert("step".into(), json!(step));
        line.insert("epoch".into(), json!(epoch));
        for (name, value) in values {
            line.insert(name.clone(), json!(value));
        }
        self.line(&Value::Object(line).to_string())?;
        let tagged: Vec<_> = values.iter().map(|(name, value)| (format!("{event}/{name}"), *value)).collect();
        self.board.scalars(step, &tagged)
    }

    /// Hands everything to the operating system.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn flush(&mut self) -> Result<(), TrainError> {
        self.lines.flush().map_err(TrainError::io(&self.path))?;
        self.board.flush()
    }

    fn line(&mut self, line: &str) -> Result<(), TrainError> {
        writeln!(self.lines, "{line}").map_err(TrainError::io(&self.path))
    }
}

fn lines_before(path: &Path, step: u64) -> Result<Vec<String>, TrainError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(TrainError::io(path)(error)),
    };
    let mut kept = Vec::new();
    for line in BufReader::new(file).lines() {
        let line = line.map_err(TrainError::io(path))?;
        // a line cut short by a kill is younger than the checkpoint too
        let Ok(value) = serde_json::from_str::<Value>(&line) else { break };
        if value["step"].as_u64().is_some_and(|at| at <= step) {
            kept.push(line);
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resuming_cuts_what_came_after_the_checkpoint() {
        let dir = tempfile::tempdir().expect("temp dir");
        let mut log = EventLog::open(dir.path(), 0).expect("open");
        for step in 1..=6 {
            log.log("step", step, 0, &[("loss".into(), step as f64 / 3.0)]).expect("log");
        }
        log.flush().expect("flush");
        let path = dir.path().join(EVENTS_FILE);
        let mut whole = std::fs::read_to_string(&path).expect("read");
        whole.push_str("{\"event\":\"step\",\"st");
        std::fs::write(&path, &whole).expect("write");
        drop(EventLog::open(dir.path(), 4).expect("reopen"));
        let after = std::fs::read_to_string(&path).expect("read");
        assert_eq!(after.lines().count(), 4);
        assert!(whole.starts_with(&after));
    }
}
