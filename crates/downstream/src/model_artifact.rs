//! What the manifests of both stages say, and what evaluation reads back from them.

use std::collections::BTreeSet;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sonovox_artifact::{Artifact, Stage};
use sonovox_study::SplitParts;
use sonovox_train::Best;

use crate::artifact_parts::WEIGHTS;
use crate::clips::Clips;
use crate::encoder::{EncoderOrigin, EncoderSource, check_unseen};
use crate::{DownstreamError, EvalRequest};

/// Where a model comes from and who had a part in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The encoder, and where it came from.
    pub encoder: EncoderOrigin,
    /// Height and width of the frames the model was fine-tuned on.
    pub frame: (u32, u32),
    /// Whether these were simulated.
    pub simulated: bool,
    /// Subjects whose frames it was fitted to.
    pub train_subjects: Vec<String>,
    /// Subjects that chose the epoch.
    pub validation_subjects: Vec<String>,
    /// Subjects that `metrics.json` is about.
    pub test_subjects: Vec<String>,
    /// The epoch whose weights these are and its score on the validation subjects, where one was chosen.
    pub best: Option<Best>,
    /// Names of the recordings that predictions count.
    pub recordings: Vec<String>,
}

impl Provenance {
    pub(crate) fn new(
        clips: &Clips,
        parts: &SplitParts,
        encoder: &EncoderSource,
        best: Option<Best>,
    ) -> Self {
        let facts = &clips.source.details;
        Self {
            encoder: encoder.origin.clone(),
            frame: (facts.height, facts.width),
            simulated: facts.simulated,
            train_subjects: clips.subjects(&parts.train),
            validation_subjects: clips.subjects(&parts.validation),
            test_subjects: clips.subjects(&parts.test),
            best,
            recordings: clips.recordings(),
        }
    }

    /// All subjects that had a part in the weights.
    fn seen_subjects(&self) -> Vec<String> {
        [self.encoder.seen_subjects().as_slice(), &self.train_subjects, &self.validation_subjects].concat()
    }
}

/// `details` of the manifest that an evaluation leaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationDetails {
    /// Hash of the model's artifact.
    pub evaluation_of: String,
    /// Subjects that `metrics.json` is about.
    pub test_subjects: Vec<String>,
    /// Whether the clips are of a simulated study.
    pub simulated: bool,
    /// Names of the recordings that predictions count.
    pub recordings: Vec<String>,
}

/// Opens the artifact that fine-tuning left, with its details `D` and the section `C` of its config called as the
/// stage is.
pub(crate) fn open_model<D, C>(path: &Path, stage: Stage) -> Result<(Artifact, D, C), DownstreamError>
where
    D: DeserializeOwned,
    C: DeserializeOwned,
{
    let artifact = Artifact::open(path, stage)?;
    let no_model = |cause: String| DownstreamError::NoModel { path: path.to_owned(), stage, cause };
    if !artifact.manifest.files.contains_key(WEIGHTS) {
        return Err(no_model(format!("was left by eval-{stage}; give the one that finetune-{stage} left")));
    }
    let details = serde_json::from_value(artifact.manifest.details.clone())
        .map_err(|error| no_model(format!("has other details: {error}")))?;
    let config = serde_json::from_value(artifact.manifest.config[stage.to_string()].clone())
        .map_err(|error| no_model(format!("has another config: {error}")))?;
    Ok((artifact, details, config))
}

/// Opens the clips that an evaluation asks for and chooses its recordings: those of the model's test subjects in the
/// clips it was fine-tuned on, all in any others.
///
/// # Errors
/// When the model's own clips have changed or are gone, when frames are of another size than the model's, and when a
/// subject had a part in the weights.
pub(crate) fn held_out(
    request: &EvalRequest<'_>,
    model: &Artifact,
    provenance: &Provenance,
) -> Result<(Clips, Vec<usize>), DownstreamError> {
    let own = model.manifest.inputs.iter().find(|input| input.stage == Stage::Clips.to_string());
    let (own_path, own_hash) = own.map_or(("", ""), |input| (input.path.as_str(), input.hash.as_str()));
    let clips = Clips::open(request.clips.unwrap_or(Path::new(own_path)))?;
    let differs = |what, expected: String, found: String| {
        let (clips, model) = (clips.path().to_owned(), model.path.clone());
        DownstreamError::OtherClips { clips, model, what, expected, found }
    };
    let hash = clips.source.artifact.hash();
    if request.clips.is_none() && hash != own_hash {
        return Err(differs("the clips changed since fine-tuning: hash", own_hash.to_owned(), hash));
    }
    let size = |(height, width): (u32, u32)| format!("{height}x{width} pixels");
    let frame = (clips.source.details.height, clips.source.details.width);
    if frame != provenance.frame {
        return Err(differs("frame size", size(provenance.frame), size(frame)));
    }
    let recordings =
        if hash == own_hash { of_subjects(&clips, &provenance.test_subjects) } else { clips.all() };
    let seen = provenance.seen_subjects();
    check_unseen(&model.path, &seen, &clips.subjects(&recordings), request.allow_seen_subjects)?;
    Ok((clips, recordings))
}

fn of_subjects(clips: &Clips, subjects: &[String]) -> Vec<usize> {
    let wanted: BTreeSet<&String> = subjects.iter().collect();
    let headers = clips.source.details.recordings.iter().enumerate();
    headers.filter(|(_, clip)| wanted.contains(&clip.subject)).map(|(at, _)| at).collect()
}

impl EvaluationDetails {
    pub(crate) fn new(model: &Artifact, clips: &Clips, recordings: &[usize]) -> Self {
        Self {
            evaluation_of: model.hash(),
            test_subjects: clips.subjects(recordings),
            simulated: clips.source.details.simulated,
            recordings: clips.recordings(),
        }
    }
}
