//! The losses that compare frames with speech, on embeddings or on maps.

use candle_core::{DType, Result, Tensor};
use sonovox_ops::Mode;

use super::{
    Embeddings, Moment, Objective, Sum, accuracy, classification, clusters, contrastive, scalar,
    synchronisation, views,
};
use crate::batch::Pairs;
use crate::networks::{Networks, Seen};
use crate::{Contrastive, Negatives, Phase};

/// Embeddings of pairs: frames `[P, D]`, speech `[P, W, D]`.
pub(super) struct Embedded {
    pub(super) video: Tensor,
    pub(super) positive: Tensor,
    /// `None` where pairs have no negative of their own.
    pub(super) negative: Option<Tensor>,
}

impl Objective {
    /// Adds the losses of pairs; gives what is compared, where a loss embeds pairs.
    pub(super) fn of_pairs(
        &self,
        networks: &Networks,
        pairs: &Pairs,
        video: &Seen,
        moment: Moment<'_>,
        sum: &mut Sum,
    ) -> Result<Option<Embeddings>> {
        // one pass, so that BatchNorm sees positives and negatives alike and cannot tell them apart
        let speech = [Some(&pairs.positive), pairs.negative.as_ref()];
        let heard = networks
            .hear(&Tensor::cat(&speech.into_iter().flatten().collect::<Vec<_>>(), 0)?, moment.mode)?;
        if self.curriculum.phase(moment.progress) == Phase::Joint {
            self.compare_frames(networks, video, moment.mode, sum)?;
            self.compare_speech(networks, pairs, &heard, moment.mode, sum)?;
        }
        self.tell_clusters(networks, pairs, (video, &heard), moment, sum)?;
        if self.weights.sync > 0.0 {
            self.synchronise(networks, pairs, video, &heard, moment, sum)?;
        }
        if !self.weights.embeds_pairs() {
            return Ok(None);
        }
        let z = embed(networks, pairs, video, &heard, moment.mode)?;
        if let Some(logits) = self.classify(networks, &z)? {
            let (loss, labels) = classification::loss(&logits, moment.weights)?;
            sum.add(("loss_cls", "chance_cls"), self.weights.cls, &loss, classification::chance())?;
            sum.parts.push(("accuracy_cls", accuracy(&logits, &labels)?));
        }
        let compared = if self.centre_by_recording { self.centred(pairs, z)? } else { z };
        if self.weights.cont > 0.0 {
            let (loss, clamped) =
                self.contrast(&compared, &pairs.intervals, networks.log_inv_temperature(), moment.weights)?;
            let chance = self.contrast_at_chance(&compared, &pairs.intervals, moment.weights)?;
            sum.add(("loss_cont", "chance_cont"), self.weights.cont, &loss, chance)?;
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

    /// L_views of frames.
    pub(super) fn compare_frames(
        &self,
        networks: &Networks,
        video: &Seen,
        mode: Mode,
        sum: &mut Sum,
    ) -> Result<()> {
        let Some(z) = networks.view_video(&video.pooled, mode)? else { return Ok(()) };
        let (loss, chance) = (views::loss(&z, self.views_temperature)?, views::chance(z.dim(0)?));
        sum.add(("loss_video_views", "chance_video_views"), self.weights.video_views, &loss, chance)
    }

    /// L_views of speech.
    fn compare_speech(
        &self,
        networks: &Networks,
        pairs: &Pairs,
        heard: &Seen,
        mode: Mode,
        sum: &mut Sum,
    ) -> Result<()> {
        let first = first_windows(pairs, &heard.pooled)?;
        let Some(z) = networks.view_speech(&first, mode)? else { return Ok(()) };
        let (loss, chance) = (views::loss(&z, self.views_temperature)?, views::chance(z.dim(0)?));
        sum.add(("loss_speech_views", "chance_speech_views"), self.weights.speech_views, &loss, chance)
    }

    /// L_clu of both streams, as far as their clusters are known.
    fn tell_clusters(
        &self,
        networks: &Networks,
        pairs: &Pairs,
        (video, heard): (&Seen, &Seen),
        moment: Moment<'_>,
        sum: &mut Sum,
    ) -> Result<()> {
        let Some(targets) = moment.clusters else { return Ok(()) };
        if !targets.of_video.is_empty()
            && let Some(logits) = networks.tell_video(&first_windows(pairs, &heard.pooled)?, targets.round)?
        {
            let (loss, labels) = clusters::loss(&logits, &targets.of_video, moment.weights)?;
            let names = ("loss_speech_clusters", "chance_speech_clusters");
            sum.add(names, self.weights.speech_clusters, &loss, targets.entropy_of_video)?;
            sum.parts.push(("accuracy_speech_clusters", accuracy(&logits, &labels)?));
        }
        if !targets.of_speech.is_empty()
            && let Some(logits) = networks.tell_speech(&video.pooled, targets.round)?
        {
            let (loss, labels) = clusters::loss(&logits, &targets.of_speech, moment.weights)?;
            let names = ("loss_video_clusters", "chance_video_clusters");
            sum.add(names, self.weights.video_clusters, &loss, targets.entropy_of_speech)?;
            sum.parts.push(("accuracy_video_clusters", accuracy(&logits, &labels)?));
        }
        Ok(())
    }

    /// L_sync: easy negatives up to `sync.easy_share` of the run, the pairs' own ones after it.
    fn synchronise(
        &self,
        networks: &Networks,
        pairs: &Pairs,
        video: &Seen,
        heard: &Seen,
        moment: Moment<'_>,
        sum: &mut Sum,
    ) -> Result<()> {
        let half = pairs.positive.dim(0)?;
        let windows = half / pairs.recordings.len();
        let positive = heard.map.narrow(0, 0, half)?;
        let easy = (moment.progress < self.easy_share)
            .then(|| synchronisation::easy_partners(&pairs.recordings))
            .flatten();
        let negative = match easy {
            Some(partners) => {
                let windows = windows as u32;
                let rows = partners.iter().flat_map(|&of| of * windows..(of + 1) * windows);
                positive.index_select(&Tensor::new(rows.collect::<Vec<u32>>(), positive.device())?, 0)?
            }
            None => heard.map.narrow(0, half, half)?,
        };
        let logits = |speech: &Tensor| networks.in_step(&video.map, speech);
        if let (Some(positive), Some(negative)) = (logits(&positive)?, logits(&negative)?) {
            let loss = synchronisation::loss(&positive, &negative, moment.weights)?;
            sum.add(("loss_sync", "chance_sync"), self.weights.sync, &loss, synchronisation::chance())?;
            sum.parts.push(("auc_sync", synchronisation::auc(&positive, &negative)?));
        }
        Ok(())
    }

    /// Speech without what a recording's windows share.
    fn centred(&self, pairs: &Pairs, z: Embedded) -> Result<Embedded> {
        let (recordings, intervals) = (&pairs.recordings, &pairs.intervals);
        // an easy negative is another recording's, and among the positives already
        let hard = z.negative.as_ref().filter(|_| self.negatives == Negatives::Hard);
        let (positive, hard) = contrastive::centre_by_recording(&z.positive, hard, recordings, intervals)?;
        Ok(Embedded { video: z.video, positive, negative: hard.or(z.negative) })
    }

    /// Logits of L_cls `[2 P, 2]`, where it has a weight.
    fn classify(&self, networks: &Networks, z: &Embedded) -> Result<Option<Tensor>> {
        if self.weights.cls == 0.0 {
            return Ok(None);
        }
        let Some(negative) = &z.negative else { candle_core::bail!("L_cls needs a negative to every pair") };
        let positive = self.windows.embedding(&z.video, &z.positive)?;
        let negative = self.windows.embedding(&z.video, negative)?;
        let (video, speech) = classification::rows(&z.video, &positive, &negative)?;
        networks.correlated(&video, &speech)
    }

    /// L_cont where nothing is told: for Eq. 2, whose value depends on how far apart embeddings lie, that of the same embeddings with
    /// positives and negatives exchanged.
    fn contrast_at_chance(&self, z: &Embedded, intervals: &[usize], weights: Option<&[f64]>) -> Result<f64> {
        match (self.contrastive, &z.negative) {
            (Contrastive::Paper | Contrastive::PaperCosine, Some(negative)) => {
                let exchanged = Embedded {
                    video: z.video.detach(),
                    positive: negative.detach(),
                    negative: Some(z.positive.detach()),
                };
                scalar(&self.contrast(&exchanged, intervals, None, weights)?.0)
            }
            (_, negative) => {
                let has_hard = self.negatives == Negatives::Hard && negative.is_some();
                Ok(contrastive::chance(intervals, has_hard))
            }
        }
    }

    /// L_cont and, for Eq. 2, the number of clamped pairs.
    pub(super) fn contrast(
        &self,
        z: &Embedded,
        intervals: &[usize],
        log_inv: Option<&Tensor>,
        weights: Option<&[f64]>,
    ) -> Result<(Tensor, Option<usize>)> {
        // an easy negative is a column of InfoNCE already: it is another pair's speech
        let extra = self.negatives == Negatives::Hard || self.contrastive.is_eq_2();
        let hard = z.negative.as_ref().filter(|_| extra);
        let pairs = contrastive::Pairs { video: &z.video, positive: &z.positive, hard, intervals };
        let (kind, smallest_margin) = (self.contrastive, self.smallest_margin);
        let how = contrastive::Contrast { kind, windows: self.windows, smallest_margin };
        contrastive::loss(how, &pairs, log_inv, weights)
    }
}

fn embed(networks: &Networks, pairs: &Pairs, video: &Seen, heard: &Seen, mode: Mode) -> Result<Embedded> {
    let video = networks.project_video(&video.pooled, mode)?;
    let (rows, count) = (pairs.positive.dim(0)?, video.dim(0)?);
    let speech = networks.project_speech(&heard.pooled, mode)?;
    let of = |start: usize| speech.narrow(0, start, rows)?.reshape((count, rows / count, speech.dim(1)?));
    Ok(Embedded { video, positive: of(0)?, negative: pairs.negative.as_ref().map(|_| of(rows)).transpose()? })
}

/// The first row of every pair's positive windows: the others' centres are the same ones, moved.
fn first_windows(pairs: &Pairs, heard: &Tensor) -> Result<Tensor> {
    let (count, rows, width) = (pairs.intervals.len(), pairs.positive.dim(0)?, heard.dim(1)?);
    heard.narrow(0, 0, rows)?.reshape((count, rows / count, width))?.narrow(1, 0, 1)?.squeeze(1)
}
