//! The static map: where sonographers look whatever the image shows.
//!
//! Mean of the training targets (Droste et al., IPMI 2019). A model that scores below it has not learned to look at
//! the image.

use candle_core::Device;
use rayon::prelude::*;
use sonovox_artifact::{Artifact, ArtifactError, ArtifactWriter};

use super::target::{Spread, density};
use super::watched::Points;
use crate::DownstreamError;
use crate::image::Size;
use crate::tensor_file::TensorFile;

const FILE: &str = "static_map.safetensors";
const TENSOR: &str = "static_map";

/// Mean target of frames with these gaze points, each at its whole size; sums to 1.
///
/// # Panics
/// When there are no frames: callers refuse that before.
pub(crate) fn mean_target(frames: &[Points], spread: Spread, map: Size) -> Vec<f32> {
    assert!(!frames.is_empty(), "the mean of no targets");
    // sums of fixed pieces in a fixed order: the same bits on any number of threads
    let sums: Vec<Vec<f64>> = frames
        .par_chunks(256)
        .map(|piece| {
            let mut sum = vec![0.0; map.area()];
            for points in piece {
                sum.iter_mut()
                    .zip(density(points, spread, map))
                    .for_each(|(sum, value)| *sum += f64::from(value));
            }
            sum
        })
        .collect();
    let total = |cell: usize| sums.iter().map(|sum| sum[cell]).sum::<f64>();
    (0..map.area()).map(|cell| (total(cell) / frames.len() as f64) as f32).collect()
}

/// Writes the map into a gaze artifact.
pub(crate) fn write(values: Vec<f32>, map: Size, writer: &mut ArtifactWriter) -> Result<(), ArtifactError> {
    let axes = [("height", map.height), ("width", map.width)];
    TensorFile::default().f32(TENSOR, "share of the gaze", &axes, values).write(writer, FILE)
}

/// Reads the map of a gaze artifact, which must be of size `map`.
pub(crate) fn read(artifact: &Artifact, map: Size) -> Result<Vec<f32>, DownstreamError> {
    let path = artifact.file(FILE);
    let tensors = candle_core::safetensors::load(&path, &Device::Cpu)?;
    let found = tensors.get(TENSOR);
    if let Some(tensor) = found.filter(|tensor| tensor.dims() == [map.height, map.width]) {
        return Ok(tensor.flatten_all()?.to_vec1()?);
    }
    let found = found.map_or("none".to_owned(), |tensor| format!("{:?}", tensor.dims()));
    let (what, expected) = (format!("tensor {TENSOR}"), map.to_string());
    Err(ArtifactError::Damaged { path, what, expected, found }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_mean_of_the_targets() {
        let map = Size { height: 6, width: 8 };
        let spread = Spread { x: 0.1, y: 0.1 };
        let frames: Vec<Points> =
            (0..600).map(|i| vec![[(i % 7) as f32 / 7.0, (i % 5) as f32 / 5.0]]).collect();
        let mean = mean_target(&frames, spread, map);
        assert!((mean.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        for cell in [0, 13, 47] {
            let slow: f32 =
                frames.iter().map(|points| density(points, spread, map)[cell]).sum::<f32>() / 600.0;
            assert!((mean[cell] - slow).abs() < 1e-6);
        }
    }
}
