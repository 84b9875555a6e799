//! What a run leaves to be read by people: a line to every recording, and totals.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use sonovox_artifact::Counts;
use sonovox_artifact::clips::{ClipHeader, FailedRecording};

/// Longest recording name that the table shows in full.
const LONGEST_NAME: usize = 40;

/// The outcome of a run; [`fmt::Display`] gives the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The artifact's folder.
    pub out: PathBuf,
    /// The recordings of the artifact, in the study's order.
    pub recordings: Vec<ClipHeader>,
    /// Those that could not be used.
    pub failed: Vec<FailedRecording>,
    /// How many of the recordings an earlier session had done.
    pub reused: usize,
    /// Files of a bare folder that are no recordings by their extension.
    pub passed_over: usize,
    /// Length of the run in seconds.
    pub wall_secs: f64,
}

impl Summary {
    /// What was used and what was left out, over all recordings.
    pub fn counts(&self) -> Counts {
        let total = |of: fn(&ClipHeader) -> u64| self.recordings.iter().map(of).sum();
        let used = [
            ("recordings", self.recordings.len() as u64),
            ("frames", total(|r| r.frames)),
            ("rows", total(|r| r.rows)),
            ("gaze samples", total(|r| r.gaze_samples)),
            ("labelled frames", total(|r| r.labelled_frames)),
        ];
        let mut left_out: BTreeMap<String, u64> = BTreeMap::new();
        for (cause, count) in self.recordings.iter().flat_map(|r| &r.left_out) {
            *left_out.entry(cause.clone()).or_default() += count;
        }
        for (cause, count) in [("recordings", self.failed.len()), ("files of another kind", self.passed_over)]
        {
            if count > 0 {
                left_out.insert(cause.to_owned(), count as u64);
            }
        }
        let used = used.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
        Counts { used, left_out }
    }

    /// Share of all rows that are voiced.
    pub fn voiced_share(&self) -> f64 {
        let voiced: f64 = self.recordings.iter().map(|r| r.voiced_share * r.rows as f64).sum();
        voiced / (self.recordings.iter().map(|r| r.rows).sum::<u64>().max(1)) as f64
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.recordings.iter().map(|r| &r.recording);
        let width = names.map(|name| name.chars().count()).max().unwrap_or(0).clamp(9, LONGEST_NAME);
        writeln!(
            f,
            "{:width$}  {:>9}  {:>8}  {:>7}  {:>7}  {:>8}  left out",
            "recording", "seconds", "frames", "voiced", "gaze", "labelled"
        )?;
        for r in &self.recordings {
            let (name, voiced) = (shortened(&r.recording, width), percent(r));
            write!(f, "{name:width$}  {:>9.1}  {:>8}  {voiced:>7}", r.seconds, r.frames)?;
            writeln!(f, "  {:>7}  {:>8}  {}", r.gaze_samples, r.labelled_frames, remarks(r))?;
        }
        let counts = self.counts();
        let seconds: f64 = self.recordings.iter().map(|r| r.seconds).sum();
        let name = format!("all {}", self.recordings.len());
        let voiced = format!("{:.1} %", 100.0 * self.voiced_share());
        write!(f, "{name:width$}  {seconds:>9.1}  {:>8}  {voiced:>7}", counts.used["frames"])?;
        writeln!(f, "  {:>7}  {:>8}", counts.used["gaze samples"], counts.used["labelled frames"])?;
        for one in &self.failed {
            writeln!(f, "failed: {}: {}", one.recording, one.cause)?;
        }
        write!(f, "{} recordings, {} failed", self.recordings.len(), self.failed.len())?;
        if self.reused > 0 {
            write!(f, ", {} done before", self.reused)?;
        }
        if self.passed_over > 0 {
            write!(f, ", {} files of another kind passed over", self.passed_over)?;
        }
        write!(f, " in {:.1} s: {}", self.wall_secs, self.out.display())
    }
}

fn percent(header: &ClipHeader) -> String {
    if header.has_audio { format!("{:.1} %", 100.0 * header.voiced_share) } else { "none".to_owned() }
}

fn remarks(header: &ClipHeader) -> String {
    let counts = header.left_out.iter().map(|(cause, count)| format!("{count} {cause}"));
    let all: Vec<String> = counts.chain(header.notes.iter().cloned()).collect();
    if all.is_empty() { "-".to_owned() } else { all.join("; ") }
}

/// The end of a long name says more than its beginning.
fn shortened(name: &str, width: usize) -> String {
    let count = name.chars().count();
    if count <= width {
        return name.to_owned();
    }
    std::iter::once('…').chain(name.chars().skip(count - width + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> Summary {
        let heard = ClipHeader {
            recording: "scan-1".into(),
            seconds: 12.345,
            frames: 370,
            rows: 1235,
            voiced_share: 0.5,
            gaze_samples: 900,
            labelled_frames: 40,
            has_audio: true,
            left_out: [("gaze samples outside of the crop".into(), 12)].into(),
            ..ClipHeader::default()
        };
        let silent = ClipHeader {
            recording: format!("{}end", "long/".repeat(20)),
            seconds: 1.0,
            frames: 30,
            rows: 101,
            notes: vec!["there is no sound".into()],
            ..ClipHeader::default()
        };
        let failed = FailedRecording { recording: "scan-2".into(), cause: "scan-2.mp4: no such file".into() };
        Summary {
            out: "clips".into(),
            recordings: vec![heard, silent],
            failed: vec![failed],
            reused: 1,
            passed_over: 0,
            wall_secs: 2.0,
        }
    }

    #[test]
    fn the_table_holds_a_line_to_every_recording() {
        let text = summary().to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("scan-1 "), "{text}");
        assert!(
            lines[1]
                .ends_with("12.3       370   50.0 %      900        40  12 gaze samples outside of the crop")
        );
        assert!(
            lines[2].starts_with('…') && lines[2].contains("/end ") && lines[2].contains("none"),
            "{text}"
        );
        assert!(lines[2].ends_with("there is no sound"));
        assert!(
            lines[3].starts_with("all 2 ") && lines[3].contains("13.3") && lines[3].contains("46.2 %"),
            "{text}"
        );
        assert_eq!(lines[4], "failed: scan-2: scan-2.mp4: no such file");
        assert_eq!(lines[5], "2 recordings, 1 failed, 1 done before in 2.0 s: clips");
    }

    #[test]
    fn counts_add_up() {
        let counts = summary().counts();
        assert_eq!(counts.used["frames"], 400);
        assert_eq!(counts.left_out["recordings"], 1);
        assert_eq!(counts.left_out["gaze samples outside of the crop"], 12);
    }
}
