//! The losses on one batch, one file to each: formula, source, shapes.
//!
//! L = sum over the losses of weight times loss. A loss of weight 0 has no head and no part of the batch is drawn for it.
//! L_cls, L_cont, L_sync, L_views and L_clu see pairs, which the pacing lets in; the other losses of video alone see all of it.

mod affine;
mod classification;
mod clusters;
mod contrastive;
mod graph;
mod likeness;
mod order;
mod pairs;
mod synchronisation;
#[cfg(test)]
mod testing;
mod views;
mod weighted;
mod windows;

use candle_core::{D, DType, Result, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sonovox_ops::{Mode, cross_entropy, no_grad};

use crate::batch::{Batch, Clips};
use crate::clusters::Targets;
use crate::networks::Networks;
use crate::{
    AffineConfig, Contrastive, Curriculum, GraphConfig, LossWeights, Negatives, Phase, PretrainConfig,
};
use graph::View;
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
    /// Clusters of the pairs of the batch, where a loss has them for labels; `None`: that loss is left out (held-out recordings have
    /// none).
    pub clusters: Option<&'a Targets>,
}

impl Moment<'_> {
    /// Training at the start of a run, all pairs alike.
    pub const TRAIN: Self = Self { mode: Mode::Train, progress: 0.0, weights: None, clusters: None };
    /// Evaluation, at which every loss is the one of the end of the run.
    pub const EVAL: Self = Self { mode: Mode::Eval, progress: 1.0, weights: None, clusters: None };
}

/// Losses of a batch, with what they were computed from.
pub struct Computed {
    /// The weighted sum, a scalar.
    pub total: Tensor,
    /// Each loss beside its chance level, and each share, by name.
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
    smallest_margin: f64,
    weights: LossWeights,
    windows: Windows,
    centre_by_recording: bool,
    curriculum: Curriculum,
    views_temperature: f64,
    negatives: Negatives,
    affine: AffineConfig,
    graph: GraphConfig,
    easy_share: f64,
    most_log_inv_temperature: f64,
}

impl Objective {
    /// The objective that a recipe asks for.
    pub fn new(config: &PretrainConfig) -> Self {
        Self {
            contrastive: config.contrastive,
            smallest_margin: config.smallest_margin,
            weights: config.weights.clone(),
            windows: Windows::new(&config.pairs),
            centre_by_recording: config.centre_by_recording,
            curriculum: config.curriculum,
            views_temperature: config.views_temperature,
            negatives: config.pairs.negatives,
            affine: config.affine,
            graph: config.graph,
            easy_share: config.sync.easy_share,
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
        let phase = self.curriculum.phase(moment.progress);
        let seen = match phase {
            Phase::Speech => no_grad(|| networks.look(&batch.frames(), Mode::Eval))?,
            Phase::Video | Phase::Joint => networks.look(&batch.frames(), moment.mode)?,
        };
        let mut seen = seen.into_iter();
        let mut next = |part: bool| if part { seen.next() } else { None };
        let (of_pairs, of_tuples) = (next(batch.pairs.is_some()), next(batch.tuples.is_some()));
        let (of_copies, of_clips) = (next(batch.copies.is_some()), next(batch.clips.is_some()));
        let mut sum = Sum::default();
        let mut embeddings = None;
        if let (Some(pairs), Some(video)) = (&batch.pairs, of_pairs) {
            if phase == Phase::Video || !self.weights.hears() {
                self.compare_frames(networks, &video, moment.mode, &mut sum)?;
            } else {
                embeddings = self.of_pairs(networks, pairs, &video, moment, &mut sum)?;
            }
        }
        if let (Some(tuples), Some(seen)) = (&batch.tuples, of_tuples)
            && let Some(logits) = networks.order(&seen.pooled)?
        {
            let loss = order::loss(&logits, &tuples.classes)?;
            sum.add(("loss_ord", "chance_ord"), self.weights.ord, &loss, order::chance())?;
            sum.parts.push(("accuracy_ord", accuracy(&logits, &tuples.classes)?));
        }
        if let (Some(copies), Some(seen)) = (&batch.copies, of_copies)
            && let Some(predicted) = networks.affine(&seen.pooled)?
        {
            let loss = affine::loss(&predicted, &copies.parameters)?;
            sum.add(
                ("loss_affine", "chance_affine"),
                self.weights.affine,
                &loss,
                affine::chance(&self.affine),
            )?;
        }
        if let (Some(clips), Some(seen)) = (&batch.clips, of_clips) {
            self.of_clips(networks, clips, &seen.pooled, &mut sum)?;
        }
        let Some(total) = sum.total else {
            candle_core::bail!("the batch has neither pairs nor video for a loss of any weight");
        };
        sum.parts.insert(0, ("loss", scalar(&total)?));
        Ok(Computed { total, parts: sum.parts, embeddings })
    }

    /// The losses of TCGL on pooled features `[12 M, C]`.
    fn of_clips(&self, networks: &Networks, clips: &Clips, features: &Tensor, sum: &mut Sum) -> Result<()> {
        let Some(graph) = networks.graph() else { return Ok(()) };
        let (count, width) = (clips.classes.dim(0)?, features.dim(1)?);
        let nodes =
            |view: &View| graph.nodes(&features.broadcast_mul(&view.mask)?, &view.within, &view.between);
        let LossWeights { graph_intra, graph_inter, snippets, .. } = self.weights;
        if graph_intra + graph_inter > 0.0 {
            let mut rng = ChaCha8Rng::seed_from_u64(clips.seed);
            let mut view = || nodes(&View::draw(count, width, &self.graph, &mut rng, features)?);
            let (one, other) = (view()?, view()?);
            for (names, weight, one, other) in [
                (("loss_graph_intra", "chance_graph_intra"), graph_intra, one.intra, other.intra),
                (("loss_graph_inter", "chance_graph_inter"), graph_inter, one.inter, other.inter),
            ] {
                if weight > 0.0 {
                    let (one, other) = (graph.project(&one)?, graph.project(&other)?);
                    let loss = graph::node_contrast(&one, &other, self.graph.temperature)?;
                    sum.add(names, weight, &loss, graph::chance(one.dim(0)?))?;
                }
            }
        }
        if snippets > 0.0 {
            let whole = nodes(&View::whole(count, width, features)?)?;
            let logits = graph.order(&whole.inter)?;
            let loss = cross_entropy(&logits, &clips.classes)?;
            sum.add(("loss_snippets", "chance_snippets"), snippets, &loss, graph::chance_order())?;
            sum.parts.push(("accuracy_snippets", accuracy(&logits, &clips.classes)?));
        }
        Ok(())
    }
}

#[derive(Default)]
struct Sum {
    total: Option<Tensor>,
    parts: Vec<(&'static str, f64)>,
}

impl Sum {
    /// Adds a loss, and notes it beside what it is for networks that tell nothing; `names` are those of both.
    fn add(
        &mut self,
        names: (&'static str, &'static str),
        weight: f64,
        loss: &Tensor,
        chance: f64,
    ) -> Result<()> {
        self.parts.extend([(names.0, scalar(loss)?), (names.1, chance)]);
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
