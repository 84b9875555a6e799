//! What the predictor says of each frame, and how well.

use candle_core::Device;
use half::f16;
use sonovox_artifact::{ArtifactError, ArtifactWriter};
use sonovox_train::TrainError;

use super::GazeConfig;
use super::predictor::Predictor;
use super::scores::{Judge, MeanScores, SaliencyScores};
use super::watched::WatchedFrames;
use crate::artifact_parts::PREDICTIONS;
use crate::clips::Clips;
use crate::image::Size;
use crate::tensor_file::TensorFile;

/// Scores of every frame, and the maps of some.
pub(crate) struct Predictions {
    scores: Vec<SaliencyScores>,
    mean: MeanScores,
    /// Places of the frames whose maps are kept.
    kept: Vec<usize>,
    /// `[kept, map height * map width]`.
    maps: Vec<f16>,
    map: Size,
}

impl Predictions {
    /// Predicts and scores every frame; keeps the maps of at most `config.keep_maps` of them, so that memory stays
    /// bounded.
    pub fn make(
        judge: &Judge,
        clips: &Clips,
        watched: &WatchedFrames,
        network: &Predictor,
        config: &GazeConfig,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let kept = spread_evenly(watched.frames.len(), config.keep_maps);
        let mut made =
            Self { scores: Vec::new(), mean: MeanScores::default(), kept, maps: Vec::new(), map: judge.map };
        judge.each_frame(clips, watched, network, config.batch, device, |frame, prediction, scores| {
            made.mean.add(&scores);
            made.scores.push(scores);
            if made.kept.binary_search(&frame).is_ok() {
                made.maps.extend(prediction.iter().map(|&value| f16::from_f32(value)));
            }
        })?;
        Ok(made)
    }

    /// Means over all frames.
    pub fn mean(&self) -> SaliencyScores {
        self.mean.scores()
    }

    /// Writes `predictions.safetensors`.
    pub fn write(self, watched: &WatchedFrames, writer: &mut ArtifactWriter) -> Result<(), ArtifactError> {
        let (frames, count) = (&watched.frames, watched.frames.len());
        let axes = [("frame", count)];
        let map_axes = [("map", self.kept.len()), ("height", self.map.height), ("width", self.map.width)];
        let scores = self.scores.iter().flat_map(|scores| scores.named().map(|(_, value)| value as f32));
        TensorFile::default()
            .u32(
                "recording",
                "place in details.recordings",
                &axes,
                frames.iter().map(|at| at.recording as u32),
            )
            .u32("frame", "place in the recording", &axes, frames.iter().map(|at| at.frame as u32))
            .f64("frame_secs", "s", &axes, frames.iter().map(|at| at.secs))
            .u32("gaze_points", "1", &axes, watched.truth.iter().map(|points| points.len() as u32))
            .f32("score", "kl, nss, auc_judd, cc, sim", &[("frame", count), ("score", 5)], scores)
            .u32(
                "map_frame",
                "place on the axis frame",
                &map_axes[..1],
                self.kept.iter().map(|&at| at as u32),
            )
            .f16("map", "share of the gaze", &map_axes, self.maps)
            .write(writer, PREDICTIONS)
    }
}

/// At most `keep` of the places `0..count`, as far apart as they can be.
fn spread_evenly(count: usize, keep: usize) -> Vec<usize> {
    let keep = keep.min(count);
    (0..keep).map(|at| at * count / keep).collect()
}

#[cfg(test)]
mod tests {
    use super::spread_evenly;

    #[test]
    fn kept_places_are_spread_and_never_twice() {
        assert_eq!(spread_evenly(10, 3), [0, 3, 6]);
        assert_eq!(spread_evenly(3, 512), [0, 1, 2]);
        assert!(spread_evenly(5, 0).is_empty() && spread_evenly(0, 5).is_empty());
        assert!(spread_evenly(1000, 512).windows(2).all(|pair| pair[0] < pair[1]));
    }
}
