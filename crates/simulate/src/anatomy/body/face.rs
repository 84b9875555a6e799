//! The face: orbits, nose, lips, jaws, chin. In the head's system, drawn mm.

use crate::anatomy::shape::{Structure, chain};
use crate::anatomy::tissue::{BONE, CAPSULE, FACE, FLUID, MEMBRANE, MUSCLE, Material, SKIN};
use crate::geometry::{Frame, vec3};
use crate::rng::{Stream, between};

/// Tip of the nose.
pub const NOSE: (f32, f32) = (37.0, -14.6);
/// Where the lips meet.
pub const MOUTH: (f32, f32) = (33.8, -22.0);
/// Foremost point of the chin.
pub const CHIN: (f32, f32) = (30.6, -30.4);

/// The soft tissue that the skull is set into: to be painted before it.
pub fn underlay(head: &Frame) -> Structure {
    Structure::ellipsoid(head, vec3(15.0, 0.0, -15.0), vec3(16.6, 18.5, 17.5)).filled(FACE).walled(SKIN, 0.7)
}

/// In the order of painting, after the skull; the mouth of the recording is more or less open.
pub fn structures(head: &Frame, rng: &mut Stream) -> Vec<Structure> {
    let ellipsoid = |x: f32, y: f32, z: f32, half| Structure::ellipsoid(head, vec3(x, y, z), half);
    let skin = |part: Structure| part.filled(FACE).walled(SKIN, 0.7);
    // under the front of the brain there is no smooth vault but the bones and muscles of the face
    let mut parts = vec![ellipsoid(14.5, 0.0, -20.5, vec3(14.6, 15.5, 11.5)).filled(MUSCLE).edge(0.8)];
    for side in [-1.0_f32, 1.0] {
        parts.push(skin(ellipsoid(22.0, side * 11.0, -18.5, vec3(7.0, 6.5, 8.0))));
        // orbit in its bony rim, lens in front
        parts.push(ellipsoid(22.0, side * 9.2, -9.5, vec3(6.0, 5.6, 5.6)).filled(GLOBE).walled(RIM, 1.0));
        parts
            .push(ellipsoid(25.6, side * 9.2, -9.5, vec3(1.1, 1.5, 1.5)).filled(FLUID).walled(MEMBRANE, 0.6));
        // ears
        parts.push(skin(ellipsoid(-2.0, side * 26.0, -12.0, vec3(4.0, 1.6, 7.0))));
        parts.extend(chain(
            head,
            &[
                vec3(9.0, side * 12.5, -24.0),
                vec3(21.0, side * 8.5, -28.0),
                vec3(26.6, side * 3.2, -29.6),
                vec3(27.4, 0.0, -29.6),
            ],
            0.9,
            BONE,
        ));
        parts.extend(chain(
            head,
            &[vec3(13.0, side * 9.5, -18.0), vec3(26.0, side * 5.2, -18.8), vec3(29.0, 0.0, -18.8)],
            0.9,
            BONE,
        ));
    }
    parts.push(skin(ellipsoid(CHIN.0 - 6.0, 0.0, CHIN.1 + 0.6, vec3(6.4, 7.4, 4.6))));
    parts.extend(chain(head, &[vec3(27.4, -3.0, -29.6), vec3(27.4, 3.0, -29.6)], 1.0, BONE));
    parts.push(ellipsoid(20.0, 0.0, -24.2, vec3(8.0, 5.0, 3.2)).filled(TONGUE).edge(0.7));
    parts.extend(nose(head));
    parts.extend(lips(head, between(rng, 0.25, 1.1)));
    parts
}

const GLOBE: Material = Material { echo_db: -34.0, ..FLUID };
const RIM: Material = Material { echo_db: 14.0, loss_db_per_mm: 1.0, ..BONE };
const TONGUE: Material = Material { echo_db: -8.0, ..MUSCLE };

fn nose(head: &Frame) -> Vec<Structure> {
    let ellipsoid = |x: f32, y: f32, z: f32, half| Structure::ellipsoid(head, vec3(x, y, z), half);
    let mut parts = vec![
        ellipsoid(NOSE.0 - 5.4, 0.0, NOSE.1 + 1.8, vec3(5.0, 3.6, 4.8)).filled(FACE).walled(SKIN, 0.7),
        ellipsoid(NOSE.0 - 2.8, 0.0, NOSE.1, vec3(2.9, 3.0, 2.5)).filled(FACE).walled(SKIN, 0.7),
    ];
    for side in [-1.0_f32, 1.0] {
        let wing = ellipsoid(NOSE.0 - 5.4, side * 3.2, NOSE.1 - 0.6, vec3(4.0, 2.4, 2.6));
        parts.push(wing.filled(FACE).walled(SKIN, 0.6));
        let nostril = ellipsoid(NOSE.0 - 6.0, side * 2.2, NOSE.1 - 1.5, vec3(4.4, 1.1, 1.3));
        parts.push(nostril.filled(FLUID).edge(0.4));
    }
    // nasal bone: the bright stroke under the skin of the bridge
    parts.extend(chain(head, &[vec3(29.4, 0.0, -6.4), vec3(33.8, 0.0, -11.6)], 0.75, BONE));
    parts
}

fn lips(head: &Frame, open: f32) -> Vec<Structure> {
    let ellipsoid = |x: f32, y: f32, z: f32, half| Structure::ellipsoid(head, vec3(x, y, z), half);
    let mut parts = Vec::new();
    for side in [-1.0_f32, 1.0] {
        // both halves of the upper lip meet under the nose
        let half = ellipsoid(MOUTH.0 - 4.6, side * 2.6, MOUTH.1 + 2.0, vec3(5.4, 4.6, 2.1));
        parts.push(half.filled(LIP).walled(SKIN, 0.6));
    }
    parts.push(
        ellipsoid(MOUTH.0 - 4.8, 0.0, MOUTH.1 - 2.1, vec3(5.2, 6.0, 2.0)).filled(LIP).walled(SKIN, 0.6),
    );
    parts.push(
        ellipsoid(MOUTH.0 - 5.0, 0.0, MOUTH.1, vec3(6.4, 5.4, 0.5 + 0.5 * open)).filled(FLUID).edge(0.4),
    );
    // philtrum
    parts.push(ellipsoid(MOUTH.0 - 0.6, 0.0, MOUTH.1 + 3.6, vec3(0.9, 0.8, 1.6)).filled(CAPSULE).edge(0.5));
    parts
}

const LIP: Material = Material { echo_db: -1.0, ..FACE };
