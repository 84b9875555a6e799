//! The standard planes that this version can draw, one file each.

mod abdomen;
mod brain;
mod femur;
mod heart;
mod spine;
mod trunk;

use super::subject::Subject;
use super::world::Drawing;
use crate::rng::Stream;

pub use brain::skull;
pub use trunk::trunk;

struct Plane {
    name: &'static str,
    draw: fn(&Subject, &mut Stream) -> Drawing,
    /// how far the drawing is turned to either side, degrees
    turn_deg: (f32, f32),
}

const PLANES: [Plane; 5] = [
    Plane { name: "4CH", draw: heart::four_chambers, turn_deg: (0.0, 180.0) },
    Plane { name: "abdomen", draw: abdomen::abdomen, turn_deg: (0.0, 180.0) },
    Plane { name: "femur", draw: femur::femur, turn_deg: (0.0, 40.0) },
    Plane { name: "BrainTv", draw: brain::transventricular, turn_deg: (0.0, 40.0) },
    Plane { name: "SpineSag", draw: spine::sagittal, turn_deg: (0.0, 25.0) },
];

/// Names of the planes that can be drawn, as method.md writes them.
pub const PLANE_NAMES: [&str; PLANES.len()] = {
    let mut names = [""; PLANES.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = PLANES[i].name;
        i += 1;
    }
    names
};

/// Index of a built-in plane by its name.
pub fn plane_index(name: &str) -> Option<usize> {
    PLANE_NAMES.iter().position(|&known| known == name)
}

/// Draws a built-in plane.
pub fn draw(plane: usize, subject: &Subject, rng: &mut Stream) -> Drawing {
    (PLANES[plane].draw)(subject, rng)
}

/// How far a plane's drawing may be turned to either side, degrees.
pub fn turn_range_deg(plane: usize) -> (f32, f32) {
    PLANES[plane].turn_deg
}
