//! recordings.csv: one row to a recording.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::planes::name_fault;
use crate::table::{Row, Surplus, Table};
use crate::{Split, StudyError};

/// One narrated scan. Paths are absolute, or relative to where the program runs as the study folder was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Its name, unique in the study.
    pub id: String,
    /// Whose scan it is: splits are by subject.
    pub subject: String,
    /// The ultrasound video, with or without sound in it.
    pub video: PathBuf,
    /// Speech in a file of its own; where there is one, sound inside the video is not used.
    pub audio: Option<SeparateAudio>,
    /// Gaze table.
    pub gaze: Option<PathBuf>,
    /// Plane table.
    pub planes: Option<PathBuf>,
    /// The part of the split that the user gave the recording.
    pub split: Option<Split>,
    /// The fold of a cross-validation that the user gave the recording, from 0.
    pub fold: Option<u32>,
}

/// Speech recorded beside the video.
#[derive(Clone, Debug, PartialEq)]
pub struct SeparateAudio {
    /// The sound file.
    pub path: PathBuf,
    /// Where its first sample lies on the recording's clock, seconds; may be negative.
    pub offset_secs: f64,
}

impl Recording {
    /// Checks that the files of the recording exist and are not empty, without opening them.
    ///
    /// # Errors
    /// The first file that is missing, empty or a folder.
    pub fn check_files(&self) -> Result<(), StudyError> {
        let audio = self.audio.as_ref().map(|audio| &audio.path);
        let files = [
            ("video", Some(&self.video)),
            ("audio", audio),
            ("gaze", self.gaze.as_ref()),
            ("planes", self.planes.as_ref()),
        ];
        files
            .into_iter()
            .filter_map(|(kind, path)| Some((kind, path?)))
            .try_for_each(|(kind, path)| self.check_file(kind, path))
    }

    fn check_file(&self, kind: &'static str, path: &Path) -> Result<(), StudyError> {
        let (recording, path) = (self.id.clone(), path.to_path_buf());
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(StudyError::NoFile { recording, kind, path })
            }
            Err(source) => Err(StudyError::Io { path, source }),
            Ok(facts) if !facts.is_file() => Err(StudyError::NotAFile { recording, kind, path }),
            Ok(facts) if facts.len() == 0 => Err(StudyError::EmptyFile { recording, kind, path }),
            Ok(_) => Ok(()),
        }
    }
}

/// Known columns; the first three must be there.
const COLUMNS: &[&str] =
    &["recording", "subject", "video", "audio", "audio_offset_secs", "gaze", "planes", "split", "fold"];
const REQUIRED: usize = 3;

/// Reads and checks recordings.csv at `path`; file names in it are relative to the study folder `root`.
pub(crate) fn read(path: &Path, root: &Path) -> Result<Vec<Recording>, StudyError> {
    let table = Table::read(path, COLUMNS, REQUIRED, Surplus::Refuse)?;
    let mut first_lines = HashMap::new();
    let mut given: HashMap<String, Given> = HashMap::new();
    let mut recordings = Vec::new();
    for row in table.rows() {
        let recording = recording_of(row, root)?;
        if let Some(first_line) = first_lines.insert(recording.id.clone(), row.line) {
            let (path, recording) = (path.into(), recording.id);
            return Err(StudyError::RecordingTwice { path, line: row.line, first_line, recording });
        }
        let given = given.entry(recording.subject.clone()).or_default();
        given
            .add(&recording, row.line, |line| format!("{}, lines {line} and {}", path.display(), row.line))?;
        recordings.push(recording);
    }
    if recordings.is_empty() {
        return Err(StudyError::EmptyTable { path: path.into() });
    }
    Ok(recordings)
}

/// The part and the fold that the rows of a subject so far gave it, each with its line.
#[derive(Default)]
pub(crate) struct Given {
    part: Option<(Split, u64)>,
    fold: Option<(u32, u64)>,
}

impl Given {
    /// Takes up another recording of the subject, in `line`; `place` words the place of a contradiction to the
    /// recording in the line that it is told.
    pub(crate) fn add(
        &mut self,
        recording: &Recording,
        line: u64,
        place: impl Fn(u64) -> String,
    ) -> Result<(), StudyError> {
        if let Some(part) = recording.split {
            let (first, first_line) = *self.part.get_or_insert((part, line));
            if first != part {
                return Err(StudyError::SubjectInTwoParts {
                    place: place(first_line),
                    subject: recording.subject.clone(),
                    first: first.word(),
                    second: part.word(),
                });
            }
        }
        if let Some(fold) = recording.fold {
            let (first, first_line) = *self.fold.get_or_insert((fold, line));
            if first != fold {
                return Err(StudyError::SubjectInTwoFolds {
                    place: place(first_line),
                    subject: recording.subject.clone(),
                    first,
                    second: fold,
                });
            }
        }
        Ok(())
    }
}

fn recording_of(row: Row<'_>, root: &Path) -> Result<Recording, StudyError> {
    let name = |column| {
        let name = row.required(column, "a name")?;
        match name_fault(name) {
            None => Ok(name.to_string()),
            Some(_) => Err(row.bad(column, "a name of at most 1000 bytes without control characters")),
        }
    };
    let file = |column| row.text(column).map(|path| root.join(path));
    let split = match row.text("split") {
        None => None,
        Some(word) => Some(
            Split::from_word(word)
                .ok_or_else(|| row.bad("split", "train, validation, test or an empty cell"))?,
        ),
    };
    let fold = match row.text("fold") {
        None => None,
        Some(cell) => {
            Some(cell.parse().map_err(|_| row.bad("fold", "a whole number from 0, or an empty cell"))?)
        }
    };
    Ok(Recording {
        id: name("recording")?,
        subject: name("subject")?,
        video: root.join(row.required("video", "the path of the video")?),
        audio: audio_of(row, root)?,
        gaze: file("gaze"),
        planes: file("planes"),
        split,
        fold,
    })
}

fn audio_of(row: Row<'_>, root: &Path) -> Result<Option<SeparateAudio>, StudyError> {
    let offset = row.text("audio_offset_secs").map(|_| row.number("audio_offset_secs")).transpose()?;
    match (row.text("audio"), offset) {
        (Some(path), offset) => {
            Ok(Some(SeparateAudio { path: root.join(path), offset_secs: offset.unwrap_or(0.0) }))
        }
        (None, Some(_)) => Err(row.bad("audio_offset_secs", "an empty cell where the row has no audio file")),
        (None, None) => Ok(None),
    }
}

/// The text of recordings.csv, with file names under `root` made relative to it.
pub(crate) fn to_csv(recordings: &[Recording], root: &Path) -> Result<String, StudyError> {
    let mut text = format!("{}\n", COLUMNS.join(","));
    for recording in recordings {
        let audio = recording.audio.as_ref();
        let cells = [
            recording.id.clone(),
            recording.subject.clone(),
            relative(Some(&recording.video), root)?,
            relative(audio.map(|audio| &audio.path), root)?,
            audio.map_or(String::new(), |audio| audio.offset_secs.to_string()),
            relative(recording.gaze.as_ref(), root)?,
            relative(recording.planes.as_ref(), root)?,
            recording.split.map_or(String::new(), |part| part.word().into()),
            recording.fold.map_or(String::new(), |fold| fold.to_string()),
        ];
        text += &cells.map(|cell| quoted(&cell)).join(",");
        text += "\n";
    }
    Ok(text)
}

fn relative(path: Option<&PathBuf>, root: &Path) -> Result<String, StudyError> {
    let Some(path) = path else { return Ok(String::new()) };
    let shown = path.strip_prefix(root).unwrap_or(path).to_str();
    shown.map(str::to_string).ok_or_else(|| StudyError::FileNameNotUtf8 { path: path.clone() })
}

/// A CSV cell, in quotes where it needs them.
pub(crate) fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_string()
    }
}

/// Writes a text file and the folders above it.
pub(crate) fn write_text(path: &Path, text: &str) -> Result<(), StudyError> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(StudyError::io(parent))?;
    }
    std::fs::write(path, text).map_err(StudyError::io(path))
}
