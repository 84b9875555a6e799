//! The losses on one batch, one file to each: formula, source, shapes.
//!
//! L = sum over the losses of weight times loss. A loss of weight 0 has no head and no part of the batch is drawn for it.
//! L_cls, L_cont and L_sync see pairs, which the pacing lets in; the losses of video alone see all of it.

mod affine;
mod classification;
mod clusters;
mod contrastive;
mod graph;
mod order;
mod pairs;
mod synchronisation;
#[cfg(test)]
mod testing;
mod views;
mod weighted;
mod windows;

use candle_core::{D, DType, Device, Result, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sonovox_model::{SNIPPET_FRAMES, SNIPPETS};
use sonovox_ops::{Mode, cross_entropy, no_grad};

use crate::batch::{Batch, Clips};
use crate::clusters::Targets;
use crate::networks::Networks;
use crate::{
    AffineConfig, Contrastive, Curriculum, GraphConfig, LossWeights, Negatives, Phase, PretrainConfig,
};
use graph::View;
use pairs::Embedded;
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
    groups: usize,
    curriculum: Curriculum,
    views_temperature: f64,
    clusters: usize,
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
            weights: config.weights.clone(),
            windows: Windows::new(&config.pairs),
            centre_by_recording: config.centre_by_recording,
            groups: config.pairs.groups,
            curriculum: config.curriculum,
            views_temperature: config.views_temperature,
            clusters: config.clusters.count,
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
            sum.add("loss_ord", self.weights.ord, &order::loss(&logits, &tuples.classes)?)?;
            sum.parts.push(("accuracy_ord", accuracy(&logits, &tuples.classes)?));
        }
        if let (Some(copies), Some(seen)) = (&batch.copies, of_copies)
            && let Some(predicted) = networks.affine(&seen.pooled)?
        {
            sum.add("loss_affine", self.weights.affine, &affine::loss(&predicted, &copies.parameters)?)?;
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
            for (name, weight, one, other) in [
                ("loss_graph_intra", graph_intra, one.intra, other.intra),
                ("loss_graph_inter", graph_inter, one.inter, other.inter),
            ] {
                if weight > 0.0 {
                    let (one, other) = (graph.project(&one)?, graph.project(&other)?);
                    sum.add(name, weight, &graph::node_contrast(&one, &other, self.graph.temperature)?)?;
                }
            }
        }
        if snippets > 0.0 {
            let whole = nodes(&View::whole(count, width, features)?)?;
            let logits = graph.order(&whole.inter)?;
            sum.add("loss_snippets", snippets, &cross_entropy(&logits, &clips.classes)?)?;
            sum.parts.push(("accuracy_snippets", accuracy(&logits, &clips.classes)?));
        }
        Ok(())
    }

    /// What each weighted loss is for networks that tell nothing, with `pairs` pairs to a batch.
    ///
    /// L_cont's is computed on embeddings that are all equal.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn chance(&self, pairs: usize) -> Result<Vec<(&'static str, f64)>> {
        let weights = &self.weights;
        let clips = self.graph.clips;
        let known = [
            ("chance_cls", weights.cls, 2f64.ln()),
            ("chance_ord", weights.ord, order::chance()),
            ("chance_affine", weights.affine, affine::chance(&self.affine)),
            ("chance_sync", weights.sync, 2f64.ln()),
            ("chance_graph_intra", weights.graph_intra, graph::chance(clips * SNIPPETS * SNIPPET_FRAMES)),
            ("chance_graph_inter", weights.graph_inter, graph::chance(clips * SNIPPETS)),
            ("chance_snippets", weights.snippets, graph::chance_order()),
            ("chance_video_views", weights.video_views, views::chance(pairs)),
            ("chance_speech_views", weights.speech_views, views::chance(pairs)),
            ("chance_video_clusters", weights.video_clusters, clusters::chance(self.clusters)),
            ("chance_speech_clusters", weights.speech_clusters, clusters::chance(self.clusters)),
        ];
        let weighted = known.into_iter().filter(|(_, weight, _)| *weight > 0.0);
        let mut levels: Vec<_> = weighted.map(|(name, _, level)| (name, level)).collect();
        if pairs > 0 && weights.cont > 0.0 {
            let video = Tensor::ones((pairs, 2), DType::F64, &Device::Cpu)?;
            let speech = video.unsqueeze(1)?;
            let negative = (self.negatives != Negatives::Batch).then(|| speech.clone());
            let z = Embedded { video, positive: speech, negative };
            let cold = Tensor::zeros(1, DType::F64, &Device::Cpu)?;
            let intervals: Vec<usize> = (0..pairs).map(|pair| pair / self.groups).collect();
            levels.push(("chance_cont", scalar(&self.contrast(&z, &intervals, Some(&cold), None)?.0)?));
        }
        Ok(levels)
    }
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
