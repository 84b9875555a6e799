//! How alike any frame and any speech are, by what is trained to compare them: the joined cosine where L_cont is, the logit of belonging
//! together where L_cls alone is, the logit of being in step where L_sync alone is.

use candle_core::{Result, Tensor};
use sonovox_ops::Mode;

use super::Objective;
use crate::networks::{Networks, Seen};

impl Objective {
    /// What is compared of frames: embeddings `[N, D]`, for L_sync alone their maps `[N, H, W, C]`.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn of_frames(&self, networks: &Networks, seen: &Seen) -> Result<Tensor> {
        if !self.weights.embeds_pairs() {
            return Ok(seen.map.clone());
        }
        networks.project_video(&seen.pooled, Mode::Eval)
    }

    /// What is compared of speech windows: embeddings `[N, D]`, for L_sync alone their maps `[N, bands, time, C]`.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn of_speech(&self, networks: &Networks, heard: &Seen) -> Result<Tensor> {
        if !self.weights.embeds_pairs() {
            return Ok(heard.map.clone());
        }
        networks.project_speech(&heard.pooled, Mode::Eval)
    }

    /// How alike every frame and every interval's speech are, `[N, M]`: frames `[N, ..]` as [`Objective::of_frames`] gives them, speech
    /// `[M, W, ..]` as [`Objective::of_speech`] does, W windows to an interval.
    ///
    /// # Errors
    /// When a tensor operation fails, or where no loss compares frames with speech.
    pub fn similarity(&self, networks: &Networks, video: &Tensor, speech: &Tensor) -> Result<Tensor> {
        if self.weights.cont > 0.0 {
            return self.windows.similarity(video, speech);
        }
        let by_row = |frame: Tensor| {
            let frame = frame.broadcast_as([&[speech.dim(0)?], &video.dims()[1..]].concat())?.contiguous()?;
            if self.weights.cls > 0.0 {
                self.belonging(networks, &frame, speech)
            } else {
                networks.in_step(&frame, &speech.flatten(0, 1)?)
            }
        };
        let row = |at: usize| match by_row(video.narrow(0, at, 1)?)? {
            Some(logits) => Ok(logits),
            None => candle_core::bail!("no loss compares frames with speech"),
        };
        Tensor::stack(&(0..video.dim(0)?).map(row).collect::<Result<Vec<_>>>()?, 0)
    }

    /// Logits of belonging together `[M]` of frames `[M, D]` and speech `[M, W, D]`, where L_cls has a head.
    fn belonging(&self, networks: &Networks, frames: &Tensor, speech: &Tensor) -> Result<Option<Tensor>> {
        let joined = self.windows.embedding(frames, speech)?;
        let Some(logits) = networks.correlated(frames, &joined)? else { return Ok(None) };
        Ok(Some((logits.narrow(1, 1, 1)?.squeeze(1)? - logits.narrow(1, 0, 1)?.squeeze(1)?)?))
    }
}
