//! Where the scan plane lies in the body at one moment.

use crate::geometry::{Vec2, vec2};

/// The probe's place and the moment: what a frame depends on beside the body itself.
///
/// Body coordinates are probe coordinates turned by `angle_rad` about [`PIVOT`] and moved by `shift_mm`; along the
/// third direction the plane lies at `travel_mm`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct View {
    /// seconds on the recording's clock
    pub time_secs: f64,
    /// slide of the probe across the body, mm
    pub travel_mm: f32,
    /// drift inside the plane, mm
    pub shift_mm: Vec2,
    /// rocking inside the plane
    pub angle_rad: f32,
}

/// The point that rocking turns about, mm.
pub const PIVOT: Vec2 = vec2(0.0, 50.0);

impl View {
    /// A point given in probe coordinates, in the body.
    pub fn to_body(&self, point: Vec2) -> Vec2 {
        (point - PIVOT).rotated(self.angle_rad) + PIVOT + self.shift_mm
    }

    /// A point of the body in probe coordinates.
    pub fn to_probe(&self, point: Vec2) -> Vec2 {
        (point - PIVOT - self.shift_mm).rotated(-self.angle_rad) + PIVOT
    }

    /// A beam's direction in the body; rocking is a few degrees, so the small-angle form will do.
    #[inline]
    pub fn beam(&self, direction: Vec2) -> Vec2 {
        vec2(direction.x - self.angle_rad * direction.y, direction.y + self.angle_rad * direction.x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_probe_undoes_to_body() {
        let view = View { shift_mm: vec2(3.0, -2.0), angle_rad: 0.2, ..View::default() };
        let point = vec2(12.0, 70.0);
        assert!((view.to_probe(view.to_body(point)) - point).length() < 1e-4);
    }
}
