//! What the encoders know about held-out recordings: losses beside chance, retrieval, spread of the embeddings.

use candle_core::{DType, Tensor};
use sonovox_metrics::{effective_rank, embedding_spread, recall_at_k, retrieval_auc, unit_std};
use sonovox_train::{BatchSource, Evaluation, TrainError};

use crate::batch::Source;
use crate::networks::Networks;
use crate::objective::{Moment, Objective};

/// Ranks within which the true partner counts as found.
const RANKS: [usize; 3] = [1, 5, 10];

/// Held-out batches, the same at every evaluation.
pub struct HeldOut {
    source: Source,
    batches: u64,
    /// Pairs of one interval that lie side by side; retrieval looks at the first of each.
    groups: usize,
}

impl HeldOut {
    /// Evaluates on the first `batches` batches of `source`, whose intervals give `groups` pairs each.
    pub fn new(source: Source, batches: u64, groups: usize) -> Self {
        Self { source, batches, groups }
    }

    /// Means of the losses over the batches, and how well speech finds its frame and the other way round among one
    /// pair of each interval. The score is the alignment (area under the curve), or where no loss embeds pairs the
    /// area under the curve of synchronisation, or the negative loss where nothing is aligned at all.
    ///
    /// # Errors
    /// When a clip cannot be read or a tensor operation fails.
    pub fn evaluate(&self, networks: &Networks, objective: &Objective) -> Result<Evaluation, TrainError> {
        let mut means = Means::default();
        let mut seen = Seen::default();
        for step in 0..self.batches {
            let batch = self.source.draw(step)?;
            if batch.frames().is_empty() {
                break;
            }
            let computed = objective.losses(networks, &batch, Moment::EVAL)?;
            means.add(&computed.parts);
            if let (Some(z), Some(drawn)) = (computed.embeddings, batch.pairs) {
                seen.video.push(self.one_a_group(&z.video)?);
                seen.speech.push(self.one_a_group(&z.speech)?);
                seen.recordings.extend(drawn.recordings.iter().step_by(self.groups));
            }
        }
        let mut values = means.values();
        if seen.video.is_empty() {
            let of = |name: &str| values.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
            let score = of("auc_sync").or(of("loss").map(|loss| -loss));
            return Ok(Evaluation { values, score });
        }
        let alignment = seen.retrieval(networks, objective, &mut values)?;
        Ok(Evaluation { values, score: alignment })
    }

    /// The first of every interval's pairs.
    fn one_a_group(&self, z: &Tensor) -> candle_core::Result<Tensor> {
        let groups = u32::try_from(self.groups).unwrap_or(u32::MAX);
        let rows = Tensor::arange_step(0, z.dim(0)? as u32, groups, z.device())?;
        z.detach().index_select(&rows, 0)
    }
}

/// One pair of each held-out interval.
#[derive(Default)]
struct Seen {
    /// `[N, D]` in pieces.
    video: Vec<Tensor>,
    /// `[N, W, D]` in pieces.
    speech: Vec<Tensor>,
    /// Recording of each.
    recordings: Vec<usize>,
}

impl Seen {
    /// Adds recall, alignment and spread to `values`; gives the alignment, which there is of two pairs or more.
    fn retrieval(
        &self,
        networks: &Networks,
        objective: &Objective,
        values: &mut Vec<(String, f64)>,
    ) -> candle_core::Result<Option<f64>> {
        let (video, speech) = (Tensor::cat(&self.video, 0)?, Tensor::cat(&self.speech, 0)?);
        let similarity = objective.similarity(networks, &video, &speech)?.to_dtype(DType::F32)?;
        let count = video.dim(0)?;
        values.push(("retrieval_pairs".into(), count as f64));
        if count < 2 {
            return Ok(None);
        }
        let to_speech: Vec<f32> = similarity.flatten_all()?.to_vec1()?;
        let to_video: Vec<f32> = similarity.t()?.flatten_all()?.to_vec1()?;
        let (mut alignment, mut within) = (0.0, Vec::new());
        for (name, similarity) in [("video_to_speech", &to_speech), ("speech_to_video", &to_video)] {
            for k in RANKS.into_iter().filter(|&k| k < count) {
                values.push((format!("recall_at_{k}_{name}"), recall_at_k(similarity, count, k)));
            }
            alignment += retrieval_auc(similarity, count) / 2.0;
            within.extend(auc_within(similarity, &self.recordings));
        }
        for k in RANKS.into_iter().filter(|&k| k < count) {
            values.push((format!("chance_recall_at_{k}"), k as f64 / count as f64));
        }
        values.push(("alignment_auc".into(), alignment));
        values.push(("chance_alignment_auc".into(), 0.5));
        if !within.is_empty() {
            let mean = within.iter().sum::<f64>() / within.len() as f64;
            values.push(("alignment_auc_within_recording".into(), mean));
        }
        let first = speech.narrow(1, 0, 1)?.squeeze(1)?;
        for (name, z) in [("video", &video), ("speech", &first)] {
            let flat: Vec<f32> = unit(z)?.flatten_all()?.to_vec1()?;
            values.push((format!("spread_{name}"), embedding_spread(&flat, z.dim(1)?)));
            values.push((format!("effective_rank_{name}"), effective_rank(&flat, z.dim(1)?)));
            values.push((format!("unit_std_{name}"), unit_std(&flat, z.dim(1)?)));
        }
        Ok(Some(alignment))
    }
}

/// The alignment where false partners are those of the same recording only: its voice and its room tell nothing here. `None`
/// where every recording gives one pair.
fn auc_within(similarity: &[f32], recordings: &[usize]) -> Option<f64> {
    let count = recordings.len();
    let of_query = |query: usize| {
        let row = &similarity[query * count..(query + 1) * count];
        let others = (0..count).filter(|&at| at != query && recordings[at] == recordings[query]);
        let behind = others.map(|at| match row[query].partial_cmp(&row[at]) {
            Some(std::cmp::Ordering::Greater) => 1.0,
            Some(std::cmp::Ordering::Equal) => 0.5,
            _ => 0.0,
        });
        let behind: Vec<f64> = behind.collect();
        (!behind.is_empty()).then(|| behind.iter().sum::<f64>() / behind.len() as f64)
    };
    let scores: Vec<f64> = (0..count).filter_map(of_query).collect();
    (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
}

/// Embeddings at length one; an embedding of zeros stays zero.
fn unit(z: &Tensor) -> candle_core::Result<Tensor> {
    let z = z.to_dtype(DType::F32)?;
    z.broadcast_div(&z.sqr()?.sum_keepdim(1)?.sqrt()?.maximum(1e-12)?)
}

#[derive(Default)]
struct Means {
    sums: Vec<(&'static str, f64, u64)>,
}

impl Means {
    fn add(&mut self, parts: &[(&'static str, f64)]) {
        for &(name, value) in parts {
            match self.sums.iter_mut().find(|(known, _, _)| *known == name) {
                Some((_, sum, count)) => (*sum, *count) = (*sum + value, *count + 1),
                None => self.sums.push((name, value, 1)),
            }
        }
    }

    fn values(&self) -> Vec<(String, f64)> {
        self.sums.iter().map(|&(name, sum, count)| (name.to_owned(), sum / count as f64)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_a_recording_only_its_own_pairs_are_false_partners() {
        // queries 0 and 1 are of one recording, query 2 is alone
        let similarity = [0.5, 0.1, 0.9, 0.7, 0.7, 0.9, 0.9, 0.9, 0.0];
        assert_eq!(auc_within(&similarity, &[4, 4, 5]), Some(0.75));
        assert_eq!(auc_within(&similarity, &[1, 2, 3]), None);
    }
}
