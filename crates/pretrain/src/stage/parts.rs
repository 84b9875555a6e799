//! The parts of the split that pretraining looks at, and what is drawn from them.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::Device;
use sonovox_artifact::clips::ClipsArtifact;
use sonovox_study::{SplitConfig, SplitItem, SplitParts};

use super::Request;
use crate::batch::{Plan, Source};
use crate::library::{IntervalCounts, Library};
use crate::sampler::{Pool, Sampler};
use crate::{PretrainConfig, PretrainError};

/// Indices of the recordings of each part that pretraining looks at.
pub(super) struct Parts {
    pub(super) train: Vec<usize>,
    pub(super) validation: Vec<usize>,
}

impl Parts {
    pub(super) fn new(clips: &ClipsArtifact, split: &SplitConfig) -> Result<Self, PretrainError> {
        let recordings = clips.details.recordings.iter();
        let items: Vec<_> =
            recordings.map(|clip| SplitItem::of(&clip.subject, clip.split.as_deref(), clip.fold)).collect();
        let SplitParts { train, validation, .. } = split.parts(&items)?;
        Ok(Self { train, validation })
    }
}

/// One part of the split, ready to draw from.
pub(super) struct Side {
    pub(super) library: Arc<Library>,
    pub(super) sampler: Sampler,
    pub(super) counts: IntervalCounts,
}

impl Side {
    pub(super) fn open(
        clips: &ClipsArtifact,
        members: &[usize],
        config: &PretrainConfig,
        pool: Pool,
        seed: u64,
    ) -> Result<Self, PretrainError> {
        let (library, fragments, counts) = Library::open(clips, members, &config.pairs)?;
        let sampler =
            Sampler::new(fragments, &config.pairs, pool, seed).with_utterances(library.utterances());
        Ok(Self { library: Arc::new(library), sampler, counts })
    }

    /// Refuses data that gives none of the weighted losses.
    pub(super) fn must_train(&self, request: &Request<'_>) -> Result<(), PretrainError> {
        let weights = &request.config.weights;
        let pairs = self.sampler.paired() > 0 && weights.needs_pairs();
        let tuples = self.sampler.ordered() > 0 && weights.ord > 0.0;
        let copies = self.sampler.seen() > 0 && weights.affine > 0.0;
        let clips = self.sampler.successive() > 0 && weights.needs_clips();
        if pairs || tuples || copies || clips {
            return Ok(());
        }
        let counts = &self.counts;
        let cause = format!(
            "of {} intervals {} are voiced, {} of these have no neighbour at least a speech window away (no other \
             recording, for easy negatives), and {} have the four frames that frame order needs",
            counts.intervals,
            counts.voiced,
            self.sampler.without_negative(),
            self.sampler.ordered(),
        );
        Err(PretrainError::NothingToTrain { clips: request.clips.display().to_string(), cause })
    }

    pub(super) fn left_out(&self) -> BTreeMap<String, u64> {
        let counts = &self.counts;
        let paired = (self.sampler.paired() + self.sampler.without_negative()) as u64;
        let low = counts.intervals - paired;
        let causes = [
            ("intervals of low affinity, used for video alone", low),
            ("intervals without a negative", self.sampler.without_negative() as u64),
            ("intervals of fewer than four frames", counts.intervals - self.sampler.ordered() as u64),
            ("recordings shorter than a speech window", counts.recordings_shorter_than_window),
        ];
        causes
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(cause, count)| (cause.to_owned(), count))
            .collect()
    }

    pub(super) fn source(self, plan: Plan, device: &Device) -> Source {
        Source::new(self.library, self.sampler, plan, device.clone())
    }
}
