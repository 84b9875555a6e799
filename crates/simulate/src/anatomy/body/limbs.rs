//! Arms and legs, each joint bent as it comes.

use crate::anatomy::shape::{Structure, chain};
use crate::anatomy::tissue::{BONE, MUSCLE, RIB, SKIN};
use crate::geometry::{Frame, Vec3, vec3};
use crate::rng::{Stream, between};

/// Lengths relative to a femur of 33 mm at 20 weeks.
const TIBIA: f32 = 29.0;
const HUMERUS: f32 = 31.0;
const FOREARM: f32 = 27.0;
const FEMUR: f32 = 33.0;

/// The four limbs of a fetus.
pub struct Limbs {
    /// x along the bone, origin in its middle
    pub femurs: [Frame; 2],
    parts: Vec<Structure>,
}

impl Limbs {
    /// Draws the pose; `scale` is that of the femur.
    pub fn draw(trunk: &Frame, scale: f32, rng: &mut Stream) -> Self {
        let mut parts = Vec::new();
        let femurs = [-1.0_f32, 1.0].map(|side| {
            arm(trunk, scale, side, rng, &mut parts);
            leg(trunk, scale, side, rng, &mut parts)
        });
        Self { femurs, parts }
    }

    /// In the order of painting.
    pub fn structures(&self) -> &[Structure] {
        &self.parts
    }
}

/// Hip flexed, knee bent, foot.
fn leg(trunk: &Frame, scale: f32, side: f32, rng: &mut Stream, parts: &mut Vec<Structure>) -> Frame {
    let body = Frame::body(scale);
    let to = |p: Vec3| p / scale;
    let hip = to(trunk.point(vec3(side * 9.5, 5.0, -36.0)));
    let thigh =
        vec3(side * between(rng, 0.15, 0.9), between(rng, 0.5, 1.0), between(rng, -0.35, 0.45)).normalize();
    let start = hip + thigh * 4.0;
    let end = start + thigh * FEMUR;
    let shin =
        vec3(-side * between(rng, -0.2, 0.7), between(rng, -0.5, 0.5), -between(rng, 0.5, 1.0)).normalize();
    let (knee, ankle) = (end + thigh * 2.0, end + thigh * 2.0 + shin * (TIBIA + 4.0));
    // a femur bows to the outside
    let outward = thigh.cross(shin).normalize_or(Vec3::X);
    let middle = (start + end) * 0.5 + outward.cross(thigh) * 1.1;

    let flesh = |from, to, radii| Structure::tube(&body, from, to, radii).filled(MUSCLE).walled(SKIN, 0.8);
    parts.push(flesh(hip - thigh * 3.0, knee, (10.0, 6.6)));
    parts.push(flesh(knee, ankle, (6.2, 3.8)));
    let foot = vec3(0.2 * side, 0.95, -0.2).normalize();
    parts.push(flesh(ankle - foot * 3.0, ankle + foot * 12.0, (3.6, 2.8)));
    parts.extend(chain(&body, &[start, middle, end], 1.1, BONE));
    // flared ends
    for tip in [start, end] {
        parts.push(Structure::ellipsoid(&body, tip, Vec3::splat(1.75)).filled(BONE).edge(0.4));
    }
    let apart = shin.cross(thigh).normalize_or(Vec3::X) * 1.9;
    for (off, radius) in [(apart, 0.95), (-apart, 0.65)] {
        parts.extend(chain(&body, &[knee + shin * 2.0 + off, ankle - shin * 2.0 + off], radius, BONE));
    }
    for toe in 0..4 {
        let along = ankle + foot * (3.0 + 2.2 * toe as f32);
        parts.push(Structure::ellipsoid(&body, along, Vec3::splat(0.7)).filled(RIB).edge(0.4));
    }
    Frame { scale: 1.0, ..Frame::along((start + end) * (0.5 * scale), thigh, trunk.axes[1], 1.0) }
}

/// Shoulder, elbow, hand near the face or in front of the chest.
fn arm(trunk: &Frame, scale: f32, side: f32, rng: &mut Stream, parts: &mut Vec<Structure>) {
    let body = Frame::body(scale);
    let shoulder = trunk.point(vec3(side * 19.0, -1.0, 37.0)) / scale;
    let upper =
        vec3(side * between(rng, 0.2, 0.9), between(rng, 0.1, 0.9), -between(rng, 0.2, 1.0)).normalize();
    let elbow = shoulder + upper * (HUMERUS + 3.0);
    let lower =
        vec3(-side * between(rng, -0.7, 0.7), between(rng, 0.4, 0.9), between(rng, -0.6, 0.7)).normalize();
    let wrist = elbow + lower * (FOREARM + 3.0);
    let flesh = |from, to, radii| Structure::tube(&body, from, to, radii).filled(MUSCLE).walled(SKIN, 0.8);
    parts.push(flesh(shoulder - upper * 2.0, elbow, (7.0, 4.8)));
    parts.push(flesh(elbow, wrist, (4.8, 3.2)));
    parts.push(flesh(wrist, wrist + lower * 8.0, (3.2, 3.4)));
    parts.extend(chain(&body, &[shoulder + upper * 2.0, elbow - upper * 1.5], 1.0, BONE));
    let apart = upper.cross(lower).normalize_or(Vec3::X) * 1.7;
    for off in [apart, -apart] {
        parts.extend(chain(&body, &[elbow + lower * 1.5 + off, wrist - lower * 1.5 + off], 0.75, BONE));
    }
    for finger in -2..=2 {
        let from = wrist + lower * 4.0 + apart * (0.65 * finger as f32);
        let curl = (lower - upper * 0.4).normalize();
        parts.push(
            Structure::tube(&body, from + curl * 4.0, from + curl * 11.0, (1.1, 0.9))
                .filled(MUSCLE)
                .walled(SKIN, 0.5),
        );
        parts.extend(chain(&body, &[from, from + curl * 3.0, from + curl * 8.0], 0.45, RIB));
    }
}
