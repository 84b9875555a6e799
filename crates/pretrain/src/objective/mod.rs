//! The losses on one batch, one file to each: formula, source, shapes.
//!
//! L = sum over the losses of weight times loss. A loss of weight 0 has no head and no part of the batch is drawn for it.
//! L_cls and L_cont see pairs, which the pacing lets in; the losses of video alone see all of it.

mod affine;
mod classification;
mod contrastive;
mod order;
#[cfg(test)]
mod testing;
mod weighted;
mod windows;

use candle_core::{D, DType, Device, Result, Tensor};
use sonovox_ops::Mode;

use crate::batch::{Batch, Pairs};
use crate::networks::Networks;
use crate::{AffineConfig, Contrastive, LossWeights, Negatives, PretrainConfig};
use windows::Windows;

/// When and how a batch is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// Training or evaluation.
    pub mode: Mode,
    /// Share of the run that is done, 0 to 1.
    pub progress: f64,
    /// Self-paced weight of every pair, 0 to 1; `None`: all the same. No gradient flows to them.
    pub weights: Option<&'a [f64]>,
}

impl Moment<'_> {
    /// Training at the start of a run, all pairs alike.
    pub const TRAIN: Self = Self { mode: Mode::Train, progress: 0.0, weights: None };
    /// Evaluation, at which every loss is the one of the end of the run.
    pub const EVAL: Self = Self { mode: Mode::Eval, progress: 1.0, weights: None };
}

/// Losses of a batch, with what they were computed from.
pub struct Computed {
    /// The weighted sum, a scalar.
    pub total: Tensor,
    /// Each loss and each share, by name.
    pub parts: Vec<(&'static str, f64)>,
    /// What is compared, where the batch has pairs and a loss compares embeddings.
    pub embeddings: Option<Embeddings>,
}

/// Embeddings of pairs, without graph.
pub struct Embeddings {
    /// Frames `[P, D]`.
    pub video: Tensor,
    /// Hard positives `[P, W, D]`, as L_cont compares them.
    pub speech: Tensor,
    /// Cosine of every pair (of its joined windows).
    pub cosines: Vec<f64>,
}

/// Computes the losses of a batch.
pub struct Objective {
    contrastive: Contrastive,
    weights: LossWeights,
    windows: Windows,
    centre_by_recording: bool,
    negatives: Negatives,
    affine: AffineConfig,
    most_log_inv_temperature: f64,
}

impl Objective {
    /// The objective that a recipe asks for.
    pub fn new(config: &PretrainConfig) -> Self {
        Self {
            contrastive: config.contrastive,
            weights: config.weights.clone(),
            windows: Windows::new(&config.pairs),
            centre_by_recording: config.centre_by_recording,
            negatives: config.pairs.negatives,
            affine: config.affine,
            most_log_inv_temperature: -config.smallest_temperature.ln(),
        }
    }

    /// The losses of `batch`.
    ///
    /// # Errors
    /// When a tensor operation fails, or when the batch gives none of the weighted losses.
    pub fn losses(&self, networks: &Networks, batch: &Batch, moment: Moment<'_>) -> Result<Computed> {
        if moment.mode == Mode::Train {
            networks.bound_temperature(self.most_log_inv_temperature)?;
        }
        let mut features = networks.look(&batch.frames(), moment.mode)?.into_iter();
        let mut next = |part: bool| if part { features.next() } else { None };
        let (of_pairs, of_tuples, of_copies) =
            (next(batch.pairs.is_some()), next(batch.tuples.is_some()), next(batch.copies.is_some()));
        let mut sum = Sum::default();
        let mut embeddings = None;
        if let (Some(pairs), Some(video)) = (&batch.pairs, of_pairs) {
            embeddings = self.of_pairs(networks, pairs, &video, moment, &mut sum)?;
        }
        if let (Some(tuples), Some(features)) = (&batch.tuples, of_tuples)
            && let Some(logits) = networks.order(&features)?
        {
            sum.add("loss_ord", self.weights.ord, &order::loss(&logits, &tuples.classes)?)?;
            sum.parts.push(("accuracy_ord", accuracy(&logits, &tuples.classes)?));
        }
        if let (Some(copies), Some(features)) = (&batch.copies, of_copies)
            && let Some(predicted) = networks.affine(&features)?
        {
            sum.add("loss_affine", self.weights.affine, &affine::loss(&predicted, &copies.parameters)?)?;
        }
        let Some(total) = sum.total else {
            candle_core::bail!("the batch has neither pairs nor video for a loss of any weight");
        };
        sum.parts.insert(0, ("loss", scalar(&total)?));
        Ok(Computed { total, parts: sum.parts, embeddings })
    }

    fn of_pairs(
        &self,
        networks: &Networks,
        pairs: &Pairs,
        video: &Tensor,
        moment: Moment<'_>,
        sum: &mut Sum,
    ) -> Result<Option<Embeddings>> {
        let z = embed(networks, pairs, video, moment.mode)?;
        if let Some(cls) = self.classify(networks, &z)? {
            let (loss, labels) = classification::loss(&cls, moment.weights)?;
            sum.add("loss_cls", self.weights.cls, &loss)?;
            sum.parts.push(("accuracy_cls", accuracy(&cls, &labels)?));
        }
        let compared = if self.centre_by_recording {
            let (recordings, intervals) = (&pairs.recordings, &pairs.intervals);
            // an easy negative is another recording's, and among the positives already
            let hard = (self.negatives == Negatives::Hard).then_some(&z.negative);
            let (positive, hard) =
                contrastive::centre_by_recording(&z.positive, hard, recordings, intervals)?;
            Embedded { video: z.video, positive, negative: hard.unwrap_or(z.negative) }
        } else {
            z
        };
        if self.weights.cont > 0.0 {
            let (loss, clamped) = self.contrast(&compared, networks.log_inv_temperature(), moment.weights)?;
            sum.add("loss_cont", self.weights.cont, &loss)?;
            if let Some(clamped) = clamped {
                sum.parts.push(("clamped_share", clamped as f64 / compared.video.dim(0)? as f64));
            }
        }
        if let Some(log_inv) = networks.log_inv_temperature() {
            sum.parts.push(("temperature", (-scalar(log_inv)?).exp()));
        }
        let (video, speech) = (compared.video.detach(), compared.positive.detach());
        let cosines = self.windows.own(&video, &speech)?.to_dtype(DType::F64)?.to_vec1()?;
        Ok(Some(Embeddings { video, speech, cosines }))
    }

    /// Logits of L_cls `[2 P, 2]`, where it has a weight.
    fn classify(&self, networks: &Networks, z: &Embedded) -> Result<Option<Tensor>> {
        if self.weights.cls == 0.0 {
            return Ok(None);
        }
        let positive = self.windows.embedding(&z.video, &z.positive)?;
        let negative = self.windows.embedding(&z.video, &z.negative)?;
        let (video, speech) = classification::rows(&z.video, &positive, &negative)?;
        networks.correlated(&video, &speech)
    }

    /// L_cont and, for Eq. 2, the number of clamped pairs.
    fn contrast(
        &self,
        z: &Embedded,
        log_inv: Option<&Tensor>,
        weights: Option<&[f64]>,
    ) -> Result<(Tensor, Option<usize>)> {
        // an easy negative is a column of InfoNCE already: it is another pair's speech
        let extra = self.negatives == Negatives::Hard || self.contrastive == Contrastive::Paper;
        let hard = extra.then_some(&z.negative);
        let pairs = contrastive::Pairs { video: &z.video, positive: &z.positive, hard };
        contrastive::loss(self.contrastive, &pairs, self.windows, log_inv, weights)
    }

    /// How alike every frame `[N, D]` and every interval's speech `[N, W, D]` are, `[N, N]`, by what is trained: the joined
    /// cosine, or, where L_cls alone compares them, the logit of belonging together.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn similarity(&self, networks: &Networks, video: &Tensor, speech: &Tensor) -> Result<Tensor> {
        if self.weights.cont > 0.0 || self.weights.cls == 0.0 {
            return self.windows.similarity(video, speech);
        }
        let count = video.dim(0)?;
        let rows = (0..count).map(|row| {
            let frame = video.narrow(0, row, 1)?.broadcast_as(video.shape())?.contiguous()?;
            let joined = self.windows.embedding(&frame, speech)?;
            let Some(logits) = networks.correlated(&frame, &joined)? else {
                candle_core::bail!("L_cls has a weight and no head");
            };
            logits.narrow(1, 1, 1)?.squeeze(1)? - logits.narrow(1, 0, 1)?.squeeze(1)?
        });
        Tensor::stack(&rows.collect::<Result<Vec<_>>>()?, 0)
    }

    /// What each weighted loss is for networks that tell nothing, with `pairs` pairs to a batch.
    ///
    /// L_cont's is computed on embeddings that are all equal.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn chance(&self, pairs: usize) -> Result<Vec<(&'static str, f64)>> {
        let mut levels = vec![("chance_cls", 2f64.ln()), ("chance_ord", order::chance())];
        if self.weights.affine > 0.0 {
            levels.push(("chance_affine", affine::chance(&self.affine)));
        }
        if pairs > 0 && self.weights.cont > 0.0 {
            let video = Tensor::ones((pairs, 2), DType::F64, &Device::Cpu)?;
            let speech = video.unsqueeze(1)?;
            let z = Embedded { video, positive: speech.clone(), negative: speech };
            let cold = Tensor::zeros(1, DType::F64, &Device::Cpu)?;
            levels.push(("chance_cont", scalar(&self.contrast(&z, Some(&cold), None)?.0)?));
        }
        Ok(levels)
    }
}

/// Embeddings of pairs: frames `[P, D]`, speech `[P, W, D]`.
struct Embedded {
    video: Tensor,
    positive: Tensor,
    negative: Tensor,
}

fn embed(networks: &Networks, pairs: &Pairs, features: &Tensor, mode: Mode) -> Result<Embedded> {
    let count = pairs.frames.dim(0)?;
    // one pass, so that BatchNorm sees positives and negatives alike and cannot tell them apart
    let speech = networks.embed_speech(&Tensor::cat(&[&pairs.positive, &pairs.negative], 0)?, mode)?;
    let (rows, width) = speech.dims2()?;
    let speech = speech.reshape((2, count, rows / count / 2, width))?;
    Ok(Embedded {
        video: networks.project_video(features)?,
        positive: speech.get(0)?,
        negative: speech.get(1)?,
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
