//! The four-chamber view: two ventricles, two atria, septum and crux, beating, inside the chest.
//!
//! Towards the head the chambers close and the great vessels come into the plane.

use super::trunk::trunk;
use crate::anatomy::structure::{Pulse, Structure};
use crate::anatomy::subject::Subject;
use crate::anatomy::tissue::{BLOOD, LUNG, MEMBRANE, MYOCARDIUM, Material};
use crate::anatomy::world::{Drawing, Landmark};
use crate::geometry::{Placement, vec2};
use crate::rng::{Stream, between};

/// Half length of the chambers along the travel, mm.
const CHAMBER_REACH_MM: f32 = 6.5;

/// The chest at the four-chamber level.
pub fn four_chambers(subject: &Subject, rng: &mut Stream) -> Drawing {
    // the chest is a little narrower than the abdomen
    let radius = 0.94 * subject.abdomen_mm / 2.0;
    let mut structures = trunk(radius, between(rng, 0.9, 1.0), LUNG, rng);
    // the heart lies in front of the middle, its axis turned about 45 degrees to the left
    let heart = Placement {
        origin: vec2(0.14 * radius, -0.1 * radius),
        angle_rad: between(rng, -55.0, -35.0).to_radians(),
        is_mirrored: false,
    };
    let size = radius / 20.5 * subject.organ_factors[2].clamp(0.92, 1.15);
    structures.extend(chambers(size, subject, rng).iter().map(|part| part.placed(&heart, 0.0)));
    structures.extend(great_vessels(size).map(|part| part.placed(&heart, 0.0)));
    Drawing {
        structures,
        landmarks: vec![
            Landmark { at: heart.point(vec2(-size, 0.0)), weight: 0.6 },
            Landmark { at: heart.point(vec2(5.5 * size, -3.4 * size)), weight: 0.15 },
            Landmark { at: heart.point(vec2(5.0 * size, 3.4 * size)), weight: 0.15 },
            Landmark { at: vec2(-radius + 9.8, 1.8), weight: 0.1 },
        ],
    }
}

/// Heart coordinates: apex at `+x`, left side at `-y`, crux near the origin.
fn chambers(size: f32, subject: &Subject, rng: &mut Stream) -> Vec<Structure> {
    let phase = between(rng, 0.0, 1.0);
    // the atria fill while the ventricles empty
    let beat = |amount, phase| Pulse { amount, rate_hz: subject.heart_rate_hz, phase };
    let (ventricle, atrium) = (beat(0.17, phase), beat(0.13, phase + 0.5));
    let chamber = |x: f32, y: f32, along: f32, across: f32, angle, pulse| {
        Structure::ellipse(x * size, y * size, along * size, across * size, angle)
            .filled(BLOOD)
            .walled(MEMBRANE, 0.5)
            .edge(0.5)
            .pulsing(pulse)
            .along_travel(0.0, CHAMBER_REACH_MM)
    };
    let line = |x0: f32, y0: f32, x1: f32, y1: f32, radius| {
        Structure::rod(vec2(x0 * size, y0 * size), vec2(x1 * size, y1 * size), radius)
            .along_travel(0.0, CHAMBER_REACH_MM)
    };
    vec![
        Structure::ellipse(0.8 * size, 0.0, 13.8 * size, 9.6 * size, 0.0)
            .filled(MYOCARDIUM)
            .walled(MEMBRANE, 0.7)
            .along_travel(0.0, 12.0),
        chamber(5.4, -4.1, 6.4, 3.0, 8.0, ventricle),
        chamber(4.8, 4.2, 5.9, 3.4, -9.0, ventricle),
        chamber(-6.0, -3.9, 4.0, 3.5, 0.0, atrium),
        chamber(-6.0, 4.1, 4.2, 3.7, 0.0, atrium),
        line(-1.5, 0.0, 13.0, 0.0, 0.9 * size).filled(SEPTUM),
        line(-9.5, 0.0, -4.5, 0.0, 0.6 * size).filled(SEPTUM),
        line(-1.6, -6.8, -1.0, 0.0, 0.55).filled(MEMBRANE).pulsing(beat(0.3, phase + 0.25)),
        line(-1.6, 6.8, -0.4, 0.0, 0.55).filled(MEMBRANE).pulsing(beat(0.3, phase + 0.25)),
        // the moderator band tells the right ventricle from the left
        Structure::ellipse(9.2 * size, 3.2 * size, 1.5, 1.0, 60.0).filled(SEPTUM).along_travel(0.0, 5.0),
    ]
}

const SEPTUM: Material = Material { echo_db: 4.0, ..MYOCARDIUM };

fn great_vessels(size: f32) -> impl Iterator<Item = Structure> {
    [(-1.0_f32, -3.6_f32, 2.6_f32), (1.5, 1.2, 2.2), (3.0, 5.0, 1.8)].into_iter().map(
        move |(x, y, radius)| {
            Structure::ellipse(x * size, y * size, radius * size, radius * size, 0.0)
                .filled(BLOOD)
                .walled(MEMBRANE, 0.6)
                .along_travel(-12.5, 5.5)
        },
    )
}
