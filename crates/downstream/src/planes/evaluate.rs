//! Evaluation of a finished detector: on its own test subjects again, or on a held-out study.

use std::time::Instant;

use serde_json::json;
use sonovox_artifact::{ArtifactWriter, Begin, Counts, Stage};

use super::detector::SavedDetector;
use super::labelled::{self, WANTED};
use super::predictions::Predictions;
use super::report::PlaneReport;
use crate::artifact_parts::{METRICS, run_facts, write_json};
use crate::model_artifact::{EvaluationDetails, held_out};
use crate::{DownstreamError, EvalRequest, Summary};

/// Evaluates a detector; on the clips it was fine-tuned on the figures are those that fine-tuning reported.
///
/// # Errors
/// A detector or clips that cannot be read or do not fit each other; no labelled frames; subjects that had a part in
/// the weights; an output that exists.
pub fn evaluate(request: &EvalRequest<'_>) -> Result<Summary<PlaneReport>, DownstreamError> {
    let started = Instant::now();
    let saved = SavedDetector::open(request.model, &request.device)?;
    let (clips, recordings) = held_out(request, &saved.artifact, &saved.details.provenance)?;
    saved.must_know_planes_of(&clips)?;
    let frames = labelled::find(&clips, &recordings, saved.config.every_nth_frame)?;
    let subjects = clips.subjects(&recordings).len();
    frames.must_have_frames(&clips, &format!("{subjects} subjects"), &WANTED)?;

    let begin = Begin {
        stage: Stage::Planes,
        config: json!({"evaluation": {"allow_seen_subjects": request.allow_seen_subjects}}),
        seed: saved.artifact.manifest.seed,
        inputs: vec![saved.artifact.input_ref(), clips.source.artifact.input_ref()],
    };
    let mut writer = ArtifactWriter::create(request.out, begin, request.existing)?;
    let predictions =
        Predictions::make(&clips, &frames, &saved.network, saved.config.batch, &request.device)?;
    let report = PlaneReport::new(&clips, &frames, &predictions, &saved.details.train_support);
    let used = [("test_frames".to_owned(), frames.frames.len() as u64)];
    let counts = Counts { used: used.into(), left_out: frames.left_out.clone() };
    predictions.write(&frames, &mut writer)?;
    write_json(&writer.dir().join(METRICS), &report)?;
    let details = json!(EvaluationDetails::new(&saved.artifact, &clips, &recordings));
    let artifact = writer.finish(counts, details, run_facts(&request.device, started))?;
    Ok(Summary::Finished { out: artifact.path, report: Box::new(report), best: None })
}
