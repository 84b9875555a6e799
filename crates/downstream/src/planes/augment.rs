//! Augmentation of frames for plane detection.
//!
//! Droste et al., IPMI 2019 (method.md, "Plane detection"): flips, rotation by up to 10 degrees, aspect by up to 10 %,
//! crop to 95-100 %, gamma and brightness by up to 25 %. How a range is drawn from, they do not say: uniformly, here.

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::image::{Size, Tone, Warp};

/// Ranges of the augmentation; 0 and `false` turn a change off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlaneAugmentation {
    /// Mirror half of the images left to right. Turn it off where a label depends on the side (the source's "flips"
    /// does not say which).
    pub mirror: bool,
    /// Turn half of the images upside down. Off by default: the probe is at the top of every ultrasound image.
    pub upside_down: bool,
    /// Largest rotation either way, in degrees.
    pub rotation_degrees: f32,
    /// Largest change of the ratio of width to height, as a share: 0.1 draws from 0.9 to 1.1.
    pub aspect: f32,
    /// Smallest side of the crop as a share of the frame's; the crop lies anywhere in the frame.
    pub smallest_crop: f32,
    /// Largest change of gamma from 1, as a share.
    pub gamma: f64,
    /// Largest change of brightness from 1, as a share. Standardising each frame takes most of it back; what
    /// saturates stays.
    pub brightness: f64,
}

impl Default for PlaneAugmentation {
    fn default() -> Self {
        Self {
            mirror: true,
            upside_down: false,
            rotation_degrees: 10.0,
            aspect: 0.1,
            smallest_crop: 0.95,
            gamma: 0.25,
            brightness: 0.25,
        }
    }
}

impl PlaneAugmentation {
    /// Name, expectation and value of each setting, and whether it holds.
    pub(crate) fn checks(&self) -> [(&'static str, &'static str, f64, bool); 5] {
        let share = |value: f64| (0.0..1.0).contains(&value);
        let degrees = f64::from(self.rotation_degrees);
        [
            ("augmentation.rotation_degrees", "0 to 180", degrees, (0.0..=180.0).contains(&degrees)),
            (
                "augmentation.aspect",
                "at least 0 and below 1",
                f64::from(self.aspect),
                share(self.aspect.into()),
            ),
            ("augmentation.smallest_crop", "above 0 and at most 1", f64::from(self.smallest_crop), {
                self.smallest_crop > 0.0 && self.smallest_crop <= 1.0
            }),
            ("augmentation.gamma", "at least 0 and below 1", self.gamma, share(self.gamma)),
            ("augmentation.brightness", "at least 0 and below 1", self.brightness, share(self.brightness)),
        ]
    }

    /// The changes of one image of `size`.
    pub(crate) fn draw(&self, size: Size, rng: &mut impl Rng) -> (Warp, Tone) {
        let angle = self.rotation_degrees.to_radians() * rng.random_range(-1.0..=1.0f32);
        let aspect = 1.0 + self.aspect * rng.random_range(-1.0..=1.0f32);
        let side = rng.random_range(self.smallest_crop..=1.0);
        let mut offset = |pixels: usize| (1.0 - side) / 2.0 * pixels as f32 * rng.random_range(-1.0..=1.0f32);
        let (dx, dy) = (offset(size.width), offset(size.height));
        let mirror = self.mirror & rng.random_bool(0.5);
        let upside_down = self.upside_down & rng.random_bool(0.5);
        let tone = Tone::draw(self.gamma, self.brightness, rng);
        let scale_x = side * aspect.sqrt() * if mirror { -1.0 } else { 1.0 };
        let scale_y = side / aspect.sqrt() * if upside_down { -1.0 } else { 1.0 };
        let (sin, cos) = angle.sin_cos();
        let map =
            Warp { xx: cos * scale_x, xy: -sin * scale_y, yx: sin * scale_x, yy: cos * scale_y, dx, dy };
        (map, tone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance;

    const SIZE: Size = Size { height: 224, width: 288 };

    #[test]
    fn all_off_changes_nothing() {
        let off = PlaneAugmentation {
            mirror: false,
            upside_down: false,
            rotation_degrees: 0.0,
            aspect: 0.0,
            smallest_crop: 1.0,
            gamma: 0.0,
            brightness: 0.0,
        };
        for step in 0..20 {
            let (map, tone) = off.draw(SIZE, &mut chance::of_image(5, step, 0));
            assert_eq!((map, tone), (Warp::IDENTITY, Tone::unchanged()));
        }
    }

    #[test]
    fn draws_stay_in_their_ranges_and_repeat() {
        let config = PlaneAugmentation::default();
        let (mut mirrored, mut widest) = (0, 0.0f32);
        for step in 0..1000 {
            let (map, tone) = config.draw(SIZE, &mut chance::of_image(1, step, 3));
            assert_eq!((map, tone), config.draw(SIZE, &mut chance::of_image(1, step, 3)));
            mirrored += usize::from(map.xx < 0.0);
            assert!(map.yy > 0.0, "never upside down by default");
            let area = map.xx.abs() * map.yy + map.xy.abs() * map.yx.abs();
            assert!((0.95f32.powi(2) - 1e-4..=1.0001).contains(&area), "crop changes the area only: {area}");
            let angle = (map.yx / map.xx).atan().to_degrees().abs();
            assert!(angle <= 10.001);
            widest = widest.max(angle);
            assert!(map.dx.abs() <= 0.025 * 288.0 && map.dy.abs() <= 0.025 * 224.0);
        }
        assert!((430..570).contains(&mirrored), "{mirrored} of 1000 mirrored");
        assert!(widest > 9.5);
    }
}
