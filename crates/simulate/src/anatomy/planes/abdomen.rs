//! Abdomen at the level of the abdominal circumference: stomach, umbilical vein, spine; kidneys one level down.

use super::trunk::trunk;
use crate::anatomy::structure::Structure;
use crate::anatomy::subject::Subject;
use crate::anatomy::tissue::{BLOOD, FLUID, LIVER, MEMBRANE, MUSCLE};
use crate::anatomy::world::{Drawing, Landmark};
use crate::geometry::vec2;
use crate::rng::{Stream, between};

/// The transverse abdomen of [`Subject::abdomen_mm`] across.
pub fn abdomen(subject: &Subject, rng: &mut Stream) -> Drawing {
    let radius = subject.abdomen_mm / 2.0;
    let [stomach, vein, ..] = subject.organ_factors;
    let mut structures = trunk(radius, between(rng, 0.9, 1.0), LIVER, rng);

    // a stomach is now fuller, now emptier
    let fullness = stomach * between(rng, 0.8, 1.15);
    let stomach_at = vec2(-0.12 * radius, -0.48 * radius);
    structures.push(
        Structure::ellipse(stomach_at.x, stomach_at.y, 6.6 * fullness, 4.4 * fullness, 25.0)
            .filled(FLUID)
            .walled(MEMBRANE, 0.5)
            .along_travel(1.0, 8.0),
    );
    let vein_start = vec2(0.72 * radius, 0.03 * radius);
    let vein_bend = vec2(0.30 * radius, 0.06 * radius);
    let vein_end = vec2(0.14 * radius, 0.24 * radius);
    for (from, to) in [(vein_start, vein_bend), (vein_bend, vein_end)] {
        let tube = Structure::rod(from, to, 2.1 * vein);
        structures.push(tube.filled(BLOOD).walled(MEMBRANE, 0.5).along_travel(0.0, 7.0));
    }
    // gall bladder or bowel loop, not always in the plane
    let aside = vec2(between(rng, 0.1, 0.4) * radius, between(rng, 0.4, 0.6) * radius);
    structures
        .push(Structure::ellipse(aside.x, aside.y, 3.0, 1.4, 40.0).filled(BLOOD).along_travel(4.0, 4.5));
    structures.extend(kidneys(radius));
    Drawing {
        structures,
        landmarks: vec![
            Landmark { at: stomach_at, weight: 0.6 },
            Landmark { at: vein_bend, weight: 0.25 },
            Landmark { at: vec2(-radius + 4.0, 0.0), weight: 0.15 },
        ],
    }
}

/// One level further down: passed on the way, never this plane.
fn kidneys(radius: f32) -> impl Iterator<Item = Structure> {
    [-1.0, 1.0].into_iter().flat_map(move |side| {
        let (x, y) = (-0.45 * radius, side * 0.42 * radius);
        let kidney = Structure::ellipse(x, y, 6.0, 4.2, 0.0).filled(MUSCLE).walled(MEMBRANE, 0.6);
        let pelvis = Structure::ellipse(x + 0.5, y, 2.0, 1.2, 0.0).filled(FLUID);
        [kidney.along_travel(13.0, 6.0), pelvis.along_travel(13.0, 5.0)]
    })
}
