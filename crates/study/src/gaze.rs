//! The gaze track of a recording.

use std::fmt::Write as _;
use std::path::Path;

use crate::StudyError;
use crate::table::{Row, Surplus, Table};

/// Where the sonographer looked at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GazeSample {
    /// Seconds on the recording's clock.
    pub time_secs: f64,
    /// From the left, 0 to 1 of the full video frame. Any number, or NaN, where the sample is not valid.
    pub x: f32,
    /// From the top, 0 to 1 of the full video frame. Any number, or NaN, where the sample is not valid.
    pub y: f32,
    /// Whether the tracker saw the eyes.
    pub valid: bool,
}

const COLUMNS: &[&str] = &["time_secs", "x", "y", "valid"];

/// Reads a gaze table (`time_secs, x, y, valid`). Where `valid` is 0 or false, x and y may hold any number, `nan`
/// or nothing, as eye trackers leave them in a blink.
///
/// # Errors
/// A missing column, a bad number, a valid sample outside 0..1, times that run backwards.
pub fn read_gaze(path: &Path) -> Result<Vec<GazeSample>, StudyError> {
    let table = Table::read(path, COLUMNS, COLUMNS.len(), Surplus::Ignore)?;
    let mut samples: Vec<GazeSample> = Vec::new();
    for row in table.rows() {
        let sample = sample_of(&table, row)?;
        if let Some(previous) = samples.last().filter(|previous| previous.time_secs > sample.time_secs) {
            return Err(StudyError::GazeBackwards {
                path: path.into(),
                line: row.line,
                time_secs: sample.time_secs,
                previous_secs: previous.time_secs,
            });
        }
        samples.push(sample);
    }
    Ok(samples)
}

fn sample_of(table: &Table, row: Row<'_>) -> Result<GazeSample, StudyError> {
    let time_secs = row.number("time_secs")?;
    let valid = match row.required("valid", "1 or 0")?.to_ascii_lowercase().as_str() {
        "1" | "true" => true,
        "0" | "false" => false,
        _ => return Err(row.bad("valid", "1, 0, true or false")),
    };
    let place = |axis| if valid { place_in_frame(table, row, axis) } else { place_if_any(row, axis) };
    Ok(GazeSample { time_secs, x: place("x")?, y: place("y")?, valid })
}

fn place_in_frame(table: &Table, row: Row<'_>, axis: &'static str) -> Result<f32, StudyError> {
    let found = row.number(axis)?;
    if !(0.0..=1.0).contains(&found) {
        return Err(StudyError::GazeOutside { path: table.path.clone(), line: row.line, axis, found });
    }
    Ok(found as f32)
}

/// x or y of a sample that is not valid: whatever number stands there.
fn place_if_any(row: Row<'_>, axis: &str) -> Result<f32, StudyError> {
    match row.text(axis) {
        None => Ok(f32::NAN),
        Some(cell) => cell.parse::<f32>().map_err(|_| row.bad(axis, "a number, nan or an empty cell")),
    }
}

/// Writes a gaze table that [`read_gaze`] reads back equal. Parent folders are made.
///
/// # Errors
/// The operating system's.
pub fn write_gaze(path: &Path, samples: &[GazeSample]) -> Result<(), StudyError> {
    let mut text = format!("{}\n", COLUMNS.join(","));
    for GazeSample { time_secs, x, y, valid } in samples {
        writeln!(text, "{time_secs},{x},{y},{}", u8::from(*valid)).expect("writing to a String");
    }
    crate::recordings::write_text(path, &text)
}
