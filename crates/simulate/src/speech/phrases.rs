//! The phrases a sonographer says, by what they are about.

use std::collections::BTreeMap;
use std::path::Path;

use crate::SimulateError;

/// Label of phrases about no plane in particular.
pub const BACKGROUND: &str = "background";
/// Label of talk that has nothing to do with the picture.
pub const CHAT: &str = "chat";

const BUILT_IN: &str = include_str!("../../../../data/narration/phrases.csv");

/// Phrases by label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrases(BTreeMap<String, Vec<String>>);

impl Phrases {
    /// The phrases of a file, or the built-in ones (`data/narration/phrases.csv`), with at least one for each of
    /// `planes`, for `background` and for `chat`.
    ///
    /// # Errors
    /// A file that cannot be read, is no CSV with the columns `label,text`, has an empty cell or lacks a label.
    pub fn load(path: Option<&Path>, planes: &[String]) -> Result<Self, SimulateError> {
        let (origin, text) = match path {
            None => ("data/narration/phrases.csv (built in)".to_owned(), BUILT_IN.to_owned()),
            Some(path) => (
                path.display().to_string(),
                std::fs::read_to_string(path).map_err(|source| SimulateError::Io {
                    doing: "reading",
                    path: path.to_owned(),
                    source,
                })?,
            ),
        };
        let phrases = Self::parse(&origin, &text)?;
        for label in planes.iter().map(String::as_str).chain([BACKGROUND, CHAT]) {
            if phrases.of(label).is_empty() {
                return Err(fault(origin, format!("phrases labelled {label}"), "none".to_owned()));
            }
        }
        Ok(phrases)
    }

    /// Phrases with a label; none for an unknown one.
    pub fn of(&self, label: &str) -> &[String] {
        self.0.get(label).map_or(&[], Vec::as_slice)
    }

    fn parse(origin: &str, text: &str) -> Result<Self, SimulateError> {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let unreadable = |error: csv::Error| {
            fault(origin.to_owned(), "a CSV table in UTF-8".to_owned(), error.to_string())
        };
        let header = reader.headers().map_err(unreadable)?.clone();
        if header != vec!["label", "text"] {
            let found = header.iter().collect::<Vec<_>>().join(",");
            return Err(fault(origin.to_owned(), "the columns label,text".to_owned(), found));
        }
        let mut phrases: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in reader.records() {
            let row = row.map_err(unreadable)?;
            let (label, text) = (row[0].trim(), row[1].trim());
            if label.is_empty() || text.is_empty() {
                let line = row.position().map_or(0, csv::Position::line);
                return Err(fault(
                    format!("{origin}, line {line}"),
                    "a label and a text".to_owned(),
                    "an empty cell".to_owned(),
                ));
            }
            phrases.entry(label.to_owned()).or_default().push(text.to_owned());
        }
        Ok(Self(phrases))
    }
}

fn fault(origin: String, expected: String, found: String) -> SimulateError {
    SimulateError::Phrases { origin, expected, found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anatomy::PLANE_NAMES;

    #[test]
    fn the_built_in_phrases_cover_every_plane_with_eight_at_least() {
        let planes = PLANE_NAMES.map(str::to_owned);
        let phrases = Phrases::load(None, &planes).unwrap();
        for label in PLANE_NAMES.iter().copied().chain([BACKGROUND, CHAT]) {
            assert!(phrases.of(label).len() >= 8, "{label}");
        }
    }

    #[test]
    fn faults_are_named() {
        let message = |text| Phrases::parse("my.csv", text).unwrap_err().to_string();
        assert!(message("plane,words\n4CH,hello\n").contains("found plane,words"));
        assert!(message("label,text\n4CH,\n").contains("my.csv, line 2"));
        assert!(message("label,text\n4CH,a,b\n").contains("my.csv"));
        let missing = Phrases::load(None, &["elbow".to_owned()]).unwrap_err().to_string();
        assert!(missing.contains("elbow"), "{missing}");
    }
}
