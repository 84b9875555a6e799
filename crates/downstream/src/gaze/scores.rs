//! How well a map predicts where somebody looked (Bylinskii et al. 2018; see `sonovox_metrics::saliency`).

use std::ops::AddAssign;

use candle_core::Device;
use serde::Serialize;
use sonovox_metrics::saliency;
use sonovox_ops::Mode;
use sonovox_train::TrainError;

use super::predictor::Predictor;
use super::target::{Spread, density, fixations};
use super::watched::WatchedFrames;
use crate::clips::Clips;
use crate::image::Size;
use crate::inference::{for_each_row, softmax};

/// The five scores of one frame, or their means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct SaliencyScores {
    /// Kullback-Leibler divergence from the target to the prediction, in nats; lower is better.
    pub kl: f64,
    /// Normalised scanpath saliency: mean of the standardised map at the gaze points.
    pub nss: f64,
    /// Area under the curve after Judd; 0.5 is chance.
    pub auc_judd: f64,
    /// Pearson's correlation with the target.
    pub cc: f64,
    /// Sum of the smaller of both, cell by cell; 1 where they are equal.
    pub sim: f64,
}

impl SaliencyScores {
    /// The scores with their names in `metrics.json`.
    pub fn named(&self) -> [(&'static str, f64); 5] {
        [("kl", self.kl), ("nss", self.nss), ("auc_judd", self.auc_judd), ("cc", self.cc), ("sim", self.sim)]
    }
}

impl AddAssign for SaliencyScores {
    fn add_assign(&mut self, other: Self) {
        self.kl += other.kl;
        self.nss += other.nss;
        self.auc_judd += other.auc_judd;
        self.cc += other.cc;
        self.sim += other.sim;
    }
}

/// A running mean over frames.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MeanScores {
    sum: SaliencyScores,
    frames: u64,
}

impl MeanScores {
    pub fn add(&mut self, scores: &SaliencyScores) {
        self.sum += *scores;
        self.frames += 1;
    }

    /// The means; all 0 over no frames.
    pub fn scores(&self) -> SaliencyScores {
        let mean = |sum: f64| sum / self.frames.max(1) as f64;
        let SaliencyScores { kl, nss, auc_judd, cc, sim } = self.sum;
        SaliencyScores {
            kl: mean(kl),
            nss: mean(nss),
            auc_judd: mean(auc_judd),
            cc: mean(cc),
            sim: mean(sim),
        }
    }
}

/// Makes targets and scores predictions against them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judge {
    /// Size of all maps.
    pub map: Size,
    /// Spread of the targets.
    pub spread: Spread,
}

/// Where somebody looked at one frame, on the map's grid.
pub(crate) struct Truth {
    density: Vec<f32>,
    fixations: Vec<usize>,
}

impl Judge {
    /// What gaze `points` ask of a prediction.
    pub fn truth(&self, points: &[[f32; 2]]) -> Truth {
        Truth { density: density(points, self.spread, self.map), fixations: fixations(points, self.map) }
    }

    /// Scores of a map that sums to 1.
    pub fn score(&self, prediction: &[f32], truth: &Truth) -> SaliencyScores {
        let Truth { density, fixations } = truth;
        SaliencyScores {
            kl: saliency::kl(density, prediction),
            nss: saliency::nss(prediction, fixations),
            auc_judd: saliency::auc_judd(prediction, fixations),
            cc: saliency::cc(density, prediction),
            sim: saliency::sim(density, prediction),
        }
    }

    /// Predicts every frame and gives its place, predicted map and scores to `take`, in the frames' order.
    pub fn each_frame(
        &self,
        clips: &Clips,
        watched: &WatchedFrames,
        network: &Predictor,
        batch: usize,
        device: &Device,
        mut take: impl FnMut(usize, &[f32], SaliencyScores),
    ) -> Result<(), TrainError> {
        let forward = |images: &_| network.forward(images, Mode::Eval);
        for_each_row(clips, &watched.frames, batch, device, forward, |frame, logits| {
            let prediction = softmax(&logits);
            let scores = self.score(&prediction, &self.truth(&watched.truth[frame]));
            take(frame, &prediction, scores);
        })
    }

    /// Mean scores of one map held against every frame.
    pub fn constant(&self, map: &[f32], watched: &WatchedFrames) -> SaliencyScores {
        let mut mean = MeanScores::default();
        watched.truth.iter().for_each(|points| mean.add(&self.score(map, &self.truth(points))));
        mean.scores()
    }
}
