//! Standard-plane labels: the list of a study, and which plane is seen when in a recording.

use std::fmt::Write as _;
use std::path::Path;

use crate::StudyError;
use crate::table::{Row, Surplus, Table};

/// The plane labels of a study, in the order of study.toml: a label's position is its class number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlaneList(Vec<String>);

impl PlaneList {
    /// Takes the labels in order.
    ///
    /// # Errors
    /// In words, where a label is empty, has surrounding spaces or control characters, or stands twice.
    pub fn new(names: Vec<String>) -> Result<PlaneList, String> {
        for (i, name) in names.iter().enumerate() {
            if let Some(fault) = name_fault(name) {
                return Err(format!(
                    "expected plane labels, found one that {fault}: `{}`",
                    name.escape_debug()
                ));
            }
            if names[..i].contains(name) {
                return Err(format!("plane `{name}` is listed twice"));
            }
        }
        // A class number is an i16 in the clips.
        match i16::try_from(names.len()) {
            Ok(_) => Ok(PlaneList(names)),
            Err(_) => Err(format!("expected at most {} planes, found {}", i16::MAX, names.len())),
        }
    }

    /// The class number of a label, `None` where the study does not have it.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|plane| plane == name)
    }

    /// The label of class `i`, which must be less than [`len`](PlaneList::len).
    pub fn name(&self, i: usize) -> &str {
        &self.0[i]
    }

    /// The number of classes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the study has no planes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The labels, in class order.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

/// What keeps `name` from being a name that survives a CSV file: recordings, subjects and planes share the rule.
pub(crate) fn name_fault(name: &str) -> Option<&'static str> {
    const LONGEST: usize = 1000;
    match name {
        "" => Some("is empty"),
        _ if name.trim() != name => Some("starts or ends with a space"),
        _ if name.chars().any(char::is_control) => Some("holds a control character"),
        _ if name.len() > LONGEST => Some("is longer than 1000 bytes"),
        _ => None,
    }
}

/// A plane seen from `start_secs` up to, and without, `end_secs`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlaneSpan {
    /// Start, seconds on the recording's clock.
    pub start_secs: f64,
    /// End, seconds on the recording's clock, after the start.
    pub end_secs: f64,
    /// Class number in the study's [`PlaneList`].
    pub plane: usize,
}

/// The class seen at `time_secs`, `None` outside all spans. `spans` in order of time, as [`read_planes`] gives them.
pub fn plane_at(spans: &[PlaneSpan], time_secs: f64) -> Option<usize> {
    let after = spans.partition_point(|span| span.start_secs <= time_secs);
    let span = spans[..after].last()?;
    (time_secs < span.end_secs).then_some(span.plane)
}

const COLUMNS: &[&str] = &["start_secs", "end_secs", "plane"];

/// Reads a plane table (`start_secs, end_secs, plane`, rows in any order) into spans in order of time.
///
/// # Errors
/// A missing column, a bad number, a label that `planes` does not have, a span that does not end after its start,
/// two spans that share time.
pub fn read_planes(path: &Path, planes: &PlaneList) -> Result<Vec<PlaneSpan>, StudyError> {
    let table = Table::read(path, COLUMNS, COLUMNS.len(), Surplus::Ignore)?;
    let mut spans = table
        .rows()
        .map(|row| Ok((row.line, span_of(&table, row, planes)?)))
        .collect::<Result<Vec<_>, _>>()?;
    spans.sort_by(|(_, a), (_, b)| a.start_secs.total_cmp(&b.start_secs));
    for pair in spans.windows(2) {
        let ((other_line, other), (line, span)) = (pair[0], pair[1]);
        if span.start_secs < other.end_secs {
            return Err(StudyError::OverlappingSpans {
                path: path.into(),
                line,
                start_secs: span.start_secs,
                other_line,
                other_end_secs: other.end_secs,
            });
        }
    }
    Ok(spans.into_iter().map(|(_, span)| span).collect())
}

fn span_of(table: &Table, row: Row<'_>, planes: &PlaneList) -> Result<PlaneSpan, StudyError> {
    let (start_secs, end_secs) = (row.number("start_secs")?, row.number("end_secs")?);
    if start_secs >= end_secs {
        return Err(StudyError::BackwardSpan {
            path: table.path.clone(),
            line: row.line,
            start_secs,
            end_secs,
        });
    }
    let name = row.required("plane", "a plane of study.toml")?;
    let plane = planes.index(name).ok_or_else(|| StudyError::UnknownPlane {
        path: table.path.clone(),
        line: row.line,
        found: name.into(),
        known: if planes.is_empty() { "none".into() } else { planes.names().join(", ") },
    })?;
    Ok(PlaneSpan { start_secs, end_secs, plane })
}

/// Writes a plane table that [`read_planes`] reads back equal. Parent folders are made.
///
/// # Errors
/// The operating system's.
pub fn write_planes(path: &Path, spans: &[PlaneSpan], planes: &PlaneList) -> Result<(), StudyError> {
    let mut text = format!("{}\n", COLUMNS.join(","));
    for span in spans {
        let name = crate::recordings::quoted(planes.name(span.plane));
        writeln!(text, "{},{},{name}", span.start_secs, span.end_secs).expect("writing to a String");
    }
    crate::recordings::write_text(path, &text)
}
