//! The study folder on disk: written beside its final name, renamed when complete.

use std::fs;
use std::path::{Path, PathBuf};

use sonovox_study::{PlaneList, Recording, Study, write_gaze, write_planes};

use crate::recording::{Cast, RecordingPlan};
use crate::truth::{NOTICE, RecordingTruth, StudyTruth};
use crate::{SimulateConfig, SimulateError};

/// A study folder that is being made; dropped before it is finished, it leaves nothing behind.
pub struct StudyWriter {
    out: PathBuf,
    partial: PathBuf,
    planes: PlaneList,
    is_in_place: bool,
}

impl StudyWriter {
    /// Makes the folder `<out>.partial` with nothing in it. What an earlier, interrupted run left there is removed.
    ///
    /// # Errors
    /// An output that exists, unless it is a study and `overwrite` is set; the operating system's.
    pub fn create(config: &SimulateConfig, out: &Path, overwrite: bool) -> Result<Self, SimulateError> {
        check_output(out, overwrite)?;
        let mut name = out.as_os_str().to_owned();
        name.push(".partial");
        let partial = PathBuf::from(name);
        if partial.symlink_metadata().is_ok() {
            fs::remove_dir_all(&partial).map_err(io("removing", &partial))?;
        }
        for folder in ["videos", "gaze", "planes"] {
            let folder = partial.join(folder);
            fs::create_dir_all(&folder).map_err(io("making", &folder))?;
        }
        let names = config.planes.iter().cloned().chain(["background".to_owned()]).collect();
        let planes = PlaneList::new(names).expect("the config was checked");
        Ok(Self { out: out.to_owned(), partial, planes, is_in_place: false })
    }

    /// Where a recording's video goes.
    pub fn video_path(&self, cast: &Cast) -> PathBuf {
        self.partial.join("videos").join(format!("{}.mp4", cast.recording_id()))
    }

    /// Writes a recording's gaze and plane tables.
    ///
    /// # Errors
    /// The operating system's.
    pub fn write_tables(&self, plan: &RecordingPlan<'_>) -> Result<(), SimulateError> {
        write_gaze(&self.table_path("gaze", &plan.cast), &plan.gaze)?;
        write_planes(&self.table_path("planes", &plan.cast), &plan.spans(), &self.planes)?;
        Ok(())
    }

    /// Writes study.toml, recordings.csv and truth.json, and puts the folder in its place.
    ///
    /// # Errors
    /// The operating system's.
    pub fn finish(
        mut self,
        config: &SimulateConfig,
        casts: &[Cast],
        recordings: Vec<RecordingTruth>,
    ) -> Result<(), SimulateError> {
        let study = Study {
            root: self.partial.clone(),
            name: config.name.clone(),
            simulated: true,
            planes: self.planes.clone(),
            crop: None,
            recordings: casts.iter().map(|cast| self.recording(cast)).collect(),
            passed_over: Vec::new(),
        };
        study.write()?;
        let truth = StudyTruth { what: NOTICE, config, recordings };
        let path = self.partial.join("truth.json");
        let text = serde_json::to_vec(&truth).expect("plain values always serialise");
        fs::write(&path, text).map_err(io("writing", &path))?;
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

    fn recording(&self, cast: &Cast) -> Recording {
        Recording {
            id: cast.recording_id(),
            subject: cast.subject_id(),
            video: self.video_path(cast),
            audio: None,
            gaze: Some(self.table_path("gaze", cast)),
            planes: Some(self.table_path("planes", cast)),
            split: None,
            fold: cast.fold.map(|fold| fold as u32),
        }
    }

    fn table_path(&self, table: &str, cast: &Cast) -> PathBuf {
        self.partial.join(table).join(format!("{}.csv", cast.recording_id()))
    }
}

impl Drop for StudyWriter {
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
