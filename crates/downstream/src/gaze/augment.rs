//! Augmentation of frames for gaze prediction.
//!
//! Droste et al., IPMI 2019 (method.md, "Gaze saliency"): crop to 70-90 % of a side that keeps the gaze points, flip,
//! gamma, brightness. Both sides are cropped to the same share here, so that the anatomy keeps its shape.

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::image::{Crop, Tone};

/// Ranges of the augmentation; `false`, 0 and a crop of 1 turn a change off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GazeAugmentation {
    /// Smallest side of the crop as a share of the frame's.
    pub smallest_crop: f32,
    /// Largest side of the crop.
    pub largest_crop: f32,
    /// Mirror half of the images left to right, gaze points with them.
    pub mirror: bool,
    /// Largest change of gamma from 1, as a share.
    pub gamma: f64,
    /// Largest change of brightness from 1, as a share.
    pub brightness: f64,
}

impl Default for GazeAugmentation {
    fn default() -> Self {
        Self { smallest_crop: 0.7, largest_crop: 0.9, mirror: true, gamma: 0.25, brightness: 0.25 }
    }
}

impl GazeAugmentation {
    /// Name, expectation and value of each setting, and whether it holds.
    pub(crate) fn checks(&self) -> [(&'static str, &'static str, f64, bool); 4] {
        let share = |value: f64| (0.0..1.0).contains(&value);
        [
            ("augmentation.smallest_crop", "above 0 and at most 1", f64::from(self.smallest_crop), {
                self.smallest_crop > 0.0 && self.smallest_crop <= 1.0
            }),
            ("augmentation.largest_crop", "from smallest_crop to 1", f64::from(self.largest_crop), {
                (self.smallest_crop..=1.0).contains(&self.largest_crop)
            }),
            ("augmentation.gamma", "at least 0 and below 1", self.gamma, share(self.gamma)),
            ("augmentation.brightness", "at least 0 and below 1", self.brightness, share(self.brightness)),
        ]
    }

    /// A crop that holds all `points` (`[x, y]`, shares of the frame's width and height), and a tone.
    ///
    /// Where the points lie further apart than the drawn side, the side grows to their distance.
    pub(crate) fn draw(&self, points: &[[f32; 2]], rng: &mut impl Rng) -> (Crop, Tone) {
        let [(left_most, right_most), (top_most, bottom_most)] = [0, 1].map(|axis| span(points, axis));
        let drawn = rng.random_range(self.smallest_crop..=self.largest_crop);
        let side = drawn.max(right_most - left_most).max(bottom_most - top_most).min(1.0);
        let mut start = |first: f32, last: f32| {
            let lowest = (last - side).max(0.0);
            let highest = first.min(1.0 - side);
            lowest + (highest - lowest).max(0.0) * rng.random_range(0.0..=1.0f32)
        };
        let (left, top) = (start(left_most, right_most), start(top_most, bottom_most));
        let mirror = self.mirror & rng.random_bool(0.5);
        let tone = Tone::draw(self.gamma, self.brightness, rng);
        (Crop { left, top, side, mirror }, tone)
    }
}

/// Smallest and largest coordinate of `points` along `axis`; the frame's middle where there is none.
fn span(points: &[[f32; 2]], axis: usize) -> (f32, f32) {
    let along = points.iter().map(|point| point[axis]);
    let (least, most) =
        (along.clone().fold(f32::INFINITY, f32::min), along.fold(f32::NEG_INFINITY, f32::max));
    if least > most { (0.5, 0.5) } else { (least, most) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance;

    #[test]
    fn crops_keep_the_gaze_points() {
        let config = GazeAugmentation::default();
        let sets: [&[[f32; 2]]; 4] = [
            &[[0.5, 0.5]],
            &[[0.0, 1.0], [0.02, 0.93]],
            &[[0.05, 0.5], [0.97, 0.4], [0.5, 0.1]],
            &[[0.0, 0.0], [1.0, 1.0]],
        ];
        for (set, points) in sets.iter().enumerate() {
            for step in 0..500 {
                let (crop, _) = config.draw(points, &mut chance::of_image(2, step, set));
                assert!(crop.left >= 0.0 && crop.top >= 0.0);
                assert!(crop.left + crop.side <= 1.0001 && crop.top + crop.side <= 1.0001);
                assert!(crop.side >= 0.7 && (set > 1 || crop.side <= 0.9));
                for &point in *points {
                    let inside = crop.point(point).map(|c| (-1e-5..=1.00001).contains(&c));
                    assert_eq!(inside, [true, true], "{crop:?} {point:?}");
                }
            }
        }
    }

    #[test]
    fn crops_go_everywhere_they_may() {
        let config = GazeAugmentation::default();
        let crops = (0..2000).map(|step| config.draw(&[[0.5, 0.5]], &mut chance::of_image(2, step, 0)).0);
        let lefts: Vec<f32> = crops.map(|crop| crop.left / (1.0 - crop.side)).collect();
        let mean = lefts.iter().sum::<f32>() / lefts.len() as f32;
        assert!((mean - 0.5).abs() < 0.03, "{mean}");
        assert!(lefts.iter().any(|&at| at < 0.02) && lefts.iter().any(|&at| at > 0.98));
    }
}
