//! Where the scan plane lies in the body at one moment.

use crate::geometry::{Quat, Vec2, Vec3, vec2};

/// The probe's place in the body and the moment: what a frame depends on beside the body itself.
///
/// The scan plane is spanned by `lateral` (to the right of the screen) and `axial` (away from the probe); `normal`
/// is their vector product. The fetus moves under the probe as the probe over the fetus: only the one relative to the other is
/// kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// seconds on the recording's clock
    pub time_secs: f64,
    /// middle of the probe's face, body mm
    pub face: Vec3,
    /// unit vector to the right of the screen
    pub lateral: Vec3,
    /// unit vector away from the probe
    pub axial: Vec3,
    /// unit vector across the plane
    pub normal: Vec3,
}

impl View {
    /// From the probe's place and turn: unturned, the plane is the body's `x` and `y`.
    pub fn new(time_secs: f64, face: Vec3, turn: Quat) -> Self {
        Self { time_secs, face, lateral: turn * Vec3::X, axial: turn * Vec3::Y, normal: turn * Vec3::Z }
    }

    /// A point given in probe coordinates (mm), in the body.
    pub fn to_body(&self, point: Vec2) -> Vec3 {
        self.face + self.direction(point)
    }

    /// A direction of the scan plane in the body.
    pub fn direction(&self, direction: Vec2) -> Vec3 {
        self.lateral * direction.x + self.axial * direction.y
    }

    /// A point of the body in probe coordinates (mm), seen along the normal.
    pub fn to_probe(&self, point: Vec3) -> Vec2 {
        let from_face = point - self.face;
        vec2(from_face.dot(self.lateral), from_face.dot(self.axial))
    }

    /// Distance of a point of the body from the scan plane along its normal, mm.
    pub fn off_plane_mm(&self, point: Vec3) -> f32 {
        (point - self.face).dot(self.normal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::vec3;

    #[test]
    fn to_probe_undoes_to_body() {
        let view =
            View::new(0.0, vec3(3.0, -50.0, 8.0), Quat::from_rotation_x(0.7) * Quat::from_rotation_z(0.3));
        let point = view.to_body(vec2(12.0, 70.0));
        assert!((view.to_probe(point) - vec2(12.0, 70.0)).length() < 1e-4);
        assert!(view.off_plane_mm(point).abs() < 1e-4);
        assert!((view.off_plane_mm(point + view.normal * 2.0) - 2.0).abs() < 1e-4);
    }
}
