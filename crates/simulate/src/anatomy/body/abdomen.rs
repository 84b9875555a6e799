//! Abdomen: liver with umbilical vein, stomach, gall bladder, kidneys and adrenals, bladder, bowel.

use crate::anatomy::shape::{Structure, vessel};
use crate::anatomy::subject::Subject;
use crate::anatomy::tissue::{BLOOD, BOWEL, CAPSULE, FLUID, KIDNEY, LIVER, MEMBRANE, Material};
use crate::geometry::{Frame, vec3};
use crate::rng::{Stream, between};

/// Height of the kidneys' hili under the level of the abdominal circumference, drawn mm.
pub const KIDNEY_LEVEL: f32 = -12.0;

/// Loops of bowel, darker and brighter in turn.
const BOWEL_LOOPS: usize = 16;

/// In the order of painting; fullness of stomach, bladder and bowel is the recording's.
pub fn structures(trunk: &Frame, subject: &Subject, rng: &mut Stream) -> Vec<Structure> {
    let ellipsoid = |centre, half| Structure::ellipsoid(trunk, centre, half);
    let [stomach, vein, kidney, gall, ..] = subject.organ_factors;
    let mut parts = vec![
        // the right lobe fills most of the upper abdomen, the left one reaches across
        ellipsoid(vec3(-5.0, 1.5, 4.5), vec3(15.6, 17.4, 12.0)).filled(LIVER).walled(CAPSULE, 0.5),
        ellipsoid(vec3(8.5, 8.5, 6.5), vec3(11.5, 9.8, 7.5)).filled(LIVER).edge(0.9),
    ];
    parts.extend(bowel(trunk, rng));
    parts.extend(kidneys(trunk, kidney));
    parts.extend(super::trunk::great_vessels(trunk));
    let fullness = stomach * between(rng, 0.85, 1.15);
    parts.extend([
        ellipsoid(vec3(10.8, -2.6, 2.0), vec3(4.6, 6.6, 5.6) * fullness).filled(FLUID).walled(MEMBRANE, 0.5),
        ellipsoid(vec3(7.0, 2.4, -1.0), vec3(3.0, 3.2, 3.0) * fullness).filled(FLUID).edge(0.7),
        ellipsoid(vec3(-8.4, 9.0, -3.0), vec3(1.7, 5.4, 2.0) * gall).filled(FLUID).walled(MEMBRANE, 0.4),
        ellipsoid(vec3(0.0, 9.5, -33.0), vec3(3.6, 3.6, 4.6) * between(rng, 0.6, 1.25))
            .filled(FLUID)
            .walled(MEMBRANE, 0.6),
    ]);
    parts.extend(umbilical_vein(trunk, vein));
    parts
}

/// From the cord's insertion up into the liver, bending right into the portal sinus: the J of the abdominal plane.
fn umbilical_vein(trunk: &Frame, factor: f32) -> Vec<Structure> {
    let course = [
        (vec3(0.0, 22.5, -9.0), 1.5 * factor),
        (vec3(0.0, 16.0, -4.0), 1.7 * factor),
        (vec3(0.0, 9.5, 0.6), 1.9 * factor),
        (vec3(-1.2, 4.4, 2.4), 1.9 * factor),
        (vec3(-5.8, 1.6, 2.8), 1.6 * factor),
        (vec3(-9.5, 2.6, 3.2), 1.0 * factor),
    ];
    let mut parts = vessel(trunk, &course, BLOOD, MEMBRANE, 0.6);
    // ductus venosus on to the inferior vena cava
    parts.extend(vessel(trunk, &[course[3], (vec3(-3.4, -3.0, 11.0), 0.7)], BLOOD, MEMBRANE, 0.4));
    parts
}

/// Dark cortex in a bright capsule, the pelvis a little wide; on both sides of the spine.
fn kidneys(trunk: &Frame, factor: f32) -> Vec<Structure> {
    [-1.0_f32, 1.0]
        .into_iter()
        .flat_map(|side| {
            let ellipsoid = |centre, half| Structure::ellipsoid(trunk, centre, half);
            // the right one lies lower
            let level = KIDNEY_LEVEL + 0.8 * side;
            [
                ellipsoid(vec3(side * 9.8, -9.0, level), vec3(5.9, 5.4, 9.8) * factor)
                    .filled(KIDNEY)
                    .walled(CAPSULE, 0.9),
                ellipsoid(vec3(side * 8.9, -8.2, level), vec3(1.9, 1.6, 4.4) * factor)
                    .filled(SINUS)
                    .edge(0.7),
                ellipsoid(vec3(side * 8.2, -7.8, level), vec3(1.6, 1.2, 2.6) * factor)
                    .filled(FLUID)
                    .edge(0.4),
                ellipsoid(vec3(side * 7.6, -9.6, level + 10.4), vec3(3.0, 1.0, 2.8)).filled(KIDNEY).edge(0.5),
            ]
        })
        .collect()
}

/// Fat of the renal sinus.
const SINUS: Material = Material { echo_db: 0.0, ..KIDNEY };

fn bowel(trunk: &Frame, rng: &mut Stream) -> Vec<Structure> {
    (0..BOWEL_LOOPS)
        .map(|i| {
            let centre = vec3(between(rng, -13.0, 13.0), between(rng, -4.0, 14.0), between(rng, -30.0, -8.0));
            let half = vec3(between(rng, 2.0, 5.5), between(rng, 1.5, 3.5), between(rng, 1.5, 3.5));
            let echo_db = if i % 3 == 0 { -10.0 } else { between(rng, 0.0, 6.0) };
            Structure::ellipsoid(trunk, centre, half).filled(Material { echo_db, ..BOWEL }).edge(0.9)
        })
        .collect()
}
