//! The two studies of the comparison, matched and scrambled, and their clips.

#[cfg(feature = "media")]
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

#[cfg(feature = "media")]
use anyhow::Context;
use anyhow::Result;
use sonovox_report::{Cell, Narration};

use super::watch::Watch;
use crate::recipe::Recipe;

/// Where studies and clips lie.
pub struct Data {
    root: PathBuf,
}

/// The narrations that `cells` need. Whatever was pretrained on, all that comes after is done and tested on the matched study.
pub fn needed(cells: &[Cell]) -> Vec<Narration> {
    let scrambled = cells.iter().any(|cell| cell.narration == Narration::Scrambled);
    [Narration::Matched].into_iter().chain(scrambled.then_some(Narration::Scrambled)).collect()
}

impl Data {
    /// Below `out`.
    pub fn new(out: &Path) -> Self {
        Self { root: out.join("data") }
    }

    /// The study.
    fn study(&self, narration: Narration) -> PathBuf {
        self.root.join(narration.to_string()).join("study")
    }

    /// The clips artifact.
    pub fn clips(&self, narration: Narration) -> PathBuf {
        self.root.join(narration.to_string()).join("clips")
    }

    /// The matched study's truth.
    pub fn truth(&self) -> PathBuf {
        self.study(Narration::Matched).join("truth.json")
    }

    /// The table of the real videos that the matched study is joined from; a study of drawn scans has none.
    pub fn videos(&self) -> PathBuf {
        self.study(Narration::Matched).join("videos.csv")
    }

    /// Whether the clips are there.
    pub fn is_made(&self, narration: Narration) -> bool {
        self.clips(narration).join("manifest.json").is_file()
    }

    /// Makes study and clips where they are not there; false where that was stopped on request: after the study, which is made whole or
    /// not at all, or between two frames of the clips, with which the next call goes on. With `overwrite`, clips of other settings
    /// are made anew.
    #[cfg(feature = "media")]
    pub fn make(
        &self,
        narration: Narration,
        recipe: &Recipe,
        overwrite: bool,
        watch: &Watch,
    ) -> Result<bool> {
        use sonovox_artifact::OnExisting;
        use sonovox_preprocess::{Cancel, PreprocessError, RunOptions};
        use sonovox_study::Study;

        let mut simulate = recipe.simulate.clone();
        simulate.speech.narration = match narration {
            Narration::Matched => sonovox_simulate::Narration::Matched,
            Narration::Scrambled => sonovox_simulate::Narration::Scrambled,
        };
        let study = self.study(narration);
        let _alone = self.alone(narration)?;
        if !self.is_of(&study, &simulate)? {
            self.forget_clips(narration, overwrite)?;
            let bar = crate::progress::bar(0, &format!("simulate, {narration}"));
            let mut follow = |done: usize, of: usize| {
                bar.set_length(of as u64);
                bar.set_position(done as u64);
            };
            sonovox_simulate::run(&simulate, &study, overwrite, &mut follow)?;
            bar.finish_and_clear();
        }
        let cancel = Cancel::at(watch.flag());
        let mut options = RunOptions { on_existing: OnExisting::Resume, cancel, ..RunOptions::default() };
        let study = Study::open(&study)?;
        let clips = self.clips(narration);
        let run = |options: &RunOptions| {
            sonovox_preprocess::run(&study, &recipe.preprocess, &clips, options, &mut |_| {})
        };
        let mut ended = run(&options);
        if overwrite && ended.as_ref().is_err_and(is_of_other_settings) {
            options.on_existing = OnExisting::Overwrite;
            ended = run(&options);
        }
        match ended {
            Err(PreprocessError::Stopped { .. }) => Ok(false),
            Err(PreprocessError::Artifact(sonovox_artifact::ArtifactError::AlreadyFinished { .. })) => {
                Ok(true)
            }
            ended => ended.map(|_| true).map_err(Into::into),
        }
    }

    /// Without media there is nothing to make clips with.
    #[cfg(not(feature = "media"))]
    pub fn make(
        &self,
        narration: Narration,
        _recipe: &Recipe,
        _overwrite: bool,
        _watch: &Watch,
    ) -> Result<bool> {
        let clips = self.clips(narration);
        anyhow::ensure!(
            self.is_made(narration),
            "{}: expected clips, found none; this build makes none (it leaves out media)",
            clips.display()
        );
        Ok(true)
    }

    /// Waits until no other process makes this data; the lock ends with the process, however that ends.
    #[cfg(feature = "media")]
    fn alone(&self, narration: Narration) -> Result<File> {
        let folder = self.root.join(narration.to_string());
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let path = folder.join(".lock");
        let lock = File::create(&path).with_context(|| path.display().to_string())?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => {
                eprintln!("{}: waiting for another process that makes it", folder.display());
                lock.lock().with_context(|| path.display().to_string())?;
            }
            // some network file systems have no locks: there nobody is kept out
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        Ok(lock)
    }

    /// Removes the clips, whole or unfinished, before their study is made anew: its tables may be the same as before, so that nothing
    /// would tell afterwards that the clips are of another one.
    #[cfg(feature = "media")]
    fn forget_clips(&self, narration: Narration, overwrite: bool) -> Result<()> {
        let clips = self.clips(narration);
        for folder in [clips.with_extension("partial"), clips] {
            if !folder.exists() {
                continue;
            }
            anyhow::ensure!(
                overwrite,
                "{}: expected no clips, as their study is not there or of other settings; --overwrite makes both anew",
                folder.display()
            );
            std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        Ok(())
    }

    /// Whether a study is there and was made from `config`: its truth holds what it was made from.
    #[cfg(feature = "media")]
    fn is_of(&self, study: &Path, config: &sonovox_simulate::SimulateConfig) -> Result<bool> {
        let path = study.join("truth.json");
        let Ok(text) = std::fs::read(&path) else { return Ok(false) };
        let truth: serde_json::Value = serde_json::from_slice(&text)
            .with_context(|| format!("{}: expected the truth of a simulated study", path.display()))?;
        // as a config, not as text: a key that came with a later program has its default in an older study
        let made_from = serde_json::from_value::<sonovox_simulate::SimulateConfig>(truth["config"].clone());
        Ok(made_from.is_ok_and(|made_from| made_from == *config))
    }
}

#[cfg(feature = "media")]
fn is_of_other_settings(error: &sonovox_preprocess::PreprocessError) -> bool {
    use sonovox_artifact::ArtifactError;
    matches!(error, sonovox_preprocess::PreprocessError::Artifact(ArtifactError::OtherRun { .. }))
}
