//! The method's three losses on one batch (paper, "Losses"; method.md).
//!
//! - L_cls: two-way cross-entropy, frame with its hard positive against frame with its hard negative.
//! - L_cont: contrast across the batch, as Eq. 2 or as InfoNCE.
//! - L_ord: twelve-way cross-entropy on four shuffled frames.
//!
//! L = w_cls L_cls + w_cont L_cont + w_ord L_ord. L_cls and L_cont see voiced intervals only, since only those give
//! pairs; L_ord sees all video.

use candle_core::{D, DType, Device, Result, Tensor};
use sonovox_ops::{Mode, cross_entropy, info_nce, paper_contrastive};

use crate::batch::{Batch, Pairs};
use crate::networks::Networks;
use crate::{Contrastive, LossWeights, PretrainConfig, order};

/// Smallest margin of Eq. 2: below it, log(1 - exp(-margin)) is worse than -9 and its gradient above 10^4.
const MIN_MARGIN: f64 = 1e-4;

/// Losses of a batch, with what they were computed from.
pub struct Computed {
    /// The weighted sum, a scalar.
    pub total: Tensor,
    /// Each loss and each share, by name.
    pub parts: Vec<(&'static str, f64)>,
    /// Embeddings `[P, D]` of frames and of their hard positives, where the batch has pairs.
    pub embeddings: Option<(Tensor, Tensor)>,
}

/// Computes the losses of a batch.
pub struct Objective {
    contrastive: Contrastive,
    weights: LossWeights,
}

impl Objective {
    /// The objective that a recipe asks for.
    pub fn new(config: &PretrainConfig) -> Self {
        Self { contrastive: config.contrastive, weights: config.weights.clone() }
    }

    /// The losses of `batch`.
    ///
    /// # Errors
    /// When a tensor operation fails, or when the batch gives none of the weighted losses.
    pub fn losses(&self, networks: &Networks, batch: &Batch, mode: Mode) -> Result<Computed> {
        let (pair_features, tuple_features) = video_features(networks, batch, mode)?;
        let mut sum = Sum::default();
        let mut embeddings = None;
        if let (Some(pairs), Some(features)) = (&batch.pairs, pair_features) {
            let z = embed(networks, pairs, &features, mode)?;
            self.pair_losses(networks, &z, &mut sum)?;
            embeddings = Some((z.video, z.positive));
        }
        if let (Some(tuples), Some(features)) = (&batch.tuples, tuple_features)
            && let Some(logits) = networks.order(&features)?
        {
            sum.add("loss_ord", self.weights.ord, &cross_entropy(&logits, &tuples.classes)?)?;
            sum.parts.push(("accuracy_ord", accuracy(&logits, &tuples.classes)?));
        }
        let Some(total) = sum.total else {
            candle_core::bail!("the batch has neither pairs nor tuples for a loss of any weight");
        };
        sum.parts.insert(0, ("loss", scalar(&total)?));
        Ok(Computed { total, parts: sum.parts, embeddings })
    }

    fn pair_losses(&self, networks: &Networks, z: &Embedded, sum: &mut Sum) -> Result<()> {
        let (video, count) = (&z.video, z.video.dim(0)?);
        let twice = Tensor::cat(&[video, video], 0)?;
        let either = Tensor::cat(&[&z.positive, &z.negative], 0)?;
        if let Some(logits) = networks.correlated(&twice, &either)? {
            let labels: Vec<u32> = (0..2 * count).map(|row| u32::from(row < count)).collect();
            let labels = Tensor::new(labels, logits.device())?;
            sum.add("loss_cls", self.weights.cls, &cross_entropy(&logits, &labels)?)?;
            sum.parts.push(("accuracy_cls", accuracy(&logits, &labels)?));
        }
        if self.weights.cont > 0.0 {
            let (loss, clamped) = self.contrast(z, networks.log_inv_temperature())?;
            sum.add("loss_cont", self.weights.cont, &loss)?;
            if let Some(clamped) = clamped {
                sum.parts.push(("clamped_share", clamped as f64 / count as f64));
            }
        }
        if let Some(log_inv) = networks.log_inv_temperature() {
            sum.parts.push(("temperature", (-scalar(log_inv)?).exp()));
        }
        Ok(())
    }

    /// L_cont and, for Eq. 2, the number of clamped pairs.
    fn contrast(&self, z: &Embedded, log_inv: Option<&Tensor>) -> Result<(Tensor, Option<usize>)> {
        match (self.contrastive, log_inv) {
            (Contrastive::InfoNce, Some(log_inv)) => {
                Ok((info_nce(&z.video, &z.positive, Some(&z.negative.unsqueeze(1)?), log_inv)?, None))
            }
            _ => {
                let (loss, clamped) = paper_contrastive(&z.video, &z.positive, &z.negative, MIN_MARGIN)?;
                Ok((loss, Some(clamped)))
            }
        }
    }

    /// What each loss is for embeddings that tell nothing, with `pairs` pairs to a batch.
    ///
    /// L_cont's is computed on embeddings that are all equal.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn chance(&self, pairs: usize) -> Result<Vec<(&'static str, f64)>> {
        let mut levels = vec![("chance_cls", 2f64.ln()), ("chance_ord", (order::ORDERS as f64).ln())];
        if pairs > 0 {
            let same = Tensor::ones((pairs, 2), DType::F64, &Device::Cpu)?;
            let z = Embedded { video: same.clone(), positive: same.clone(), negative: same };
            let cold = Tensor::zeros(1, DType::F64, &Device::Cpu)?;
            levels.push(("chance_cont", scalar(&self.contrast(&z, Some(&cold))?.0)?));
        }
        Ok(levels)
    }
}

/// Embeddings of pairs, each `[P, D]`.
struct Embedded {
    video: Tensor,
    positive: Tensor,
    negative: Tensor,
}

fn embed(networks: &Networks, pairs: &Pairs, features: &Tensor, mode: Mode) -> Result<Embedded> {
    let count = pairs.frames.dim(0)?;
    // one pass, so that BatchNorm sees positives and negatives alike and cannot tell them apart
    let speech = networks.embed_speech(&Tensor::cat(&[&pairs.positive, &pairs.negative], 0)?, mode)?;
    Ok(Embedded {
        video: networks.project_video(features)?,
        positive: speech.narrow(0, 0, count)?,
        negative: speech.narrow(0, count, count)?,
    })
}

/// Pooled features of the pairs' frames and of the tuples' frames, from one pass over both.
fn video_features(
    networks: &Networks,
    batch: &Batch,
    mode: Mode,
) -> Result<(Option<Tensor>, Option<Tensor>)> {
    let pairs = batch.pairs.as_ref().map(|pairs| &pairs.frames);
    let tuples = batch.tuples.as_ref().map(|tuples| &tuples.frames);
    Ok(match (pairs, tuples) {
        (Some(pairs), Some(tuples)) => {
            let all = networks.video_features(&Tensor::cat(&[pairs, tuples], 0)?, mode)?;
            let (first, rest) = (pairs.dim(0)?, tuples.dim(0)?);
            (Some(all.narrow(0, 0, first)?), Some(all.narrow(0, first, rest)?))
        }
        (Some(pairs), None) => (Some(networks.video_features(pairs, mode)?), None),
        (None, Some(tuples)) => (None, Some(networks.video_features(tuples, mode)?)),
        (None, None) => (None, None),
    })
}

#[derive(Default)]
struct Sum {
    total: Option<Tensor>,
    parts: Vec<(&'static str, f64)>,
}

impl Sum {
    fn add(&mut self, name: &'static str, weight: f64, loss: &Tensor) -> Result<()> {
        self.parts.push((name, scalar(loss)?));
        let weighted = (loss * weight)?;
        self.total = Some(match self.total.take() {
            Some(total) => (total + weighted)?,
            None => weighted,
        });
        Ok(())
    }
}

fn scalar(tensor: &Tensor) -> Result<f64> {
    tensor.detach().flatten_all()?.get(0)?.to_dtype(DType::F64)?.to_scalar()
}

fn accuracy(logits: &Tensor, labels: &Tensor) -> Result<f64> {
    let right = logits.detach().argmax(D::Minus1)?.eq(labels)?.to_dtype(DType::F64)?;
    right.mean_all()?.to_scalar()
}
