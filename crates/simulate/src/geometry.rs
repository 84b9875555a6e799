//! Geometry in millimetres. The scan plane: `x` to the right of the screen, `y` away from the probe's face. The body:
//! `x` to the fetus's left, `y` to its front, `z` to its head, the origin in the middle of its abdomen.

pub use glam::{Quat, Vec2, Vec3, vec2, vec3};

/// 0 below `low`, 1 above `high`, smooth between.
pub fn smoothstep(low: f32, high: f32, value: f32) -> f32 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// A system of its own inside the body: a head, a heart, a thigh.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// where its origin lies
    pub origin: Vec3,
    /// its three axes, unit vectors at right angles
    pub axes: [Vec3; 3],
    /// body millimetres to a unit of its own
    pub scale: f32,
}

impl Frame {
    /// The body's own.
    pub fn body(scale: f32) -> Self {
        Self { origin: Vec3::ZERO, axes: [Vec3::X, Vec3::Y, Vec3::Z], scale }
    }

    /// From a first axis and a direction that the second shall be as near to as right angles allow.
    pub fn along(origin: Vec3, first: Vec3, towards_second: Vec3, scale: f32) -> Self {
        let first = first.normalize();
        let second = (towards_second - first * first.dot(towards_second)).normalize();
        Self { origin, axes: [first, second, first.cross(second)], scale }
    }

    /// The same with the third axis turned about where it points away from `direction`: which hand a system has does
    /// not matter to solids.
    pub fn with_third_towards(mut self, direction: Vec3) -> Self {
        if self.axes[2].dot(direction) < 0.0 {
            self.axes[2] = -self.axes[2];
        }
        self
    }

    /// A point given in this system, in the body.
    pub fn point(&self, p: Vec3) -> Vec3 {
        self.origin + self.direction(p) * self.scale
    }

    /// A direction given in this system, in the body.
    pub fn direction(&self, d: Vec3) -> Vec3 {
        self.axes[0] * d.x + self.axes[1] * d.y + self.axes[2] * d.z
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_keeps_right_angles_and_scales() {
        let frame = Frame::along(vec3(1.0, 2.0, 3.0), vec3(1.0, 1.0, 0.2), vec3(0.0, 1.0, 0.0), 2.0);
        let [a, b, c] = frame.axes;
        assert!(a.dot(b).abs() < 1e-6 && (a.cross(b) - c).length() < 1e-6);
        assert!((frame.point(vec3(0.0, 3.0, 4.0)) - frame.origin).length() - 10.0 < 1e-5);
    }
}
