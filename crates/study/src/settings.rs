//! study.toml: the study's name, its planes, the crop rectangle, and whether its recordings were simulated.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{PlaneList, StudyError};

/// The part of every video frame that is kept, in pixels of the full frame (before any resizing).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CropRect {
    /// Left edge.
    pub x: u32,
    /// Upper edge.
    pub y: u32,
    /// Width, at least 1.
    pub width: u32,
    /// Height, at least 1.
    pub height: u32,
}

/// The file as it stands; a missing name becomes the folder's.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) name: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) simulated: bool,
    #[serde(default)]
    pub(crate) planes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) crop: Option<CropRect>,
}

const KEYS: &[&str] = &["name", "simulated", "planes", "crop"];
const CROP_KEYS: &[&str] = &["x", "y", "width", "height"];

/// Reads and checks study.toml at `path`.
pub(crate) fn read(path: &Path) -> Result<(Settings, PlaneList), StudyError> {
    let text = std::fs::read_to_string(path).map_err(StudyError::io(path))?;
    // A byte order mark is no TOML, but Windows editors write one.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    refuse_unknown_keys(path, text)?;
    let settings: Settings = toml::from_str(text).map_err(|error| bad(path, text, &error))?;
    let at = |key: &str, message: String| StudyError::BadSettings {
        path: path.into(),
        line: line_of_key(text, key),
        message,
    };
    if settings.name.as_ref().is_some_and(|name| name.trim().is_empty()) {
        return Err(at("name", "expected a name, found an empty one".into()));
    }
    if let Some(crop) = settings.crop.filter(|crop| crop.width == 0 || crop.height == 0) {
        let message =
            format!("expected a crop of at least 1 x 1 pixels, found {} x {}", crop.width, crop.height);
        return Err(at("crop", message));
    }
    let planes = PlaneList::new(settings.planes.clone()).map_err(|message| at("planes", message))?;
    Ok((settings, planes))
}

fn refuse_unknown_keys(path: &Path, text: &str) -> Result<(), StudyError> {
    let table: toml::Table = toml::from_str(text).map_err(|error| bad(path, text, &error))?;
    let unknown = |key: &String, known: &[&str]| StudyError::UnknownKey {
        path: path.into(),
        line: line_of_key(text, key),
        key: key.clone(),
        known: known.join(", "),
    };
    if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(unknown(key, KEYS));
    }
    let crop = table.get("crop").and_then(toml::Value::as_table);
    match crop.and_then(|crop| crop.keys().find(|key| !CROP_KEYS.contains(&key.as_str()))) {
        Some(key) => Err(unknown(key, CROP_KEYS)),
        None => Ok(()),
    }
}

fn bad(path: &Path, text: &str, error: &toml::de::Error) -> StudyError {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = text.as_bytes()[..start].iter().filter(|&&byte| byte == b'\n').count() + 1;
    StudyError::BadSettings { path: path.into(), line, message: error.message().replace('\n', "; ") }
}

/// The first line on which `key` is set, as a plain key or a `[table]`; 1 where it is written another way.
fn line_of_key(text: &str, key: &str) -> usize {
    let sets = |line: &str| {
        let is_key = |word: &str| word.trim().trim_matches(['"', '\'']) == key;
        let line = line.trim();
        let header = line.strip_prefix('[').and_then(|rest| rest.split(']').next());
        header.is_some_and(is_key)
            || line.split(['{', ',']).any(|part| part.split_once('=').is_some_and(|(k, _)| is_key(k)))
    };
    text.lines().position(sets).map_or(1, |index| index + 1)
}
