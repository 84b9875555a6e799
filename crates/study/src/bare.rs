//! A bare folder of videos as a study: every video is a recording and its own subject, with no labels.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::{Recording, StudyError};

/// File name extensions, in lower case, that make a file in a bare folder a recording.
pub const VIDEO_EXTENSIONS: &[&str] = &[
    "mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "mpe", "m2v", "ts", "mts", "m2ts", "vob",
    "wmv", "asf", "flv", "ogv", "3gp", "mxf", "gif", "y4m",
];

/// The recordings below `root` in order of their paths, and the files that are none.
pub(crate) fn read(root: &Path) -> Result<(Vec<Recording>, Vec<PathBuf>), StudyError> {
    let mut files = Vec::new();
    collect_files(root, &mut HashSet::new(), &mut files)?;
    files.sort();
    let (videos, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|path| is_video(path));
    let recordings = videos.into_iter().map(|video| recording_of(root, video)).collect::<Result<_, _>>()?;
    Ok((recordings, others))
}

fn is_video(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| VIDEO_EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()))
}

/// The path below the root, extension included, is the name: it is unique and does not change with the other files.
fn recording_of(root: &Path, video: PathBuf) -> Result<Recording, StudyError> {
    let name = video.strip_prefix(root).unwrap_or(&video).to_str();
    let Some(id) = name.map(str::to_string) else {
        return Err(StudyError::FileNameNotUtf8 { path: video });
    };
    Ok(Recording {
        subject: id.clone(),
        id,
        video,
        audio: None,
        gaze: None,
        planes: None,
        split: None,
        fold: None,
    })
}

/// Hidden files and folders are passed over; links are followed, each folder once, so that a loop of links ends.
fn collect_files(
    folder: &Path,
    seen: &mut HashSet<PathBuf>,
    files: &mut Vec<PathBuf>,
) -> Result<(), StudyError> {
    if !seen.insert(folder.canonicalize().map_err(StudyError::io(folder))?) {
        return Ok(());
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(StudyError::io(folder))? {
        entries.push(entry.map_err(StudyError::io(folder))?.path());
    }
    // The order of the directory is the file system's; a linked folder must be met on the same path every time.
    entries.sort();
    for path in entries {
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden {
            continue;
        }
        if path.is_dir() {
            collect_files(&path, seen, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
