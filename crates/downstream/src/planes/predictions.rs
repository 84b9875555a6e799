//! What the detector says of each frame.

use candle_core::Device;
use sonovox_artifact::{ArtifactError, ArtifactWriter};
use sonovox_metrics::Confusion;
use sonovox_ops::Mode;
use sonovox_train::TrainError;

use super::detector::Detector;
use super::labelled::LabelledFrames;
use crate::artifact_parts::PREDICTIONS;
use crate::clips::Clips;
use crate::inference::{for_each_row, softmax};
use crate::tensor_file::TensorFile;

/// Probabilities of every plane for every frame.
pub(crate) struct Predictions {
    planes: usize,
    /// `[frames, planes]`.
    probabilities: Vec<f32>,
}

impl Predictions {
    pub fn make(
        clips: &Clips,
        labelled: &LabelledFrames,
        network: &Detector,
        batch: usize,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let planes = clips.source.details.planes.len();
        let mut probabilities = Vec::with_capacity(labelled.frames.len() * planes);
        let forward = |images: &_| network.forward(images, Mode::Eval);
        for_each_row(clips, &labelled.frames, batch, device, forward, |_, logits| {
            probabilities.extend(softmax(&logits));
        })?;
        Ok(Self { planes, probabilities })
    }

    /// Of `probabilities` `[frames, planes]`.
    pub fn of(planes: usize, probabilities: Vec<f32>) -> Self {
        Self { planes, probabilities }
    }

    /// The most probable plane of each frame (the first of equals).
    pub fn most_probable(&self) -> impl Iterator<Item = usize> + '_ {
        self.probabilities.chunks_exact(self.planes).map(|shares| {
            (1..shares.len()).fold(0, |best, plane| if shares[plane] > shares[best] { plane } else { best })
        })
    }

    /// Labels against predictions.
    pub fn confusion(&self, labels: &[usize]) -> Confusion {
        let mut confusion = Confusion::new(self.planes);
        labels
            .iter()
            .zip(self.most_probable())
            .for_each(|(&truth, predicted)| confusion.add(truth, predicted));
        confusion
    }

    /// Writes `predictions.safetensors`.
    pub fn write(self, labelled: &LabelledFrames, writer: &mut ArtifactWriter) -> Result<(), ArtifactError> {
        let (frames, count) = (&labelled.frames, labelled.frames.len());
        let axes = [("frame", count)];
        TensorFile::default()
            .u32(
                "recording",
                "place in details.recordings",
                &axes,
                frames.iter().map(|at| at.recording as u32),
            )
            .u32("frame", "place in the recording", &axes, frames.iter().map(|at| at.frame as u32))
            .f64("frame_secs", "s", &axes, frames.iter().map(|at| at.secs))
            .u32("label", "place in the planes", &axes, labelled.truth.iter().map(|&label| label as u32))
            .f32("probability", "1", &[("frame", count), ("plane", self.planes)], self.probabilities)
            .write(writer, PREDICTIONS)
    }
}
