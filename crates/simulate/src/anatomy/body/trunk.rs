//! Trunk: skin and muscle, the cavities of chest and abdomen with lungs, thymus and diaphragm, and the ribs.

use std::f32::consts::PI;

use crate::anatomy::shape::{Structure, vessel};
use crate::anatomy::subject::Subject;
use crate::anatomy::tissue::{BLOOD, BOWEL, CAPSULE, FLUID, LUNG, MEMBRANE, MUSCLE, RIB, SKIN, THYMUS};
use crate::geometry::{Frame, Vec3, vec3};

/// Pairs of ribs.
const RIBS: usize = 12;
/// Straight pieces to a rib.
const RIB_PIECES: usize = 7;

/// In the order of painting.
pub fn structures(trunk: &Frame, subject: &Subject) -> Vec<Structure> {
    let ellipsoid = |centre, half| Structure::ellipsoid(trunk, centre, half);
    let chest = 1.0 + 0.25 * (subject.organ_factors[7] - 1.0);
    let mut parts = vec![
        Structure::barrel(trunk, vec3(0.0, 0.0, -3.0), vec3(24.6, 23.2, 49.0))
            .filled(MUSCLE)
            .walled(SKIN, 0.9),
        // buttocks and shoulders
        ellipsoid(vec3(0.0, -4.0, -38.0), vec3(22.0, 17.0, 15.0)).filled(MUSCLE),
        Structure::barrel(trunk, vec3(0.0, 0.4, -8.0), vec3(21.2, 19.8, 36.0)).filled(BOWEL).edge(0.9),
        ellipsoid(vec3(0.0, 0.8, 25.0), vec3(19.6, 18.2, 21.0) * chest).filled(LUNG).walled(CAPSULE, 0.5),
        ellipsoid(vec3(0.0, 11.0, 34.0), vec3(9.0, 6.5, 9.0)).filled(THYMUS).edge(0.8),
    ];
    parts.extend(ribs(trunk, chest));
    parts.extend(airways(trunk));
    // the oesophagus is a bright line behind the windpipe
    parts.push(
        Structure::tube(trunk, vec3(0.4, -7.0, 46.0), vec3(1.0, -8.0, 14.0), (0.6, 0.6))
            .filled(CAPSULE)
            .edge(0.4),
    );
    parts
}

/// Each rib runs from the spine around the side and down to the front, as one sees it cut or, where the plane follows it,
/// at length.
fn ribs(trunk: &Frame, chest: f32) -> Vec<Structure> {
    let mut parts = Vec::new();
    for rib in 0..RIBS {
        let level = 43.0 - 3.7 * rib as f32;
        // floating ribs end early
        let reach = if rib < 8 { 0.78 } else { 0.66 - 0.07 * (rib - 8) as f32 };
        let narrow = (1.0 - ((level - 8.0) / 46.0).powi(4)).max(0.2).sqrt();
        for side in [-1.0_f32, 1.0] {
            let point = |piece: usize| {
                let part = piece as f32 / RIB_PIECES as f32;
                let angle = PI * (0.12 + (reach - 0.12) * part);
                vec3(
                    side * 20.9 * chest * narrow * angle.sin(),
                    -19.4 * chest * narrow * angle.cos() + 0.6,
                    level - 9.0 * part * part,
                )
            };
            parts.extend((0..RIB_PIECES).map(|piece| {
                Structure::tube(trunk, point(piece), point(piece + 1), (0.7, 0.7)).filled(RIB).edge(0.4)
            }));
        }
    }
    parts
}

/// Windpipe and main bronchi, filled with fluid before birth.
fn airways(trunk: &Frame) -> Vec<Structure> {
    let course = |points: &[Vec3], radius| {
        let points: Vec<(Vec3, f32)> = points.iter().map(|&point| (point, radius)).collect();
        vessel(trunk, &points, FLUID, MEMBRANE, 0.7)
    };
    let fork = vec3(-0.6, -4.2, 29.0);
    let mut parts = course(&[vec3(-0.4, 0.0, 52.0), vec3(-0.6, -3.2, 38.0), fork], 1.1);
    parts.extend(course(&[fork, vec3(5.0, -5.0, 24.5)], 0.7));
    parts.extend(course(&[fork, vec3(-6.0, -5.0, 24.0)], 0.7));
    parts
}

/// The great vessels of the trunk below the heart: aorta on the left of the spine, inferior vena cava on its right.
pub fn great_vessels(trunk: &Frame) -> Vec<Structure> {
    let fork = vec3(1.2, -10.8, -22.0);
    let mut parts = vessel(
        trunk,
        &[
            (vec3(4.0, -10.4, 29.0), 1.8),
            (vec3(3.6, -11.4, 15.0), 1.6),
            (vec3(2.2, -11.4, 0.0), 1.5),
            (fork, 1.3),
        ],
        BLOOD,
        MEMBRANE,
        0.5,
    );
    for side in [-1.0, 1.0] {
        parts.extend(vessel(
            trunk,
            &[
                (fork, 1.0),
                (vec3(side * 6.0, -4.0, -34.0), 0.9),
                (vec3(side * 4.2, 6.0, -33.0), 0.8),
                (vec3(0.0, 20.0, -10.0), 0.7),
            ],
            BLOOD,
            MEMBRANE,
            0.4,
        ));
    }
    parts.extend(vessel(
        trunk,
        &[
            (vec3(-2.6, -10.0, -22.0), 1.2),
            (vec3(-3.4, -9.6, 0.0), 1.4),
            (vec3(-4.0, -4.0, 13.0), 1.7),
            (vec3(-3.8, 0.0, 18.0), 1.9),
        ],
        BLOOD,
        MEMBRANE,
        0.5,
    ));
    parts
}
