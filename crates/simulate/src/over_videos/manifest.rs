//! `manifest.csv`: which videos there are, what they show, and whose they are.

use std::path::{Path, PathBuf};

use crate::{SimulateConfig, SimulateError};

/// The columns that must be there.
const COLUMNS: [&str; 3] = ["path", "label", "patient"];
/// A column that is carried on where it is there: which kind of probe.
const PROBE: &str = "probe";

/// The videos of a manifest.
pub struct Manifest {
    /// the table
    pub path: PathBuf,
    /// videos to use, in the order of the table
    pub rows: Vec<Row>,
    /// how many videos were left out because of their folder
    pub left_out: usize,
    /// how many videos say no patient, each taken for a patient of its own
    pub nameless: usize,
}

/// A video as the manifest has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// as the manifest names it
    pub name: String,
    /// where it lies
    pub path: PathBuf,
    /// what it shows, index into the config's planes
    pub plane: usize,
    /// whose it is
    pub patient: String,
    /// which kind of probe; empty where the manifest does not say
    pub probe: String,
}

/// Reads `manifest.csv` of a folder.
///
/// # Errors
/// No such file; no CSV; a column, a path or a label missing; a label that is no plane; a plane without videos.
pub fn read(folder: &Path, config: &SimulateConfig) -> Result<Manifest, SimulateError> {
    let path = folder.join("manifest.csv");
    let fault =
        |expected: String, found: String| SimulateError::Videos { path: path.clone(), expected, found };
    if !path.is_file() {
        return Err(fault(
            "a table of the videos (path,label,patient)".to_owned(),
            "no such file".to_owned(),
        ));
    }
    let unreadable = |error: csv::Error| fault("a CSV table in UTF-8".to_owned(), error.to_string());
    let mut reader = csv::Reader::from_path(&path).map_err(unreadable)?;
    let header = reader.headers().map_err(unreadable)?.clone();
    let column = |name: &str| header.iter().position(|column| column.trim() == name);
    let mut places = [0; COLUMNS.len()];
    for (place, name) in places.iter_mut().zip(COLUMNS) {
        let found = || header.iter().collect::<Vec<_>>().join(",");
        *place = column(name).ok_or_else(|| fault(format!("the columns {}", COLUMNS.join(",")), found()))?;
    }
    let probe = column(PROBE);
    let over = &config.over_videos;
    let known: Vec<&str> = match over.labels.is_empty() {
        true => config.planes.iter().map(String::as_str).collect(),
        false => over.labels.keys().map(String::as_str).collect(),
    };
    let mut manifest = Manifest { path: path.clone(), rows: Vec::new(), left_out: 0, nameless: 0 };
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        let line = record.position().map_or(0, csv::Position::line);
        let [name, label, patient] = places.map(|place| record[place].trim());
        if name.is_empty() {
            return Err(fault(format!("a path in line {line}"), "an empty cell".to_owned()));
        }
        if Path::new(name)
            .components()
            .any(|part| over.leave_out.iter().any(|out| part.as_os_str() == out.as_str()))
        {
            manifest.left_out += 1;
            continue;
        }
        let plane =
            if over.labels.is_empty() { Some(label) } else { over.labels.get(label).map(String::as_str) };
        let plane = plane.and_then(|plane| config.planes.iter().position(|known| known == plane));
        let expected = || format!("one of the labels {} in line {line}", known.join(", "));
        let plane = plane.ok_or_else(|| fault(expected(), format!("`{label}`")))?;
        manifest.nameless += usize::from(patient.is_empty());
        let patient =
            if patient.is_empty() { format!("unknown patient of {name}") } else { patient.to_owned() };
        let probe = probe.map_or("", |place| record[place].trim()).to_owned();
        manifest.rows.push(Row { name: name.to_owned(), path: folder.join(name), plane, patient, probe });
    }
    for (plane, name) in config.planes.iter().enumerate() {
        if manifest.rows.iter().all(|row| row.plane != plane) {
            return Err(fault(format!("videos of {name}"), "none".to_owned()));
        }
    }
    Ok(manifest)
}
