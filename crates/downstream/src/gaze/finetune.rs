//! The stage: encoder and clips with gaze in, a gaze predictor and its figures out.

use std::sync::Arc;
use std::time::Instant;

use candle_core::DType;
use serde_json::json;
use sonovox_artifact::{ArtifactWriter, Begin, Stage};
use sonovox_ops::ParamStore;
use sonovox_train::Monitor;

use super::GazeConfig;
use super::predictions::Predictions;
use super::predictor::{Predictor, PredictorDetails, map_size};
use super::report::GazeReport;
use super::scores::Judge;
use super::static_map;
use super::target::Spread;
use super::task::{Finetuning, Source};
use super::watched::{self, WANTED};
use crate::artifact_parts::{METRICS, Trained, WEIGHTS, run_facts, train, write_json};
use crate::clips::Clips;
use crate::encoder::EncoderSource;
use crate::frame_set::PartSets;
use crate::model_artifact::Provenance;
use crate::{DownstreamError, FinetuneRequest, Summary};

/// Fine-tunes a gaze predictor on the training subjects, keeps the epoch that is best on the validation subjects and
/// reports on the test subjects, the static map of the training subjects beside it.
///
/// # Errors
/// A bad setting; clips or an encoder that cannot be read; no gaze to learn from or to be judged by; too few
/// subjects; test subjects that the encoder has seen; an output that exists; divergence.
pub fn finetune(
    request: &FinetuneRequest<'_, GazeConfig>,
    monitor: &mut dyn Monitor,
) -> Result<Summary<GazeReport>, DownstreamError> {
    let started = Instant::now();
    let (config, device) = (request.config, &request.device);
    config.validate()?;
    config.run.precision.check(device)?;
    let clips = Arc::new(Clips::open(request.clips)?);
    let encoder = EncoderSource::open(request.encoder, config.encoder, true)?;
    let parts = clips.parts(request.split)?;
    encoder.check_unseen(&clips.subjects(&parts.test), config.allow_seen_subjects)?;
    let find = |recordings: &[usize]| Ok(watched::find(&clips, recordings, config.every_nth_frame)?);
    let frames = PartSets::find(&clips, &parts, &WANTED, find)?;
    let frames = frames.with_label_share(&clips, config.label_share, request.seed)?;

    let begin = Begin {
        stage: Stage::Gaze,
        config: json!({"gaze": config, "split": request.split}),
        seed: request.seed,
        inputs: [Some(clips.source.artifact.input_ref()), encoder.input_ref()]
            .into_iter()
            .flatten()
            .collect(),
    };
    let mut writer = ArtifactWriter::create(request.out, begin, request.existing)?;
    let store = ParamStore::new(request.seed, DType::F32, device).with_precision(config.run.precision)?;
    let network = Predictor::new(&encoder.origin.config, &config.head, &store)?;
    encoder.load_into(&store)?;
    let map = map_size(&encoder.origin.config, clips.size());
    let judge = Judge { map, spread: Spread::circular(config.sigma, clips.size(), 1.0) };
    let (counts, fixed) = (frames.counts(), static_map::mean_target(&frames.train.truth, judge.spread, map));
    let source = Arc::new(Source::new(clips.clone(), frames.train, config, map, request.seed, device));
    let mut task = Finetuning { network, source, judge, validation: frames.validation };
    let best = match train(&mut task, &store, &config.run, &mut writer, monitor)? {
        Trained::Interrupted { step } => return Ok(Summary::Interrupted { step }),
        Trained::Finished { best } => best,
    };

    let predictions = Predictions::make(&judge, &clips, &frames.test, &task.network, config, device)?;
    let mut report = GazeReport::new(&clips, &frames.test, &judge, &predictions, &fixed);
    report.notes.extend(encoder.size_note(clips.size()));
    report.notes.extend(task.validation.frames.is_empty().then(|| WITHOUT_VALIDATION.to_owned()));
    store.save(writer.dir().join(WEIGHTS))?;
    static_map::write(fixed, map, &mut writer)?;
    predictions.write(&frames.test, &mut writer)?;
    write_json(&writer.dir().join(METRICS), &report)?;
    let provenance = Provenance::new(&clips, &parts, &encoder, best);
    let details = json!(PredictorDetails { provenance, map: (map.height as u32, map.width as u32) });
    let artifact = writer.finish(counts, details, run_facts(device, started))?;
    Ok(Summary::Finished { out: artifact.path, report: Box::new(report), best })
}

/// Said where no epoch could be chosen.
const WITHOUT_VALIDATION: &str =
    "no validation subject has a frame with gaze: the weights are those after the last step";
