//! What is learned without the picture: figures of a guess at the label by the facts of a file.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::markdown::Table;
use crate::{ReportError, Spread};

/// `metadata.json`, as scripts/measure-metadata writes it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// What was fitted to what, in a sentence or two.
    pub what: String,
    /// The study's `videos.csv`, word for word: figures of another study are not shown.
    pub videos: String,
    /// One to a way of guessing.
    pub rows: Vec<BaselineRow>,
}

/// A way of guessing; a figure to each fold, 0 to 1.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineRow {
    /// What it is.
    pub name: String,
    /// Macro precision, each video weighted by its time on the screen.
    pub precision: Vec<f64>,
    /// Macro recall, likewise.
    pub recall: Vec<f64>,
    /// Macro F1, likewise: what stands beside the detectors' F1 over frames.
    pub f1: Vec<f64>,
    /// Macro F1, every video counting once.
    pub f1_by_video: Vec<f64>,
}

impl Baseline {
    /// Reads the figures at `path`; `None` where there are none, or none of the study whose table of videos is at `videos`.
    ///
    /// # Errors
    /// Figures that are garbled.
    pub fn read(path: &Path, videos: &Path) -> Result<Option<Self>, ReportError> {
        let (Ok(text), Ok(videos)) = (fs::read(path), fs::read_to_string(videos)) else { return Ok(None) };
        let found: Self = serde_json::from_slice(&text)
            .map_err(|error| ReportError::Garbled { path: path.to_owned(), cause: error.to_string() })?;
        Ok((found.videos == videos).then_some(found))
    }

    /// The table, in percent.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new(["guess by", "F1 (P / R) over frames", "F1 over videos"]);
        for row in &self.rows {
            let shown = |values: &[f64]| {
                let values: Vec<f64> = values.iter().map(|value| 100.0 * value).collect();
                Spread::of(&values).unwrap_or_default()
            };
            let (p, r) = (shown(&row.precision), shown(&row.recall));
            let over_frames = format!("{:.1} ({:.0} / {:.0})", shown(&row.f1), p.mean, r.mean);
            table.row(vec![row.name.clone(), over_frames, format!("{:.1}", shown(&row.f1_by_video))]);
        }
        table.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_another_study_are_not_shown() {
        let dir = tempfile::tempdir().expect("a folder");
        let (figures, videos) = (dir.path().join("metadata.json"), dir.path().join("videos.csv"));
        assert_eq!(Baseline::read(&figures, &videos).expect("nothing there"), None);
        let row = r#"{"name":"forest","precision":[0.5],"recall":[0.7],"f1":[0.625],"f1_by_video":[0.75]}"#;
        let text = format!(r#"{{"what":"w","videos":"video\na\n","rows":[{row}]}}"#);
        fs::write(&figures, text).expect("written");
        fs::write(&videos, "video\nb\n").expect("written");
        assert_eq!(Baseline::read(&figures, &videos).expect("read"), None);
        fs::write(&videos, "video\na\n").expect("written");
        let found = Baseline::read(&figures, &videos).expect("read").expect("of this study");
        assert!(found.table().contains("62.5 (50 / 70)"), "{}", found.table());
        fs::write(&figures, "{}").expect("written");
        assert!(Baseline::read(&figures, &videos).is_err());
    }
}
