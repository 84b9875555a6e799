//! One way to read a CSV file: comma separated, a header, RFC 4180 quotes. A byte order mark, CRLF line ends,
//! spaces around cells, empty lines and a missing last line end are all fine; rows of another length, columns
//! named twice and text that is not UTF-8 are not.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::StudyError;

/// What to do with columns that nobody asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surplus {
    /// Refuse them: the table has optional columns, so a mistyped one would go unnoticed.
    Refuse,
    /// Pass over them: every column that matters is required.
    Ignore,
}

/// A table in memory: the cells of the columns asked for, row by row.
pub(crate) struct Table {
    pub(crate) path: PathBuf,
    columns: &'static [&'static str],
    rows: Vec<(u64, Vec<String>)>,
}

/// One row of a [`Table`], able to say where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Row<'t> {
    table: &'t Table,
    pub(crate) line: u64,
    cells: &'t [String],
}

impl Table {
    /// Reads `path`. `columns` are all columns of interest, of which the first `required` must be in the header;
    /// a cell of an absent column reads as empty.
    pub(crate) fn read(
        path: &Path,
        columns: &'static [&'static str],
        required: usize,
        surplus: Surplus,
    ) -> Result<Table, StudyError> {
        let file = File::open(path).map_err(StudyError::io(path))?;
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .flexible(true)
            .has_headers(false)
            .from_reader(file);
        let mut record = csv::StringRecord::new();
        let mut places = None;
        let mut rows = Vec::new();
        while reader.read_record(&mut record).map_err(|error| bad_csv(path, &error))? {
            let line = record.position().map_or(0, csv::Position::line);
            let Some((places, width)) = &places else {
                places = Some((place_columns(path, &record, columns, required, surplus)?, record.len()));
                continue;
            };
            // A spreadsheet leaves rows of bare commas below the last one.
            if record.iter().all(str::is_empty) {
                continue;
            }
            rows.push((line, cells_of(path, line, &record, places, *width)?));
        }
        if places.is_none() {
            let column = columns[0].to_string();
            return Err(StudyError::MissingColumn { path: path.into(), column, found: "no header".into() });
        }
        Ok(Table { path: path.into(), columns, rows })
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|(line, cells)| Row { table: self, line: *line, cells })
    }
}

/// The position in the file of each column asked for.
fn place_columns(
    path: &Path,
    header: &csv::StringRecord,
    columns: &'static [&'static str],
    required: usize,
    surplus: Surplus,
) -> Result<Vec<Option<usize>>, StudyError> {
    let path = || path.to_path_buf();
    let found = header.iter().collect::<Vec<_>>();
    for (i, column) in found.iter().enumerate() {
        if !column.is_empty() && found[..i].contains(column) {
            return Err(StudyError::RepeatedColumn { path: path(), column: (*column).to_string() });
        }
        if surplus == Surplus::Refuse && !columns.contains(column) {
            let column = if column.is_empty() { "(empty)" } else { column }.to_string();
            return Err(StudyError::UnknownColumn { path: path(), column, known: columns.join(", ") });
        }
    }
    let places = columns.iter().map(|c| found.iter().position(|f| f == c)).collect::<Vec<_>>();
    if let Some(missing) = places[..required].iter().position(Option::is_none) {
        let column = columns[missing].to_string();
        return Err(StudyError::MissingColumn { path: path(), column, found: found.join(", ") });
    }
    Ok(places)
}

fn cells_of(
    path: &Path,
    line: u64,
    record: &csv::StringRecord,
    places: &[Option<usize>],
    width: usize,
) -> Result<Vec<String>, StudyError> {
    if record.len() != width {
        return Err(StudyError::RowLength { path: path.into(), line, expected: width, found: record.len() });
    }
    Ok(places.iter().map(|place| place.map_or(String::new(), |p| record[p].to_string())).collect())
}

fn bad_csv(path: &Path, error: &csv::Error) -> StudyError {
    let line = error.position().map_or(1, csv::Position::line);
    let message = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "expected text in UTF-8, found other bytes".to_string(),
        _ => error.to_string(),
    };
    StudyError::BadCsv { path: path.into(), line, message }
}

impl<'t> Row<'t> {
    /// The cell of `column`, without surrounding spaces; `None` where it is empty or the column is absent.
    pub(crate) fn text(&self, column: &str) -> Option<&'t str> {
        let place = self.table.columns.iter().position(|c| *c == column);
        let cell = &self.cells[place.expect("a column that the table was read with")];
        (!cell.is_empty()).then_some(cell.as_str())
    }

    /// The cell of `column`, which must not be empty.
    pub(crate) fn required(&self, column: &str, expected: &str) -> Result<&'t str, StudyError> {
        self.text(column).ok_or_else(|| StudyError::EmptyCell {
            path: self.table.path.clone(),
            line: self.line,
            column: column.into(),
            expected: expected.into(),
        })
    }

    /// The cell of `column` as a finite number.
    pub(crate) fn number(&self, column: &str) -> Result<f64, StudyError> {
        let cell = self.required(column, "a number")?;
        match cell.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(self.bad(column, "a finite number with a decimal point")),
        }
    }

    /// The error that says `column` should have held `expected`.
    pub(crate) fn bad(&self, column: &str, expected: &str) -> StudyError {
        StudyError::BadCell {
            path: self.table.path.clone(),
            line: self.line,
            column: column.into(),
            expected: expected.into(),
            found: shown(self.text(column).unwrap_or_default()),
        }
    }
}

/// A cell as a message shows it: on one line, and not a page long.
fn shown(cell: &str) -> String {
    const LONGEST: usize = 80;
    let start: String = cell.chars().take(LONGEST).collect();
    let more = if start.len() < cell.len() { "…" } else { "" };
    format!("{}{more}", start.escape_debug())
}
