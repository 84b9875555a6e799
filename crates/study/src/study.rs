//! A study folder: open, look things up, write.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::planes::name_fault;
use crate::settings::Settings;
use crate::{
    CropRect, GazeSample, PlaneList, PlaneSpan, Recording, StudyError, VIDEO_EXTENSIONS, bare, read_gaze,
    read_planes, recordings, settings,
};

const SETTINGS: &str = "study.toml";
const RECORDINGS: &str = "recordings.csv";

/// A study: recordings of subjects, with the labels they may bear.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    /// The study folder.
    pub root: PathBuf,
    /// The name in study.toml, or the folder's.
    pub name: String,
    /// Whether study.toml says that the recordings are simulated: what is learnt from them claims nothing clinical.
    pub simulated: bool,
    /// The plane labels; empty where the study has none.
    pub planes: PlaneList,
    /// The part of each frame to keep; `None` leaves it to be found.
    pub crop: Option<CropRect>,
    /// The recordings, in the order of recordings.csv, or of their paths in a bare folder.
    pub recordings: Vec<Recording>,
    /// In a bare folder: the files that are no recordings by their extension. Else empty.
    pub passed_over: Vec<PathBuf>,
}

impl Study {
    /// Opens a study folder, or a bare folder of videos (searched to the bottom; see [`VIDEO_EXTENSIONS`]), in which
    /// every video is a recording and its own subject, both named by the path below the folder.
    ///
    /// # Errors
    /// No such folder; neither study.toml nor videos; one of study.toml and recordings.csv without the other; an
    /// unknown key or column; a missing column; a bad number; an empty recording, subject or video; a recording
    /// listed twice; a subject on both sides of a given split or in two folds. The files of the recordings are not looked at: see
    /// [`Recording::check_files`].
    pub fn open(path: &Path) -> Result<Study, StudyError> {
        match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StudyError::NoFolder { path: path.into() });
            }
            Err(source) => return Err(StudyError::Io { path: path.into(), source }),
            Ok(facts) if !facts.is_dir() => return Err(StudyError::NotAFolder { path: path.into() }),
            Ok(_) => {}
        }
        let (settings, recordings) = (path.join(SETTINGS), path.join(RECORDINGS));
        let half = |found, missing| Err(StudyError::HalfAStudy { path: path.into(), found, missing });
        match (settings.exists(), recordings.exists()) {
            (true, true) => open_study(path, &settings, &recordings),
            (true, false) => half(SETTINGS, RECORDINGS),
            (false, true) => half(RECORDINGS, SETTINGS),
            (false, false) => open_bare(path),
        }
    }

    /// The plane spans of a recording in order of time; none where it has no plane table.
    ///
    /// # Errors
    /// See [`read_planes`]; a table that is missing.
    pub fn planes_of(&self, recording: &Recording) -> Result<Vec<PlaneSpan>, StudyError> {
        recording.planes.as_ref().map_or(Ok(Vec::new()), |path| read_planes(path, &self.planes))
    }

    /// The gaze samples of a recording in order of time, those that are not valid included; none where it has no
    /// gaze table.
    ///
    /// # Errors
    /// See [`read_gaze`]; a table that is missing.
    pub fn gaze_of(&self, recording: &Recording) -> Result<Vec<GazeSample>, StudyError> {
        recording.gaze.as_ref().map_or(Ok(Vec::new()), |path| read_gaze(path))
    }

    /// Writes study.toml and recordings.csv into `self.root` (made where it is not there), file names below it
    /// relative to it. [`Study::open`] reads the same study back.
    ///
    /// # Errors
    /// A study that [`Study::open`] would refuse; file names that are not UTF-8; the operating system's.
    pub fn write(&self) -> Result<(), StudyError> {
        self.check_names()?;
        let settings = Settings {
            name: Some(self.name.clone()),
            simulated: self.simulated,
            planes: self.planes.names().to_vec(),
            crop: self.crop,
        };
        let text = toml::to_string(&settings).map_err(|error| self.cannot_write(error.to_string()))?;
        recordings::write_text(&self.root.join(SETTINGS), &text)?;
        recordings::write_text(
            &self.root.join(RECORDINGS),
            &recordings::to_csv(&self.recordings, &self.root)?,
        )
    }

    fn cannot_write(&self, message: String) -> StudyError {
        StudyError::CannotWrite { study: self.name.clone(), message }
    }

    fn check_names(&self) -> Result<(), StudyError> {
        if let Some(fault) = name_fault(&self.name) {
            return Err(self.cannot_write(format!("the name `{}` {fault}", self.name.escape_debug())));
        }
        if self.recordings.is_empty() {
            return Err(self.cannot_write("no recordings".into()));
        }
        let mut ids = HashSet::new();
        let mut given: HashMap<_, recordings::Given> = HashMap::new();
        for recording in &self.recordings {
            for name in [&recording.id, &recording.subject] {
                if let Some(fault) = name_fault(name) {
                    return Err(self.cannot_write(format!("the name `{}` {fault}", name.escape_debug())));
                }
            }
            if !ids.insert(&recording.id) {
                return Err(self.cannot_write(format!("recording `{}` is listed twice", recording.id)));
            }
            let given = given.entry(&recording.subject).or_default();
            given.add(recording, 0, |_| format!("study `{}`", self.name))?;
        }
        Ok(())
    }
}

fn open_study(root: &Path, settings_path: &Path, recordings_path: &Path) -> Result<Study, StudyError> {
    let (settings, planes) = settings::read(settings_path)?;
    Ok(Study {
        root: root.into(),
        name: settings.name.unwrap_or_else(|| folder_name(root)),
        simulated: settings.simulated,
        planes,
        crop: settings.crop,
        recordings: recordings::read(recordings_path, root)?,
        passed_over: Vec::new(),
    })
}

fn open_bare(root: &Path) -> Result<Study, StudyError> {
    let (recordings, passed_over) = bare::read(root)?;
    if recordings.is_empty() {
        return Err(StudyError::NoRecordings { path: root.into(), extensions: VIDEO_EXTENSIONS.join(", ") });
    }
    Ok(Study {
        root: root.into(),
        name: folder_name(root),
        simulated: false,
        planes: PlaneList::default(),
        crop: None,
        recordings,
        passed_over,
    })
}

/// The folder's own name, also where the path is `.` or ends in `..`.
fn folder_name(root: &Path) -> String {
    let full = root.canonicalize().unwrap_or_else(|_| root.into());
    full.file_name().map_or_else(|| "study".into(), |name| name.to_string_lossy().into_owned())
}
