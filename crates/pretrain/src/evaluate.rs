//! What the encoders know about held-out recordings: losses beside chance, retrieval, spread of the embeddings.

use candle_core::{DType, Tensor};
use sonovox_metrics::{embedding_spread, recall_at_k, retrieval_auc};
use sonovox_ops::Mode;
use sonovox_train::{BatchSource, Evaluation, TrainError};

use crate::batch::Source;
use crate::networks::Networks;
use crate::objective::Objective;

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
    /// pair of each interval. The score is the alignment (area under the curve), or the negative loss of frame order
    /// where no recording is voiced.
    ///
    /// # Errors
    /// When a clip cannot be read or a tensor operation fails.
    pub fn evaluate(&self, networks: &Networks, objective: &Objective) -> Result<Evaluation, TrainError> {
        let mut means = Means::default();
        let (mut video, mut speech) = (Vec::new(), Vec::new());
        let mut pairs = 0;
        for step in 0..self.batches {
            let batch = self.source.draw(step)?;
            if batch.pairs.is_none() && batch.tuples.is_none() {
                break;
            }
            let computed = objective.losses(networks, &batch, Mode::Eval)?;
            means.add(&computed.parts);
            if let Some((z_video, z_speech)) = computed.embeddings {
                pairs = z_video.dim(0)?;
                video.push(self.one_a_group(&z_video)?);
                speech.push(self.one_a_group(&z_speech)?);
            }
        }
        let mut values = means.values();
        values.extend(objective.chance(pairs)?.into_iter().map(|(name, level)| (name.to_owned(), level)));
        if video.is_empty() {
            let order = values.iter().find(|(name, _)| name == "loss_ord").map(|(_, loss)| -loss);
            return Ok(Evaluation { values, score: order });
        }
        let alignment =
            retrieval(&unit(&Tensor::cat(&video, 0)?)?, &unit(&Tensor::cat(&speech, 0)?)?, &mut values)?;
        Ok(Evaluation { values, score: Some(alignment) })
    }

    fn one_a_group(&self, z: &Tensor) -> candle_core::Result<Tensor> {
        let (rows, width) = z.dims2()?;
        z.detach().reshape((rows / self.groups, self.groups, width))?.narrow(1, 0, 1)?.squeeze(1)
    }
}

/// Adds recall, alignment and spread of unit embeddings `[N, D]` to `values`; gives the alignment.
fn retrieval(video: &Tensor, speech: &Tensor, values: &mut Vec<(String, f64)>) -> candle_core::Result<f64> {
    let (count, width) = video.dims2()?;
    let to_speech: Vec<f32> = video.matmul(&speech.t()?)?.flatten_all()?.to_vec1()?;
    let to_video: Vec<f32> = speech.matmul(&video.t()?)?.flatten_all()?.to_vec1()?;
    let mut alignment = 0.0;
    for (name, similarity) in [("video_to_speech", &to_speech), ("speech_to_video", &to_video)] {
        for k in RANKS.into_iter().filter(|&k| k < count) {
            values.push((format!("recall_at_{k}_{name}"), recall_at_k(similarity, count, k)));
        }
        alignment += retrieval_auc(similarity, count) / 2.0;
    }
    for k in RANKS.into_iter().filter(|&k| k < count) {
        values.push((format!("chance_recall_at_{k}"), k as f64 / count as f64));
    }
    values.push(("alignment_auc".into(), alignment));
    values.push(("chance_alignment_auc".into(), 0.5));
    values.push(("retrieval_pairs".into(), count as f64));
    for (name, z) in [("video", video), ("speech", speech)] {
        let flat: Vec<f32> = z.flatten_all()?.to_vec1()?;
        values.push((format!("spread_{name}"), embedding_spread(&flat, width)));
    }
    Ok(alignment)
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
