//! The stage: encoder and labelled clips in, fitted probes and their figures out.

use std::time::Instant;

use serde_json::json;
use sonovox_artifact::{ArtifactWriter, Begin, Stage};

use super::ProbeConfig;
use super::features::{Extractor, Features};
use super::fit::{Labelled, Probe};
use super::report::{ProbeFit, ProbeReport};
use crate::artifact_parts::{METRICS, run_facts, write_json};
use crate::clips::Clips;
use crate::encoder::EncoderSource;
use crate::frame_set::PartSets;
use crate::label_share;
use crate::model_artifact::Provenance;
use crate::planes::{LabelledFrames, PlaneReport, Predictions, labelled};
use crate::tensor_file::TensorFile;
use crate::{DownstreamError, FinetuneRequest, Summary};

/// Weights of the probe at the top of `metrics.json`.
const PROBE: &str = "probe.safetensors";

/// Fits probes to the training subjects, chooses their penalty (and stage) on the validation subjects and reports on the
/// test subjects. Nothing is left to resume: a run that was stopped starts anew.
///
/// # Errors
/// A bad setting; clips or an encoder that cannot be read; nothing to learn from or to be judged by; too few subjects;
/// test subjects that the encoder has seen; an output that exists.
pub fn probe(request: &FinetuneRequest<'_, ProbeConfig>) -> Result<Summary<ProbeReport>, DownstreamError> {
    let started = Instant::now();
    let (config, device) = (request.config, &request.device);
    config.validate()?;
    let clips = Clips::open(request.clips)?;
    let encoder = EncoderSource::open(request.encoder, config.encoder, false)?;
    let parts = clips.parts(request.split)?;
    encoder.check_unseen(&clips.subjects(&parts.test), config.allow_seen_subjects)?;
    let find = |recordings: &[usize]| labelled::find(&clips, recordings, config.every_nth_frame);
    let frames = PartSets::find(&clips, &parts, &labelled::WANTED, find)?;
    labelled::must_differ(&frames.train, &clips)?;

    let inputs = [Some(clips.source.artifact.input_ref()), encoder.input_ref()];
    let begin = Begin {
        stage: Stage::Probe,
        config: json!({"probe": config, "split": request.split}),
        seed: request.seed,
        inputs: inputs.into_iter().flatten().collect(),
    };
    let mut writer = ArtifactWriter::create(request.out, begin, request.existing)?;
    let extractor = Extractor::new(&encoder, config.stages, request.seed, config.batch, device)?;
    let read = |set: &LabelledFrames| extractor.read(&clips, &set.frames);
    let features = [read(&frames.train)?, read(&frames.validation)?, read(&frames.test)?];
    let probed = Probed { config, clips: &clips, frames: &frames, features: &features, seed: request.seed };
    let mut fits = Vec::new();
    for &share in &config.label_shares {
        fits.extend(probed.with_share(share)?);
    }
    let (of_fits, mut fitted): (Vec<ProbeFit>, Vec<Fit>) = fits.into_iter().unzip();
    let best = ProbeReport::best(&of_fits, config.label_shares[0]).expect("a fit to each share");
    let at = of_fits.iter().position(|fit| fit == best).expect("one of them");
    let Fit { probe, predictions, support } = fitted.swap_remove(at);
    let mut headline = PlaneReport::new(&clips, &frames.test, &predictions, &support);
    headline.notes.extend(encoder.size_note(clips.size()));
    let report = ProbeReport { headline, fits: of_fits };
    write_probe(&probe, &mut writer)?;
    predictions.write(&frames.test, &mut writer)?;
    write_json(&writer.dir().join(METRICS), &report)?;
    let provenance = Provenance::new(&clips, &parts, &encoder, None);
    let details = json!({"provenance": provenance, "planes": clips.source.details.planes});
    let artifact = writer.finish(frames.counts(), details, run_facts(device, started))?;
    Ok(Summary::Finished { out: artifact.path, report: Box::new(report), best: None })
}

/// What all fits share.
struct Probed<'a> {
    config: &'a ProbeConfig,
    clips: &'a Clips,
    frames: &'a PartSets<usize>,
    /// Of training, validation and test frames, a set to each stage.
    features: &'a [Vec<Features>; 3],
    seed: u64,
}

/// A probe with what it says of the test frames, and how many training frames of each plane it saw.
struct Fit {
    probe: Probe,
    predictions: Predictions,
    support: Vec<u64>,
}

impl Probed<'_> {
    /// A fit to each stage, with a share of the labels.
    fn with_share(&self, share: f64) -> Result<Vec<(ProbeFit, Fit)>, DownstreamError> {
        let frames = self.frames;
        let places = self.places(share)?;
        let planes = self.clips.source.details.planes.len();
        let mut support = vec![0; planes];
        places.iter().for_each(|&at| support[frames.train.truth[at]] += 1);
        let [train, validation, test] = self.features;
        let fit = |stage: usize| {
            let of_train = Labelled { features: &train[stage], planes: &frames.train.truth };
            let judged = Labelled { features: &validation[stage], planes: &frames.validation.truth };
            let probe = Probe::fit(self.config, &of_train, &places, &judged, planes)?;
            let predictions = Predictions::of(planes, probe.probabilities(&test[stage], planes)?);
            let confusion = predictions.confusion(&frames.test.truth);
            let line = ProbeFit {
                stage: train[stage].stage,
                label_share: share,
                train_frames: places.len(),
                l2: probe.l2,
                validation_f1: probe.validation_f1,
                gradient_norm: probe.gradient_norm,
                macro_scores: confusion.macro_average(),
                accuracy: confusion.accuracy(),
            };
            Ok((line, Fit { probe, predictions, support: support.clone() }))
        };
        (0..train.len()).map(fit).collect()
    }

    /// Training frames, as places in their set, of which the label is used.
    fn places(&self, share: f64) -> Result<Vec<usize>, DownstreamError> {
        let train = &self.frames.train;
        let planes = self.clips.planes_of(&train.frames)?;
        Ok(label_share::places(&train.frames, &planes, share, self.seed))
    }
}

fn write_probe(probe: &Probe, writer: &mut ArtifactWriter) -> Result<(), DownstreamError> {
    let (width, classes) = (probe.scale.mean.len(), probe.classes.len());
    let (weights, biases) = probe.parameters.split_at(width * classes);
    let feature = ("feature", width);
    TensorFile::default()
        .f64("mean", "activation", &[feature], probe.scale.mean.iter().copied())
        .f64("std", "activation", &[feature], probe.scale.std.iter().copied())
        .f64("weight", "1", &[feature, ("class", classes)], weights.iter().copied())
        .f64("bias", "1", &[("class", classes)], biases.iter().copied())
        .u32(
            "plane",
            "place in details.planes",
            &[("class", classes)],
            probe.classes.iter().map(|&p| p as u32),
        )
        .write(writer, PROBE)?;
    Ok(())
}
