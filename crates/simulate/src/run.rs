//! Stage 0 from top to bottom: config in, recordings side by side, study folder out.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use rand::seq::SliceRandom;
use serde::Serialize;

use crate::over_videos::{self, VideosUsed};
use crate::recording::{Cast, RecordingPlan};
use crate::rng::stream;
use crate::side_by_side::side_by_side;
use crate::speech::Narrator;
use crate::speech::phrases::CHAT;
use crate::truth::{NOTICE, RecordingTruth};
use crate::writer::StudyWriter;
use crate::{SimulateConfig, SimulateError};

/// What was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SimulateSummary {
    /// recordings
    pub recordings: usize,
    /// subjects
    pub subjects: usize,
    /// people who scan and speak
    pub sonographers: usize,
    /// planes, background not counted
    pub planes: usize,
    /// length of all recordings together
    pub seconds: f64,
    /// frames of all recordings together
    pub frames: usize,
    /// visits to planes
    pub visits: usize,
    /// time on a plane
    pub plane_secs: f64,
    /// time with speech
    pub speech_secs: f64,
    /// of it, small talk
    pub chat_secs: f64,
    /// times that anything was said
    pub utterances: usize,
    /// different phrases and voices
    pub phrases_spoken: usize,
    /// gaze samples
    pub gaze_samples: usize,
    /// the real videos that it was joined from; none where scans are drawn
    pub videos: Option<VideosUsed>,
}

impl fmt::Display for SimulateSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} recordings of {} subjects by {} sonographers: {:.0} s, {} frames, {} gaze samples",
            self.recordings, self.subjects, self.sonographers, self.seconds, self.frames, self.gaze_samples
        )?;
        write!(
            f,
            "{} visits to {} planes ({:.0} s); {} utterances ({:.0} s, of them {:.0} s small talk)",
            self.visits, self.planes, self.plane_secs, self.utterances, self.speech_secs, self.chat_secs
        )?;
        self.videos.as_ref().map_or(Ok(()), |videos| write!(f, "\n{videos}"))
    }
}

/// Makes a simulated study in the folder `out`: drawn scans, or, where `over_videos.folder` is set, real videos that are
/// joined and narrated.
///
/// Recordings are made side by side on all cores; memory does not depend on how long or how many they are, but for
/// the spoken phrases, gaze and truth, which are small. The same config gives the same bytes on the same machine,
/// whatever the number of cores. `progress` is told of the frames done and the frames in all, from the thread that
/// called.
///
/// # Errors
/// A value of the config out of its limits; an output that exists without `overwrite`, or that is no study; no
/// espeak-ng; phrases or videos that cannot be used; anything that cannot be written. The output is then as it was before.
pub fn run(
    config: &SimulateConfig,
    out: &Path,
    overwrite: bool,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<SimulateSummary, SimulateError> {
    config.check()?;
    if let Some(folder) = &config.over_videos.folder {
        return over_videos::run(config, folder, out, overwrite, progress);
    }
    let narrator = Narrator::new(config)?;
    let casts = casts(config);
    let planes = config.planes.iter().cloned().chain(["background".to_owned()]).collect();
    let writer = StudyWriter::create(config, planes, out, overwrite)?;
    let workplace = Workplace { config, narrator: &narrator, writer: &writer };
    let made = workplace.make_all(&casts, progress)?;
    let summary = summarise(config, &casts, &made);
    let recordings = casts.iter().map(|cast| writer.recording(cast, true)).collect();
    writer.finish(NOTICE, None, recordings, made.into_iter().map(|made| made.truth).collect())?;
    Ok(summary)
}

/// Hands out subjects and sonographers: every subject is scanned, every sonographer has several recordings where
/// there are enough, and who scans whom is chance. Folds are by subject, their sizes differ by one at most.
pub fn casts(config: &SimulateConfig) -> Vec<Cast> {
    let rng = &mut stream(config.seed, "cast", 0);
    let sonographers = config.sonographers.min((config.recordings / 2).max(1));
    let mut shuffled = |count: usize| {
        let mut items: Vec<usize> = (0..config.recordings).map(|i| i % count).collect();
        items.shuffle(rng);
        items
    };
    let (subjects, sonographers) = (shuffled(config.subjects), shuffled(sonographers));
    let folds = folds_of_subjects(config);
    subjects
        .into_iter()
        .zip(sonographers)
        .enumerate()
        .map(|(recording, (subject, sonographer))| {
            let fold = folds.get(subject).copied();
            Cast { recording, subject, sonographer, fold }
        })
        .collect()
}

/// The fold of each subject; empty where the study has none.
fn folds_of_subjects(config: &SimulateConfig) -> Vec<usize> {
    if config.folds == 0 {
        return Vec::new();
    }
    let mut folds: Vec<usize> = (0..config.subjects).map(|subject| subject % config.folds).collect();
    // a stream of its own: folds change nothing else of the study
    folds.shuffle(&mut stream(config.seed, "folds", 0));
    folds
}

struct Made {
    truth: RecordingTruth,
    gaze_samples: usize,
    speech_secs: f64,
    chat_secs: f64,
    plane_secs: f64,
    visits: usize,
}

struct Workplace<'a> {
    config: &'a SimulateConfig,
    narrator: &'a Narrator<'a>,
    writer: &'a StudyWriter<'a>,
}

impl Workplace<'_> {
    /// Makes all recordings on all cores.
    fn make_all(
        &self,
        casts: &[Cast],
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Vec<Made>, SimulateError> {
        let (mut done, total) = (0, casts.len() * self.config.frames());
        progress(done, total);
        side_by_side(casts, |cast, on_frame| self.make(cast, on_frame), &mut || {
            done += 1;
            progress(done, total);
        })
    }

    /// Makes one recording; `None` when it was stopped.
    fn make(&self, cast: &Cast, on_frame: &mut dyn FnMut() -> bool) -> Result<Option<Made>, SimulateError> {
        let plan = RecordingPlan::new(self.config, *cast, self.narrator)?;
        self.writer.write_gaze(cast, &plan.gaze)?;
        self.writer.write_planes(cast, &plan.spans())?;
        if !plan.write_video(&self.writer.video_path(cast), |_| on_frame())? {
            return Ok(None);
        }
        Ok(Some(Made {
            truth: plan.truth(),
            gaze_samples: plan.gaze.len(),
            speech_secs: plan.script.spoken_secs(|_| true),
            chat_secs: plan.script.spoken_secs(|label| label == CHAT),
            plane_secs: plan.visits.iter().map(|visit| visit.end_secs - visit.start_secs).sum(),
            visits: plan.visits.len(),
        }))
    }
}

fn summarise(config: &SimulateConfig, casts: &[Cast], made: &[Made]) -> SimulateSummary {
    let said = made.iter().flat_map(|made| &made.truth.utterances);
    let distinct = |item: fn(&Cast) -> usize| casts.iter().map(item).collect::<HashSet<_>>().len();
    let sum = |item: fn(&Made) -> f64| made.iter().map(item).sum();
    SimulateSummary {
        recordings: casts.len(),
        subjects: distinct(|cast| cast.subject),
        sonographers: distinct(|cast| cast.sonographer),
        planes: config.planes.len(),
        seconds: config.seconds * casts.len() as f64,
        frames: config.frames() * casts.len(),
        visits: made.iter().map(|made| made.visits).sum(),
        plane_secs: sum(|made| made.plane_secs),
        speech_secs: sum(|made| made.speech_secs),
        chat_secs: sum(|made| made.chat_secs),
        utterances: made.iter().map(|made| made.truth.utterances.len()).sum(),
        phrases_spoken: said.map(|u| (&u.voice, &u.text)).collect::<HashSet<_>>().len(),
        gaze_samples: made.iter().map(|made| made.gaze_samples).sum(),
        videos: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subject_is_scanned_and_sonographers_share_the_work() {
        let config = SimulateConfig::default();
        let casts = casts(&config);
        assert_eq!(casts.len(), 24);
        for subject in 0..12 {
            assert_eq!(casts.iter().filter(|cast| cast.subject == subject).count(), 2);
        }
        for sonographer in 0..4 {
            assert_eq!(casts.iter().filter(|cast| cast.sonographer == sonographer).count(), 6);
        }
        // a voice must not stand for a subject: some are scanned by two people
        let scanned_by = |subject| casts.iter().filter(move |c| c.subject == subject).map(|c| c.sonographer);
        assert!((0..12).any(|subject| scanned_by(subject).collect::<HashSet<_>>().len() == 2));
    }

    #[test]
    fn folds_are_even_and_by_subject_and_change_nothing_else() {
        let plain = SimulateConfig { recordings: 150, subjects: 135, ..SimulateConfig::default() };
        let folded = casts(&SimulateConfig { folds: 3, ..plain.clone() });
        let mut fold_of = vec![None; 135];
        for cast in &folded {
            assert_eq!(*fold_of[cast.subject].get_or_insert(cast.fold), cast.fold, "one fold to a subject");
        }
        for fold in 0..3 {
            assert_eq!(fold_of.iter().filter(|given| **given == Some(Some(fold))).count(), 45);
        }
        let in_turn = (0..135).map(|subject| Some(Some(subject % 3)));
        assert!(!fold_of.into_iter().eq(in_turn), "drawn, not dealt in turn");
        let without: Vec<_> = folded.into_iter().map(|cast| Cast { fold: None, ..cast }).collect();
        assert_eq!(without, casts(&plain));
    }
}
