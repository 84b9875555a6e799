//! The stage: encoder, clips and, where there is one, the truth in; figures out.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use candle_core::Device;
use serde_json::json;
use sonovox_artifact::clips::ClipsArtifact;
use sonovox_artifact::{
    Artifact, ArtifactWriter, Begin, Counts, InputRef, OnExisting, RunFacts, Stage, sha256_file,
};
use sonovox_ops::describe_device;
use sonovox_pretrain::Aligner;
use sonovox_study::{SplitConfig, SplitItem, SplitParts};

use crate::moments::{Moment, Moments, thinned};
use crate::report::{AfterEpoch, AlignmentReport, Recall, Shortcut};
use crate::score::{self, Cosines};
use crate::track::Track;
use crate::truth::Truth;
use crate::{AlignmentConfig, AlignmentError};

const METRICS: &str = "metrics.json";
const SIMULATED_NOTE: &str = "simulated recordings: these figures show that the program learns what was drawn, and claim nothing clinical";
const NO_TRUTH_NOTE: &str = "no truth was given: whether speech is about the picture is not known";

/// What to evaluate, and where.
pub struct Request<'a> {
    /// The pretrain artifact.
    pub encoder: &'a Path,
    /// The clips artifact.
    pub clips: &'a Path,
    /// `truth.json` of the simulated study that the clips were made of.
    pub truth: Option<&'a Path>,
    /// The artifact to write.
    pub out: &'a Path,
    /// The recipe's `[alignment]` section.
    pub config: &'a AlignmentConfig,
    /// The recipe's `[split]` section: its test part is looked at.
    pub split: &'a SplitConfig,
    /// Where to compute.
    pub device: Device,
    /// What to do where `out` exists.
    pub existing: OnExisting,
    /// Whether to look at the weights of every epoch, too, which the encoder must have kept.
    pub over_epochs: bool,
}

/// What an evaluation found.
#[derive(Debug)]
pub struct Summary {
    /// The artifact.
    pub out: PathBuf,
    /// The figures, also in its `metrics.json`.
    pub report: AlignmentReport,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}written to {}", self.report, self.out.display())
    }
}

/// Evaluates an encoder on the test subjects.
///
/// # Errors
/// A bad setting; an encoder, clips or a truth that cannot be read; test subjects that the encoder has seen; test recordings
/// without speech; an output that exists.
pub fn evaluate(request: &Request<'_>) -> Result<Summary, AlignmentError> {
    let started = Instant::now();
    request.config.validate()?;
    let clips = ClipsArtifact::open(request.clips)?;
    let encoder = Artifact::open(request.encoder, Stage::Pretrain)?;
    let truth = request.truth.map(Truth::read).transpose()?;
    let parts = Parts::new(&clips, request)?;
    let aligner = Aligner::open(&encoder, &clips, &parts.members(), &request.device)?;
    parts.check_unseen(&clips, &encoder, &aligner, request.config)?;
    let snapshots = if request.over_epochs { Aligner::snapshots(&encoder)? } else { Vec::new() };
    if request.over_epochs && snapshots.is_empty() {
        return Err(AlignmentError::NoSnapshots { encoder: request.encoder.to_owned() });
    }

    let mut inputs = vec![encoder.input_ref(), clips.artifact.input_ref()];
    inputs.extend(request.truth.map(truth_ref).transpose()?);
    let config = json!({"alignment": request.config, "split": request.split});
    let begin = Begin { stage: Stage::Alignment, config, seed: encoder.manifest.seed, inputs };
    let writer = ArtifactWriter::create(request.out, begin, request.existing)?;
    let judge =
        Judge { request, clips: &clips, aligner: &aligner, truth: truth.as_ref(), snapshots: &snapshots };
    let (report, counts) = judge.report(&parts)?;
    let path = writer.dir().join(METRICS);
    let text = serde_json::to_string_pretty(&json!(report)).expect("plain data") + "\n";
    fs::write(&path, text).map_err(AlignmentError::io(&path))?;
    let run = RunFacts {
        device: describe_device(&request.device),
        threads: rayon::current_num_threads() as u64,
        wall_secs: started.elapsed().as_secs_f64(),
    };
    let details = json!({"test_subjects": clips.subjects(&parts.test), "encoder": aligner.details()});
    let artifact = writer.finish(counts, details, run)?;
    Ok(Summary { out: artifact.path, report })
}

/// The truth as a manifest's input, by the hash of its bytes.
fn truth_ref(path: &Path) -> Result<InputRef, AlignmentError> {
    let hash = sha256_file(path)?;
    Ok(InputRef { stage: "truth".to_owned(), path: path.display().to_string(), hash })
}

/// Recordings that are looked at, as places in the clips artifact.
struct Parts {
    test: Vec<usize>,
    train: Vec<usize>,
}

impl Parts {
    fn new(clips: &ClipsArtifact, request: &Request<'_>) -> Result<Self, AlignmentError> {
        let recordings = clips.details.recordings.iter();
        let items: Vec<_> =
            recordings.map(|clip| SplitItem::of(&clip.subject, clip.split.as_deref(), clip.fold)).collect();
        let SplitParts { train, test, .. } = request.split.parts(&items)?;
        Ok(Self { test, train: thinned(&train, request.config.train_recordings) })
    }

    /// The test recordings, then those of training: as the aligner counts them.
    fn members(&self) -> Vec<usize> {
        [self.test.as_slice(), &self.train].concat()
    }

    fn check_unseen(
        &self,
        clips: &ClipsArtifact,
        encoder: &Artifact,
        aligner: &Aligner,
        config: &AlignmentConfig,
    ) -> Result<(), AlignmentError> {
        let details = aligner.details();
        let has_seen = |subject: &String| {
            details.train_subjects.contains(subject) || details.validation_subjects.contains(subject)
        };
        let subjects: Vec<String> = clips.subjects(&self.test).into_iter().filter(has_seen).collect();
        if subjects.is_empty() || config.allow_seen_subjects {
            return Ok(());
        }
        Err(AlignmentError::SeenSubjects { encoder: encoder.path.clone(), subjects })
    }
}

/// All that figures are made of.
struct Judge<'a> {
    request: &'a Request<'a>,
    clips: &'a ClipsArtifact,
    aligner: &'a Aligner,
    truth: Option<&'a Truth>,
    /// With the number of epochs after which each was taken.
    snapshots: &'a [(u32, PathBuf)],
}

impl Judge<'_> {
    fn report(&self, parts: &Parts) -> Result<(AlignmentReport, Counts), AlignmentError> {
        let config = self.request.config;
        let of_recording = self.moments(&parts.members())?;
        let (test, train) = of_recording.split_at(parts.test.len());
        let all = Moments::all(test.iter().cloned());
        let pairs = thinned(&all.voiced, config.most_pairs);
        if pairs.len() < 2 {
            let clips = self.request.clips.to_owned();
            return Err(AlignmentError::Nothing { clips, found: pairs.len() });
        }
        let kinds = [&all.relevant, &all.unrelated_on_plane, &all.unrelated];
        let [relevant, on_plane, anywhere] = kinds.map(|kind| thinned(kind, config.most_utterances));
        let said = [relevant.as_slice(), &on_plane, &anywhere].concat();
        let is_known = self.truth.is_some() && !relevant.is_empty();
        let utterances = || is_known.then(|| self.cosines(&said)).transpose();
        let affinity =
            |cosines: &Cosines| score::affinity(cosines, relevant.len(), on_plane.len(), anywhere.len());
        let cosines = utterances()?;
        let mut report = AlignmentReport {
            retrieval: self.cosines(&pairs)?.retrieval(),
            affinity: cosines.as_ref().map(affinity),
            phrases: cosines.as_ref().map(|cosines| score::phrases(cosines, &relevant)),
            shortcut: self.shortcut(test)?,
            train_shortcut: self.shortcut(train)?,
            over_epochs: Vec::new(),
            notes: self.notes(),
        };
        // last of all: the aligner's own weights are gone after it
        for (epoch, path) in self.snapshots {
            self.aligner.load(path)?;
            report.over_epochs.push(AfterEpoch {
                epoch: *epoch,
                alignment_auc: self.cosines(&pairs)?.retrieval().alignment_auc,
                affinity_auc: utterances()?.as_ref().and_then(|cosines| affinity(cosines).auc),
            });
        }
        Ok((report, self.counts(parts, &all)))
    }

    /// Moments of each recording; none of one that is shorter than a speech window.
    fn moments(&self, members: &[usize]) -> Result<Vec<Moments>, AlignmentError> {
        let of = |(recording, &member): (usize, &usize)| {
            if !self.aligner.is_audible(recording) {
                return Ok(Moments::default());
            }
            let name = &self.clips.details.recordings[member].recording;
            let truth = match self.truth {
                None => None,
                Some(truth) => Some(truth.of(name).ok_or_else(|| self.without_truth(name))?),
            };
            let track = Track::read(&self.clips.reader(member)?)?;
            Ok(Moments::find(recording, &track, self.aligner.window_secs(), truth))
        };
        members.iter().enumerate().map(of).collect()
    }

    fn without_truth(&self, recording: &str) -> AlignmentError {
        let path = self.request.truth.unwrap_or(Path::new("truth.json")).to_owned();
        let cause =
            format!("expected the truth of the study of these clips, found none of recording `{recording}`");
        AlignmentError::Truth { path, cause }
    }

    fn cosines(&self, moments: &[Moment]) -> Result<Cosines, AlignmentError> {
        let frames: Vec<_> = moments.iter().map(|moment| (moment.recording, moment.frame)).collect();
        let speech: Vec<_> = moments.iter().map(|moment| (moment.recording, moment.secs)).collect();
        Ok(Cosines::new(self.aligner.similarity(&frames, &speech)?, moments.len()))
    }

    /// Recall of recordings from their silent and unrelated windows.
    fn shortcut(&self, of_recording: &[Moments]) -> Result<Shortcut, AlignmentError> {
        let of = |kind: fn(&Moments) -> &Vec<Moment>| -> Result<Option<Recall>, AlignmentError> {
            let with: Vec<&Vec<Moment>> =
                of_recording.iter().map(kind).filter(|found| found.len() >= 2).collect();
            let mut sum = 0.0;
            for round in 0..self.request.config.rounds {
                let moments: Vec<Moment> = with.iter().map(|found| self.probe(found, round)).collect();
                if moments.len() < 2 {
                    return Ok(None);
                }
                sum += self.cosines(&moments)?.recording_recall();
            }
            let rounds = self.request.config.rounds as f64;
            Ok(Some(Recall { k: 1, recall: sum / rounds, chance: 1.0 / with.len() as f64 }))
        };
        Ok(Shortcut { silent: of(|found| &found.silent)?, unrelated: of(|found| &found.unrelated)? })
    }

    /// A window of one kind, with the frame of another of its recording: what is heard says nothing of it.
    fn probe(&self, windows: &[Moment], round: usize) -> Moment {
        let rounds = self.request.config.rounds;
        // another one than its own: whoever calls has two windows at least
        let at = round * windows.len() / rounds;
        let (window, frame) = (&windows[at], windows[(at + windows.len() / 2) % windows.len()].frame);
        Moment { frame, ..window.clone() }
    }

    fn notes(&self) -> Vec<String> {
        let simulated = self.clips.details.simulated.then(|| SIMULATED_NOTE.to_owned());
        let blind = self.truth.is_none().then(|| NO_TRUTH_NOTE.to_owned());
        simulated.into_iter().chain(blind).collect()
    }

    fn counts(&self, parts: &Parts, all: &Moments) -> Counts {
        let short = (0..parts.test.len()).filter(|&at| !self.aligner.is_audible(at)).count() as u64;
        let used = [
            ("test_recordings", parts.test.len() as u64 - short),
            ("voiced_moments", all.voiced.len() as u64),
            ("silent_moments", all.silent.len() as u64),
            ("relevant_utterances", all.relevant.len() as u64),
            ("unrelated_utterances", all.unrelated.len() as u64),
        ];
        let cause = "recordings shorter than a speech window".to_owned();
        let left_out = (short > 0).then_some((cause, short)).into_iter().collect::<BTreeMap<_, _>>();
        Counts { used: used.map(|(name, count)| (name.to_owned(), count)).into(), left_out }
    }
}
