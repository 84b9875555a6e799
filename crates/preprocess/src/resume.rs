//! What a finished recording leaves for `--resume`: its clip, and beside it in the scratch folder what it was made from.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use sonovox_artifact::clips::ClipHeader;
use sonovox_artifact::{InputRef, sha256_file, write_file};
use sonovox_study::Recording;

use crate::PreprocessError;
use crate::error::{RecordingError, WorkError};

/// A finished recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Finished {
    /// What is in the clip.
    pub header: ClipHeader,
    /// SHA-256 of the clip.
    pub clip_sha256: String,
    /// The recording's files with their hashes, for the manifest.
    pub inputs: Vec<InputRef>,
    /// What the clip was made from, so far as a look at the files tells.
    source: Source,
}

/// What a clip is made from. Where all of it is as it was, the clip need not be made again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Source {
    recording: String,
    subject: String,
    split: Option<String>,
    fold: Option<u32>,
    audio_offset_secs: Option<f64>,
    files: Vec<SourceFile>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SourceFile {
    kind: String,
    path: PathBuf,
    bytes: u64,
    modified_nanos: u128,
}

impl Source {
    /// Looks at the files of a recording.
    pub fn of(recording: &Recording) -> Result<Self, RecordingError> {
        let files = files_of(recording).map(|(kind, path)| SourceFile::of(kind, path));
        Ok(Self {
            recording: recording.id.clone(),
            subject: recording.subject.clone(),
            split: recording.split.map(|split| split.word().to_owned()),
            fold: recording.fold,
            audio_offset_secs: recording.audio.as_ref().map(|audio| audio.offset_secs),
            files: files.collect::<Result<_, _>>()?,
        })
    }
}

impl SourceFile {
    fn of(kind: &str, path: &Path) -> Result<Self, RecordingError> {
        let fault = |source| RecordingError::Io { path: path.to_owned(), source };
        let facts = fs::metadata(path).map_err(fault)?;
        let modified = facts.modified().map_err(fault)?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let path = path.canonicalize().map_err(fault)?;
        Ok(Self { kind: kind.to_owned(), path, bytes: facts.len(), modified_nanos: modified.as_nanos() })
    }
}

fn files_of(recording: &Recording) -> impl Iterator<Item = (&'static str, &Path)> {
    let audio = recording.audio.as_ref().map(|audio| &audio.path);
    let files = [
        ("video", Some(&recording.video)),
        ("audio", audio),
        ("gaze", recording.gaze.as_ref()),
        ("planes", recording.planes.as_ref()),
    ];
    files.into_iter().filter_map(|(kind, path)| Some((kind, path?.as_path())))
}

impl Finished {
    /// Hashes the clip and the recording's files, both still in the page cache, and keeps it for a later session.
    /// `source` is the look taken before the work began: a file that changed meanwhile does not count as done.
    pub fn record(
        scratch: &Path,
        dir: &Path,
        recording: &Recording,
        source: Source,
        header: ClipHeader,
    ) -> Result<Self, WorkError> {
        let mut inputs = Vec::new();
        for (kind, path) in files_of(recording) {
            let hash = sha256_file(path).map_err(RecordingError::Unreadable)?;
            inputs.push(InputRef { stage: kind.to_owned(), path: path.display().to_string(), hash });
        }
        let finished = Self { clip_sha256: sha256_file(&dir.join(&header.file))?, header, inputs, source };
        let file = sidecar(scratch, &finished.header.file);
        write_file(&file, &serde_json::to_vec(&finished).expect("plain data"))?;
        Ok(finished)
    }

    /// What an earlier session left of a recording, if its files are still the same and its clip is there.
    pub fn find(scratch: &Path, dir: &Path, file: &str, source: &Source) -> Option<Self> {
        let text = fs::read(sidecar(scratch, file)).ok()?;
        let finished: Self = serde_json::from_slice(&text).ok()?;
        let is_same = finished.source == *source && finished.header.file == file;
        (is_same && dir.join(file).is_file()).then_some(finished)
    }
}

/// Removes clips of an earlier session that are not among `kept`: the study has changed since, or the recording failed
/// this time.
pub(crate) fn remove_others(dir: &Path, kept: &[&str]) -> Result<(), PreprocessError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| PreprocessError::Io { path, source }
    };
    for entry in fs::read_dir(dir).map_err(io(dir))? {
        let path = entry.map_err(io(dir))?.path();
        let is_clip = path.extension().is_some_and(|ending| ending == "safetensors");
        let is_kept = path.file_name().is_some_and(|name| kept.iter().any(|kept| name == *kept));
        if is_clip && !is_kept {
            fs::remove_file(&path).map_err(io(&path))?;
        }
    }
    Ok(())
}

fn sidecar(scratch: &Path, clip: &str) -> PathBuf {
    scratch.join(format!("{clip}.json"))
}
