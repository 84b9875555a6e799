//! Plane geometry in millimetres: `x` to the right of the screen, `y` away from the probe's face.

use std::ops::{Add, Mul, Sub};

/// A point or a direction in the scan plane, in millimetres.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Vec2 {
    /// lateral, to the right of the screen
    pub x: f32,
    /// axial, away from the probe
    pub y: f32,
}

/// Shorthand for [`Vec2`].
pub const fn vec2(x: f32, y: f32) -> Vec2 {
    Vec2 { x, y }
}

impl Vec2 {
    /// Length, millimetres.
    pub fn length(self) -> f32 {
        // millimetres neither over- nor underflow: `hypot`'s care is not needed and slow
        self.dot(self).sqrt()
    }

    /// Turned by `angle_rad`, from `+x` towards `+y`.
    pub fn rotated(self, angle_rad: f32) -> Vec2 {
        let (sin, cos) = angle_rad.sin_cos();
        vec2(cos * self.x - sin * self.y, sin * self.x + cos * self.y)
    }

    /// Scalar product.
    pub fn dot(self, other: Vec2) -> f32 {
        self.x * other.x + self.y * other.y
    }
}

impl Add for Vec2 {
    type Output = Vec2;
    fn add(self, other: Vec2) -> Vec2 {
        vec2(self.x + other.x, self.y + other.y)
    }
}

impl Sub for Vec2 {
    type Output = Vec2;
    fn sub(self, other: Vec2) -> Vec2 {
        vec2(self.x - other.x, self.y - other.y)
    }
}

impl Mul<f32> for Vec2 {
    type Output = Vec2;
    fn mul(self, factor: f32) -> Vec2 {
        vec2(self.x * factor, self.y * factor)
    }
}

/// Where a structure drawn in its own coordinates lies in the body.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// where the origin goes
    pub origin: Vec2,
    /// turn about that origin
    pub angle_rad: f32,
    /// `x` is mirrored before the turn: the fetus lies the other way round
    pub is_mirrored: bool,
}

impl Placement {
    /// A point of the drawing in the body.
    pub fn point(&self, p: Vec2) -> Vec2 {
        let p = if self.is_mirrored { vec2(-p.x, p.y) } else { p };
        p.rotated(self.angle_rad) + self.origin
    }

    /// An angle of the drawing in the body.
    pub fn angle(&self, angle_rad: f32) -> f32 {
        if self.is_mirrored { self.angle_rad - angle_rad } else { self.angle_rad + angle_rad }
    }
}

/// 0 below `low`, 1 above `high`, smooth between.
pub fn smoothstep(low: f32, high: f32, value: f32) -> f32 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrored_placement_keeps_points_and_angles_consistent() {
        let placement = Placement { origin: vec2(3.0, 50.0), angle_rad: 0.7, is_mirrored: true };
        let angle = 0.4_f32;
        let tip = placement.point(vec2(angle.cos(), angle.sin()));
        let direction = tip - placement.origin;
        // a mirrored axis points to the other side: the angle of the axis is the same modulo half a turn
        let expected = placement.angle(angle) + std::f32::consts::PI;
        let expected = vec2(expected.cos(), expected.sin());
        assert!((direction - expected).length() < 1e-5, "{direction:?} {expected:?}");
    }
}
