//! The trunk in cross-section, common to chest and abdomen: skin, muscle, ribs, spine, great vessels beside it.
//!
//! The spine lies at `-x`, the front wall at `+x`.

use crate::anatomy::structure::Structure;
use crate::anatomy::tissue::{BLOOD, BONE, MEMBRANE, MUSCLE, Material, SKIN};
use crate::geometry::vec2;
use crate::rng::{Stream, between};

/// Half length of a piece of trunk along the travel, mm.
const REACH_MM: f32 = 20.0;

/// Trunk of the given radius, filled with `organ`; `roundness` is the ratio of the axes.
pub fn trunk(radius_mm: f32, roundness: f32, organ: Material, rng: &mut Stream) -> Vec<Structure> {
    let tube = |structure: Structure| structure.along_travel(0.0, REACH_MM).tubular();
    let (along, across) = (radius_mm, radius_mm * roundness);
    let mut parts = vec![
        tube(Structure::ellipse(0.0, 0.0, along + 2.6, across + 2.6, 0.0).filled(MUSCLE).walled(SKIN, 0.9)),
        tube(Structure::ellipse(0.0, 0.0, along, across, 0.0).filled(organ).edge(0.9)),
    ];
    parts.extend(ribs(along + 0.8, across + 0.8, rng).into_iter().map(tube));
    parts.extend(spine(-along + 3.6).into_iter().map(tube));
    let vessel = |x, y| Structure::ellipse(x, y, 1.6, 1.5, 0.0).filled(BLOOD).walled(MEMBRANE, 0.5);
    parts.push(tube(vessel(-along + 9.8, 1.8)));
    parts
}

/// A few short bright arcs on either side; where they lie depends on how the plane crosses them.
fn ribs(along: f32, across: f32, rng: &mut Stream) -> Vec<Structure> {
    let mut parts = Vec::new();
    for side in [-1.0_f32, 1.0] {
        let mut angle = between(rng, 30.0, 60.0);
        while angle < 140.0 {
            let length = between(rng, 8.0, 22.0);
            let point = |deg: f32| {
                let (sin, cos) = (side * deg).to_radians().sin_cos();
                vec2(-along * cos, across * sin)
            };
            parts.push(Structure::rod(point(angle), point(angle + length), 0.55).filled(RIB));
            angle += length + between(rng, 14.0, 40.0);
        }
    }
    parts
}

/// Ribs of this age are thin and let much through.
const RIB: Material = Material { echo_db: 15.0, loss_db_per_mm: 2.0, grain_db: 1.0 };

/// Three ossification centres: the body and both halves of the arch.
fn spine(x: f32) -> Vec<Structure> {
    let centre = |x, y| Structure::ellipse(x, y, 1.5, 1.1, 0.0).filled(BONE).edge(0.5);
    vec![
        Structure::ellipse(x - 1.6, 0.0, 3.0, 3.4, 0.0).filled(MUSCLE),
        centre(x + 1.4, 0.0),
        centre(x - 2.4, 2.6),
        centre(x - 2.4, -2.6),
    ]
}
