//! The stage: encoder and labelled clips in, a plane detector and its figures out.

use std::sync::Arc;
use std::time::Instant;

use candle_core::DType;
use serde_json::json;
use sonovox_artifact::{ArtifactWriter, Begin, Stage};
use sonovox_ops::ParamStore;
use sonovox_train::Monitor;

use super::PlanesConfig;
use super::detector::{Detector, DetectorDetails};
use super::labelled::{self, WANTED};
use super::report::PlaneReport;
use super::task::{Finetuning, Source};
use crate::artifact_parts::{METRICS, Trained, WEIGHTS, run_facts, train, write_json};
use crate::clips::Clips;
use crate::encoder::EncoderSource;
use crate::frame_set::PartSets;
use crate::model_artifact::Provenance;
use crate::{DownstreamError, FinetuneRequest, Summary};

/// Fine-tunes a plane detector on the training subjects, keeps the epoch that is best on the validation subjects and
/// reports on the test subjects.
///
/// # Errors
/// A bad setting; clips or an encoder that cannot be read; nothing to learn from or to be judged by; too few
/// subjects; test subjects that the encoder has seen; an output that exists; divergence.
pub fn finetune(
    request: &FinetuneRequest<'_, PlanesConfig>,
    monitor: &mut dyn Monitor,
) -> Result<Summary<PlaneReport>, DownstreamError> {
    let started = Instant::now();
    let (config, device) = (request.config, &request.device);
    config.validate()?;
    config.run.precision.check(device)?;
    let clips = Arc::new(Clips::open(request.clips)?);
    let encoder = EncoderSource::open(request.encoder, config.encoder, false)?;
    let parts = clips.parts(request.split)?;
    encoder.check_unseen(&clips.subjects(&parts.test), config.allow_seen_subjects)?;
    let find = |recordings: &[usize]| labelled::find(&clips, recordings, config.every_nth_frame);
    let frames = PartSets::find(&clips, &parts, &WANTED, find)?;
    let frames = frames.with_label_share(&clips, config.label_share, request.seed)?;
    labelled::must_differ(&frames.train, &clips)?;

    let begin = Begin {
        stage: Stage::Planes,
        config: json!({"planes": config, "split": request.split}),
        seed: request.seed,
        inputs: [Some(clips.source.artifact.input_ref()), encoder.input_ref()]
            .into_iter()
            .flatten()
            .collect(),
    };
    let mut writer = ArtifactWriter::create(request.out, begin, request.existing)?;
    let planes = clips.source.details.planes.clone();
    let store = ParamStore::new(request.seed, DType::F32, device).with_precision(config.run.precision)?;
    let network = Detector::new(&encoder.origin.config, &config.head, planes.len(), &store)?;
    encoder.load_into(&store)?;
    let (counts, train_support) = (frames.counts(), labelled::support(&frames.train, planes.len()));
    let source = Arc::new(Source::new(clips.clone(), frames.train, config, request.seed, device));
    let mut task = Finetuning { network, source, validation: frames.validation };
    let run = config.run_for(encoder.is_random());
    let best = match train(&mut task, &store, &run, &mut writer, monitor)? {
        Trained::Interrupted { step } => return Ok(Summary::Interrupted { step }),
        Trained::Finished { best } => best,
    };

    let predictions = task.predict(&frames.test)?;
    let mut report = PlaneReport::new(&clips, &frames.test, &predictions, &train_support);
    report.notes.extend(encoder.size_note(clips.size()));
    report.notes.extend(task.validation.frames.is_empty().then(|| WITHOUT_VALIDATION.to_owned()));
    store.save(writer.dir().join(WEIGHTS))?;
    predictions.write(&frames.test, &mut writer)?;
    write_json(&writer.dir().join(METRICS), &report)?;
    let provenance = Provenance::new(&clips, &parts, &encoder, best);
    let details = json!(DetectorDetails { provenance, planes, train_support });
    let artifact = writer.finish(counts, details, run_facts(device, started))?;
    Ok(Summary::Finished { out: artifact.path, report: Box::new(report), best })
}

/// Said where no epoch could be chosen.
const WITHOUT_VALIDATION: &str =
    "no validation subject has a frame with a plane: the weights are those after the last step";
