//! Ranges of the random affine transforms that L_aff asks for.

use serde::{Deserialize, Serialize};

use super::Check;

/// Range of each parameter of a transform, drawn evenly from minus to plus; 0 leaves a parameter out.
///
/// The source (arXiv 2003.00105) says "rotation, scale, shear" and no range that we could read: all numbers are ours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AffineConfig {
    /// Rotation about the frame's centre, in degrees.
    pub rotation_degrees: f64,
    /// Change of size: 0.25 draws factors from 1 / 1.25 to 1.25.
    pub scale: f64,
    /// Horizontal shear, a share of the height.
    pub shear: f64,
    /// Shift along both axes, as a share of the frame's width and height.
    pub shift: f64,
    /// Pairs of frame and transformed copy to a batch.
    pub frames: usize,
}

impl Default for AffineConfig {
    fn default() -> Self {
        Self { rotation_degrees: 30.0, scale: 0.25, shear: 0.2, shift: 0.1, frames: 16 }
    }
}

impl AffineConfig {
    /// Share of the parameters that are drawn at all.
    pub(crate) fn active_share(&self) -> f64 {
        // the shift counts twice: along each axis
        let ranges = [self.rotation_degrees, self.scale, self.shear, self.shift, self.shift];
        ranges.iter().filter(|&&range| range > 0.0).count() as f64 / ranges.len() as f64
    }

    pub(super) fn checks(&self) -> Vec<Check> {
        let share = |range: f64| (0.0..1.0).contains(&range);
        vec![
            ("affine.rotation_degrees", "0 to 180", self.rotation_degrees, {
                (0.0..=180.0).contains(&self.rotation_degrees)
            }),
            ("affine.scale", "0 or more and below 1", self.scale, share(self.scale)),
            ("affine.shear", "0 or more and below 1", self.shear, share(self.shear)),
            ("affine.shift", "0 or more and below 1", self.shift, share(self.shift)),
            ("affine.frames", "at least 1", self.frames as f64, self.frames >= 1),
        ]
    }
}
