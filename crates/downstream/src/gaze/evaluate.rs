//! Evaluation of a finished gaze predictor: on its own test subjects again, or on a held-out study.

use std::time::Instant;

use serde_json::json;
use sonovox_artifact::{ArtifactWriter, Begin, Counts, Stage};

use super::predictions::Predictions;
use super::predictor::{SavedPredictor, map_size};
use super::report::GazeReport;
use super::scores::Judge;
use super::target::Spread;
use super::watched::{self, WANTED};
use crate::artifact_parts::{METRICS, run_facts, write_json};
use crate::model_artifact::{EvaluationDetails, held_out};
use crate::{DownstreamError, EvalRequest, Summary};

/// Evaluates a gaze predictor beside the static map of its training subjects; on the clips it was fine-tuned on the
/// figures are those that fine-tuning reported.
///
/// # Errors
/// A predictor or clips that cannot be read or do not fit each other; no gaze; subjects that had a part in the
/// weights; an output that exists.
pub fn evaluate(request: &EvalRequest<'_>) -> Result<Summary<GazeReport>, DownstreamError> {
    let started = Instant::now();
    let saved = SavedPredictor::open(request.model, &request.device)?;
    let (config, provenance) = (&saved.config, &saved.details.provenance);
    let (clips, recordings) = held_out(request, &saved.artifact, provenance)?;
    let frames = watched::find(&clips, &recordings, config.every_nth_frame)?;
    let subjects = clips.subjects(&recordings).len();
    frames.must_have_frames(&clips, &format!("{subjects} subjects"), &WANTED)?;

    let begin = Begin {
        stage: Stage::Gaze,
        config: json!({"evaluation": {"allow_seen_subjects": request.allow_seen_subjects}}),
        seed: saved.artifact.manifest.seed,
        inputs: vec![saved.artifact.input_ref(), clips.source.artifact.input_ref()],
    };
    let mut writer = ArtifactWriter::create(request.out, begin, request.existing)?;
    let map = map_size(&provenance.encoder.config, clips.size());
    let judge = Judge { map, spread: Spread::circular(config.sigma, clips.size(), 1.0) };
    let predictions = Predictions::make(&judge, &clips, &frames, &saved.network, config, &request.device)?;
    let report = GazeReport::new(&clips, &frames, &judge, &predictions, &saved.static_map);
    let used = [("test_frames".to_owned(), frames.frames.len() as u64)];
    let counts = Counts { used: used.into(), left_out: frames.left_out.clone() };
    predictions.write(&frames, &mut writer)?;
    write_json(&writer.dir().join(METRICS), &report)?;
    let details = json!(EvaluationDetails::new(&saved.artifact, &clips, &recordings));
    let artifact = writer.finish(counts, details, run_facts(&request.device, started))?;
    Ok(Summary::Finished { out: artifact.path, report: Box::new(report), best: None })
}
