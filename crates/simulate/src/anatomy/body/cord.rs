//! The umbilical cord: a twisted rope of one vein and two arteries, in loops before the belly.

use crate::anatomy::shape::{Structure, vessel};
use crate::anatomy::tissue::{BLOOD, MEMBRANE, Material, SKIN};
use crate::geometry::{Frame, Vec3, vec3};
use crate::rng::{Stream, between};

/// Pieces of the cord.
const PIECES: usize = 22;
/// Turns of the vessels about each other, to a piece.
const TWIST: f32 = 0.9;
/// Jelly around the vessels.
const JELLY: Material = Material { echo_db: -16.0, loss_db_per_mm: 0.1, grain_db: 1.0 };

/// In the order of painting. The cord leaves the belly, wanders, and keeps off the trunk.
pub fn structures(trunk: &Frame, rng: &mut Stream) -> Vec<Structure> {
    let course = course(rng);
    let mut parts: Vec<Structure> = course
        .windows(2)
        .map(|pair| Structure::tube(trunk, pair[0], pair[1], (4.0, 4.0)).filled(JELLY).walled(SKIN, 0.6))
        .collect();
    for (strand, off, radius) in [(0.0, 1.2, 1.7), (2.4, 2.3, 0.85), (3.9, 2.3, 0.85)] {
        let strand: Vec<(Vec3, f32)> = course
            .iter()
            .enumerate()
            .map(|(i, &point)| {
                let (sin, cos) = (TWIST * i as f32 + strand).sin_cos();
                (point + vec3(off * cos, 0.4 * off * sin, off * sin), radius)
            })
            .collect();
        parts.extend(vessel(trunk, &strand, BLOOD, MEMBRANE, 0.5));
    }
    parts
}

fn course(rng: &mut Stream) -> Vec<Vec3> {
    let mut point = vec3(0.0, 22.5, -9.5);
    let mut way = vec3(between(rng, -0.5, 0.5), 1.0, between(rng, -0.6, 0.2));
    let mut course = vec![point];
    for _ in 0..PIECES {
        let turn = vec3(between(rng, -1.0, 1.0), between(rng, -1.0, 1.0), between(rng, -1.0, 1.0));
        way = (way + turn * 0.8).normalize();
        // keeps off the trunk and inside the womb
        let next = point + way * 6.0;
        let off = vec3(next.x, next.y, 0.0);
        if off.length() < 31.0 {
            way = (way + off.normalize_or(Vec3::Y) * 0.9).normalize();
        } else if off.length() > 46.0 {
            way = (way - off.normalize_or(Vec3::Y) * 0.9).normalize();
        }
        way.z -= 0.012 * (point.z - 5.0) * way.z.abs();
        point += way.normalize() * 6.0;
        course.push(point);
    }
    course
}
