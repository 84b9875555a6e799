//! The stage: study in, clips artifact out.
//!
//! All recordings are looked at first, so that what can be known before any work is. Then they are worked on side by
//! side, at most `jobs` at a time, so that memory depends neither on how many there are nor on how long they last. What
//! one of them yields does not depend on the others, and the manifest has them in the study's order: the artifact is
//! the same whatever the number of jobs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use sonovox_artifact::clips::{ClipsDetails, FailedRecording, SpectrogramFacts, file_name};
use sonovox_artifact::{ArtifactWriter, Begin, InputRef, OnExisting, RunFacts, Stage, sha256_text};
use sonovox_study::Study;

use crate::cancel::Cancel;
use crate::config::PreprocessConfig;
use crate::error::{PreprocessError, WorkError};
use crate::pool::{Pool, Teller};
use crate::progress::Event;
use crate::recording::{Checked, Job, check};
use crate::resume::{Finished, Source, remove_others};
use crate::summary::Summary;

/// How a run behaves, beside what a clip is to be.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// What to do where the output is there already.
    pub on_existing: OnExisting,
    /// One recording that cannot be used stops the run: before any work where a look at the files tells.
    pub strict: bool,
    /// Stops the run from outside.
    pub cancel: Cancel,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { on_existing: OnExisting::Refuse, strict: false, cancel: Cancel::default() }
    }
}

/// Makes the clips of `study` in the artifact `out`; `tell` hears what happens.
///
/// # Errors
/// Settings out of range; an output that is there already ([`sonovox_artifact::ArtifactError`] says how to go on) or
/// cannot be written; no recording that can be used, or with `strict` one that cannot; a stop from outside. What is
/// finished then stays in the `.partial` folder for `--resume`.
pub fn run(
    study: &Study,
    config: &PreprocessConfig,
    out: &Path,
    options: &RunOptions,
    tell: &mut dyn FnMut(Event),
) -> Result<Summary, PreprocessError> {
    config.validate()?;
    let started = Instant::now();
    let total = study.recordings.len();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (jobs, decode_threads) = config.workers(cores, total);
    let pool = Pool::new(jobs)?;
    let shared = Arc::new(Shared { study: study.clone(), config: config.clone(), decode_threads });

    let mut outcome = Outcome::new(total);
    let usable = look_at_all(&pool, &shared, &options.cancel, &mut outcome, tell);
    outcome.give_up_early(options, usable.is_empty())?;

    let writer = ArtifactWriter::create(out, begin(study, config), options.on_existing)?;
    let place = Place { dir: writer.dir().to_owned(), scratch: writer.scratch_dir()? };
    let expected_frames = usable.iter().filter_map(|(_, checked)| checked.expected_frames).sum();
    tell(Event::Checked { usable: usable.len(), failed: outcome.failed.len(), expected_frames });
    work_on_all(&pool, &shared, &place, usable, options, &mut outcome, tell)?;
    outcome.give_up_late(options, &place)?;

    let run = RunFacts {
        device: "cpu".to_owned(),
        threads: (jobs * decode_threads) as u64,
        wall_secs: started.elapsed().as_secs_f64(),
    };
    leave(writer, &place, study, config, outcome, run)
}

/// What all workers look at.
struct Shared {
    study: Study,
    config: PreprocessConfig,
    decode_threads: usize,
}

/// Folders of the artifact being written.
#[derive(Clone)]
struct Place {
    dir: PathBuf,
    scratch: PathBuf,
}

/// What became of the recordings so far, by their place in the study.
struct Outcome {
    finished: Vec<Option<Finished>>,
    failed: Vec<(usize, FailedRecording)>,
    reused: usize,
}

impl Outcome {
    fn new(total: usize) -> Self {
        Self { finished: vec![None; total], failed: Vec::new(), reused: 0 }
    }

    fn fail(&mut self, index: usize, recording: &str, cause: String, tell: &mut dyn FnMut(Event)) {
        let recording = recording.to_owned();
        self.failed.push((index, FailedRecording { recording: recording.clone(), cause: cause.clone() }));
        self.failed.sort_by_key(|(index, _)| *index);
        tell(Event::Failed { index, recording, cause });
    }

    fn failures(&self) -> Vec<FailedRecording> {
        self.failed.iter().map(|(_, failed)| failed.clone()).collect()
    }

    fn stopped(&self) -> PreprocessError {
        let finished = self.finished.iter().flatten().count();
        PreprocessError::Stopped { finished, total: self.finished.len() }
    }

    /// After the look at all files.
    fn give_up_early(&self, options: &RunOptions, nothing_usable: bool) -> Result<(), PreprocessError> {
        if options.cancel.is_cancelled() {
            return Err(self.stopped());
        }
        if options.strict && !self.failed.is_empty() {
            return Err(PreprocessError::Strict { failed: self.failures(), total: self.finished.len() });
        }
        if nothing_usable {
            return Err(PreprocessError::NothingUsable { failed: self.failures() });
        }
        Ok(())
    }

    /// After the work.
    fn give_up_late(&self, options: &RunOptions, place: &Place) -> Result<(), PreprocessError> {
        let nothing_usable = self.finished.iter().all(Option::is_none);
        let given_up = self.give_up_early(options, nothing_usable);
        if nothing_usable && !options.cancel.is_cancelled() {
            // nothing to go on with: do not stand in the way of the next run
            std::fs::remove_dir_all(&place.dir)
                .map_err(|source| PreprocessError::Io { path: place.dir.clone(), source })?;
        }
        given_up
    }
}

/// Looks at all recordings; gives those that seem usable, with their place in the study.
fn look_at_all(
    pool: &Pool,
    shared: &Arc<Shared>,
    cancel: &Cancel,
    outcome: &mut Outcome,
    tell: &mut dyn FnMut(Event),
) -> Vec<(usize, Checked)> {
    let mut usable = Vec::new();
    let (all, look, cancel) = ((0..shared.study.recordings.len()).collect(), shared.clone(), cancel.clone());
    let work = move |index: usize, _: &Teller| {
        cancel.check()?;
        Ok(check(&look.study, &look.study.recordings[index], look.config.crop)?)
    };
    pool.each(all, work, tell, |index, checked: Result<Checked, WorkError>, tell| match checked {
        Ok(checked) => usable.push((index, checked)),
        Err(WorkError::Stopped) => {}
        Err(error) => outcome.fail(index, &shared.study.recordings[index].id, error.to_string(), tell),
    });
    usable.sort_by_key(|(index, _)| *index);
    usable
}

/// Works on the usable recordings, and puts what becomes of them into `outcome`.
fn work_on_all(
    pool: &Pool,
    shared: &Arc<Shared>,
    place: &Place,
    usable: Vec<(usize, Checked)>,
    options: &RunOptions,
    outcome: &mut Outcome,
    tell: &mut dyn FnMut(Event),
) -> Result<(), PreprocessError> {
    let mut fatal = None;
    let halt = options.cancel.inner();
    let (shared, place, inner) = (shared.clone(), place.clone(), halt.clone());
    let recordings = shared.study.recordings.clone();
    let work = move |(index, checked), teller: &Teller| {
        (index, work_on(&shared, &place, index, checked, &inner, teller))
    };
    pool.each(usable, work, tell, |_, (index, result), tell| match result {
        Ok((finished, reused)) => {
            outcome.reused += usize::from(reused);
            outcome.finished[index] = Some(finished);
            tell(Event::Finished { index, recording: recordings[index].id.clone(), reused });
        }
        Err(WorkError::Stopped) => {}
        Err(WorkError::Fatal(error)) => {
            halt.cancel();
            fatal.get_or_insert(error);
        }
        Err(WorkError::Recording(error)) => {
            outcome.fail(index, &recordings[index].id, error.to_string(), tell);
            if options.strict {
                halt.cancel();
            }
        }
    });
    fatal.map_or(Ok(()), Err)
}

/// The work on one recording, or what an earlier session left of it.
fn work_on(
    shared: &Shared,
    place: &Place,
    index: usize,
    checked: Checked,
    cancel: &Cancel,
    teller: &Teller,
) -> Result<(Finished, bool), WorkError> {
    cancel.check()?;
    let recording = &shared.study.recordings[index];
    let file = file_name(&recording.id);
    let source = Source::of(recording)?;
    if let Some(finished) = Finished::find(&place.scratch, &place.dir, &file, &source) {
        return Ok((finished, true));
    }
    let expected_frames = checked.expected_frames;
    teller.tell(Event::Started { index, recording: recording.id.clone(), expected_frames });
    let job = Job {
        study: &shared.study,
        recording,
        config: &shared.config,
        checked,
        dir: &place.dir,
        file,
        spool_dir: &place.scratch,
        decode_threads: shared.decode_threads,
        cancel,
        on_frames: &|decoded| teller.tell(Event::Frames { index, decoded }),
    };
    let header = job.run()?;
    Ok((Finished::record(&place.scratch, &place.dir, recording, source, header)?, false))
}

/// By what the run can be told from others. Recordings are not part of it: they are compared one by one when a run is
/// gone on with, so that one that was mended or added since does not cost the others.
fn begin(study: &Study, config: &PreprocessConfig) -> Begin {
    let facts = json!({
        "name": study.name,
        "simulated": study.simulated,
        "planes": study.planes.names(),
        "crop": study.crop,
    });
    let path = study.root.display().to_string();
    let study = InputRef { stage: "study".to_owned(), path, hash: sha256_text(&facts.to_string()) };
    let config = serde_json::to_value(config).expect("plain data");
    Begin { stage: Stage::Clips, config, seed: 0, inputs: vec![study] }
}

/// Describes what is there and completes the artifact.
fn leave(
    mut writer: ArtifactWriter,
    place: &Place,
    study: &Study,
    config: &PreprocessConfig,
    outcome: Outcome,
    run: RunFacts,
) -> Result<Summary, PreprocessError> {
    let failed = outcome.failures();
    let finished: Vec<Finished> = outcome.finished.into_iter().flatten().collect();
    let files: Vec<&str> = finished.iter().map(|one| one.header.file.as_str()).collect();
    remove_others(&place.dir, &files)?;
    for one in &finished {
        writer.hashed(&one.header.file, one.clip_sha256.clone());
        writer.add_inputs(one.inputs.clone());
    }
    if config.spectrogram.top_db().is_none() {
        writer.unit_is("log_mel", "log10 of the power");
    }
    let mut summary = Summary {
        out: PathBuf::new(),
        recordings: finished.into_iter().map(|one| one.header).collect(),
        failed,
        reused: outcome.reused,
        passed_over: study.passed_over.len(),
        wall_secs: run.wall_secs,
    };
    let details = ClipsDetails {
        study: study.name.clone(),
        simulated: study.simulated,
        planes: study.planes.names().to_vec(),
        height: config.frame.height,
        width: config.frame.width,
        spectrogram: spectrogram_facts(config),
        voice_detector: config.voice.kind().to_owned(),
        recordings: summary.recordings.clone(),
        failed: summary.failed.clone(),
    };
    let details = serde_json::to_value(details).expect("plain data");
    summary.out = writer.finish(summary.counts(), details, run)?.path;
    Ok(summary)
}

fn spectrogram_facts(config: &PreprocessConfig) -> SpectrogramFacts {
    let spectrogram = &config.spectrogram;
    SpectrogramFacts {
        kind: spectrogram.kind().to_owned(),
        sample_rate_hz: spectrogram.sample_rate_hz(),
        hop_secs: spectrogram.hop_secs(),
        window_secs: spectrogram.window_secs(),
        n_fft: spectrogram.n_fft() as u32,
        n_bands: spectrogram.n_bands() as u32,
    }
}
