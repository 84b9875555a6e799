//! Frames: mirrored, turned, scaled, brightened. They are standardised afterwards, so that brightness tells by what it
//! saturates only.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::FrameAugmentation;
use crate::warp::Warp;

/// Changes `frames` (grey 0 to 255, `height * width` each); every `group` frames in a row are changed alike.
pub fn change_frames(
    frames: &mut [f32],
    (height, width): (usize, usize),
    group: usize,
    ranges: &FrameAugmentation,
    rng: &mut ChaCha8Rng,
) {
    let area = height * width;
    let drawn: Vec<_> = (0..frames.len() / (area * group)).map(|_| Change::draw(ranges, rng)).collect();
    frames.par_chunks_exact_mut(area).enumerate().for_each(|(at, frame)| {
        let Change { warp, gain, exponent } = drawn[at / group];
        if warp != Warp::NONE {
            frame.copy_from_slice(&warp.apply(frame, height, width));
        }
        for value in frame {
            *value = 255.0 * (*value / 255.0 * gain).clamp(0.0, 1.0).powf(exponent);
        }
    });
}

struct Change {
    warp: Warp,
    gain: f32,
    exponent: f32,
}

impl Change {
    /// The same number of draws whatever the ranges.
    fn draw(ranges: &FrameAugmentation, rng: &mut ChaCha8Rng) -> Self {
        let mirrored: bool = rng.random();
        let mut within = || rng.random_range(-1.0..1.0f64);
        let warp = Warp {
            mirror: ranges.mirror && mirrored,
            rotation: (ranges.rotation_degrees * within()).to_radians(),
            scale: (1.0 + ranges.scale).powf(within()),
            ..Warp::NONE
        };
        let gain = (1.0 + ranges.brightness * within()) as f32;
        Self { warp, gain, exponent: (1.0 + ranges.gamma).powf(within()) as f32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn changed(ranges: &FrameAugmentation, group: usize) -> Vec<f32> {
        let mut frames: Vec<f32> = (0..4 * 30).map(|at| (at % 30 * 8) as f32).collect();
        change_frames(&mut frames, (5, 6), group, ranges, &mut ChaCha8Rng::seed_from_u64(3));
        frames
    }

    #[test]
    fn nothing_asked_for_changes_nothing_but_rounding() {
        let frames = changed(&FrameAugmentation::default(), 1);
        assert!(frames.iter().enumerate().all(|(at, value)| (value - (at % 30 * 8) as f32).abs() < 1e-3));
    }

    #[test]
    fn frames_of_a_group_are_changed_alike_and_groups_apart() {
        let ranges = FrameAugmentation {
            mirror: true,
            rotation_degrees: 20.0,
            scale: 0.1,
            brightness: 0.2,
            gamma: 0.3,
        };
        let frames = changed(&ranges, 2);
        assert_eq!(frames[..30], frames[30..60]);
        assert_ne!(frames[..30], frames[60..90]);
        assert!(frames.iter().all(|value| (0.0..=255.0).contains(value)));
        assert_eq!(frames, changed(&ranges, 2));
    }
}
