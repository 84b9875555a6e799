//! The study folder on disk: written beside its final name, renamed when complete.

use std::fs;
use std::path::{Path, PathBuf};

use sonovox_study::{CropRect, GazeSample, PlaneList, PlaneSpan, Recording, Study, write_gaze, write_planes};

use crate::recording::Cast;
use crate::truth::{RecordingTruth, StudyTruth};
use crate::{SimulateConfig, SimulateError};

/// A study folder that is being made; dropped before it is finished, it leaves nothing behind.
pub struct StudyWriter<'a> {
    config: &'a SimulateConfig,
    out: PathBuf,
    partial: PathBuf,
    planes: PlaneList,
    is_in_place: bool,
}

impl<'a> StudyWriter<'a> {
    /// Makes the folder `<out>.partial` for a study of these planes, with nothing in it. What an earlier, interrupted run
    /// left there is removed.
    ///
    /// # Errors
    /// An output that exists, unless it is a study and `overwrite` is set; the operating system's.
    pub fn create(
        config: &'a SimulateConfig,
        planes: Vec<String>,
        out: &Path,
        overwrite: bool,
    ) -> Result<Self, SimulateError> {
        check_output(out, overwrite)?;
        let mut name = out.as_os_str().to_owned();
        name.push(".partial");
        let partial = PathBuf::from(name);
        if partial.symlink_metadata().is_ok() {
            fs::remove_dir_all(&partial).map_err(io("removing", &partial))?;
        }
        let videos = partial.join("videos");
        fs::create_dir_all(&videos).map_err(io("making", &videos))?;
        let planes = PlaneList::new(planes).expect("the config was checked");
        Ok(Self { config, out: out.to_owned(), partial, planes, is_in_place: false })
    }

    /// Where a recording's video goes.
    pub fn video_path(&self, cast: &Cast) -> PathBuf {
        self.partial.join("videos").join(format!("{}.mp4", cast.recording_id()))
    }

    /// Writes a recording's gaze table.
    ///
    /// # Errors
    /// The operating system's.
    pub fn write_gaze(&self, cast: &Cast, samples: &[GazeSample]) -> Result<(), SimulateError> {
        Ok(write_gaze(&self.table_path("gaze", cast), samples)?)
    }

    /// Writes a recording's plane table.
    ///
    /// # Errors
    /// The operating system's.
    pub fn write_planes(&self, cast: &Cast, spans: &[PlaneSpan]) -> Result<(), SimulateError> {
        Ok(write_planes(&self.table_path("planes", cast), spans, &self.planes)?)
    }

    /// Writes another file of the study, with its content.
    ///
    /// # Errors
    /// The operating system's.
    pub fn write_file(&self, name: &str, content: &[u8]) -> Result<(), SimulateError> {
        let path = self.partial.join(name);
        fs::write(&path, content).map_err(io("writing", &path))
    }

    /// Writes study.toml, recordings.csv and truth.json (what it is: `notice`), and puts the folder in its place.
    ///
    /// # Errors
    /// The operating system's.
    pub fn finish(
        mut self,
        notice: &'static str,
        crop: Option<CropRect>,
        recordings: Vec<Recording>,
        truth: Vec<RecordingTruth>,
    ) -> Result<(), SimulateError> {
        let study = Study {
            root: self.partial.clone(),
            name: self.config.name.clone(),
            simulated: true,
            planes: self.planes.clone(),
            crop,
            recordings,
            passed_over: Vec::new(),
        };
        study.write()?;
        let truth = StudyTruth { what: notice, config: self.config, recordings: truth };
        self.write_file("truth.json", &serde_json::to_vec(&truth).expect("plain values always serialise"))?;
        self.move_into_place()?;
        self.is_in_place = true;
        Ok(())
    }

    fn move_into_place(&self) -> Result<(), SimulateError> {
        // what is overwritten goes only now that the new study is complete
        if self.out.symlink_metadata().is_ok() {
            fs::remove_dir_all(&self.out).map_err(io("removing", &self.out))?;
        }
        fs::rename(&self.partial, &self.out).map_err(io("renaming", &self.partial))
    }

    /// A recording's row, with a gaze table or without.
    pub fn recording(&self, cast: &Cast, has_gaze: bool) -> Recording {
        Recording {
            id: cast.recording_id(),
            subject: cast.subject_id(),
            video: self.video_path(cast),
            audio: None,
            gaze: has_gaze.then(|| self.table_path("gaze", cast)),
            planes: Some(self.table_path("planes", cast)),
            split: None,
            fold: cast.fold.map(|fold| fold as u32),
        }
    }

    fn table_path(&self, table: &str, cast: &Cast) -> PathBuf {
        self.partial.join(table).join(format!("{}.csv", cast.recording_id()))
    }
}

impl Drop for StudyWriter<'_> {
    fn drop(&mut self) {
        if !self.is_in_place {
            // on the way out of an error that is reported; the next run removes what cannot be removed now
            let _ = fs::remove_dir_all(&self.partial);
        }
    }
}

/// Overwriting is for studies only: `--out ~` must not cost anyone their home.
fn check_output(out: &Path, overwrite: bool) -> Result<(), SimulateError> {
    if out.symlink_metadata().is_err() {
        return Ok(());
    }
    if !overwrite {
        return Err(SimulateError::OutputExists { path: out.to_owned() });
    }
    if !out.join("study.toml").is_file() {
        return Err(SimulateError::NotAStudy { path: out.to_owned() });
    }
    Ok(())
}

fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> SimulateError {
    let path = path.to_owned();
    move |source| SimulateError::Io { doing, path, source }
}
