//! What the event log of a pretraining says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::ReportError;

/// Name of the log inside an artifact.
pub const FILE: &str = "events.jsonl";
/// What every line has beside its values.
const COMMON: [&str; 3] = ["event", "step", "epoch"];

fn lines(path: &Path) -> Result<Vec<Value>, ReportError> {
    let text = fs::read_to_string(path).map_err(ReportError::io(path))?;
    let value = |line: &str| {
        serde_json::from_str(line)
            .map_err(|error| ReportError::Garbled { path: path.to_owned(), cause: error.to_string() })
    };
    text.lines().map(value).collect()
}

/// The held-out values called `name`, by the number of epochs done.
///
/// # Errors
/// When the log cannot be read.
pub fn held_out(path: &Path, name: &str) -> Result<BTreeMap<u64, f64>, ReportError> {
    let lines = lines(path)?;
    let held_out = lines.iter().filter(|line| line["event"] == "held_out");
    Ok(held_out.filter_map(|line| Some((line["epoch"].as_u64()? + 1, line[name].as_f64()?))).collect())
}

/// Names of the alarms that were raised in the last epoch.
///
/// # Errors
/// When the log cannot be read.
pub fn last_alarms(path: &Path) -> Result<Vec<String>, ReportError> {
    let lines = lines(path)?;
    let last = lines.iter().filter_map(|line| line["epoch"].as_u64()).max();
    let of_last = lines.iter().filter(|line| line["event"] == "alarm" && line["epoch"].as_u64() == last);
    let names = of_last.filter_map(Value::as_object).flat_map(serde_json::Map::keys).cloned();
    Ok(names.filter(|name| !COMMON.contains(&name.as_str())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_by_their_epoch_and_alarms_are_those_of_the_last() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join(FILE);
        // the line of the second epoch is lost, and in the third there was no value
        let log = r#"{"event":"held_out","epoch":0,"step":9,"auc":0.5}
{"event":"alarm","epoch":0,"step":9,"clamped_pairs":0.4}
{"event":"train","epoch":2,"step":27,"auc":0.9}
{"event":"held_out","epoch":2,"step":27,"auc":null}
{"event":"held_out","epoch":3,"step":36,"auc":0.75}
{"event":"alarm","epoch":3,"step":36,"chance_cls":0.69,"collapse_video":1.2}
"#;
        fs::write(&path, log).expect("written");
        assert_eq!(held_out(&path, "auc").expect("values"), BTreeMap::from([(1, 0.5), (4, 0.75)]));
        assert_eq!(last_alarms(&path).expect("alarms"), ["chance_cls", "collapse_video"]);
        fs::write(&path, "{\"event\"").expect("written");
        assert!(last_alarms(&path).expect_err("garbled").to_string().contains(FILE));
    }
}
