//! The head: skull, midline, ventricles with plexus, cavum, thalami, cerebellum and cisterna magna.
//!
//! Drawn for a half width of 24.5 mm; x to the forehead, y to the left, z to the vertex.

use crate::anatomy::shape::{Structure, chain};
use crate::anatomy::subject::{SKULL_MM, Subject};
use crate::anatomy::tissue::{
    BRAIN, CAPSULE, DARK_BRAIN, FALX, FLUID, MEMBRANE, MUSCLE, Material, PLEXUS, SKIN, SKULL,
};
use crate::geometry::{Frame, Vec3, vec3};
use crate::rng::{Stream, between};

/// Half height of the skull, drawn mm.
const HALF_HEIGHT: f32 = 25.0;

/// The neck's soft tissue.
pub fn neck(trunk: &Frame, head: &Frame) -> [Structure; 2] {
    let body = Frame::body(1.0);
    let (low, high) = (trunk.point(vec3(0.0, -3.0, 40.0)), head.point(vec3(-5.0, 0.0, -16.0)));
    let (wide, narrow) = (14.0 * trunk.scale, 10.5 * trunk.scale);
    let tube = |from, to, radii| Structure::tube(&body, from, to, radii).filled(MUSCLE).walled(SKIN, 0.7);
    // nape and throat
    [tube(low, high, (wide, narrow)), tube(low, head.point(vec3(6.0, 0.0, -22.0)), (wide, 0.8 * narrow))]
}

/// In the order of painting: what is painted later lies inside what is painted before.
pub fn structures(head: &Frame, subject: &Subject, rng: &mut Stream) -> Vec<Structure> {
    // the front is as much longer than the side as this subject's head is
    let long = subject.head_half_length_mm() / head.scale;
    let [_, _, _, _, ventricle, plexus, cavum, cerebellum] = subject.organ_factors;
    let ellipsoid = |centre, half| Structure::ellipsoid(head, centre, half);
    let mut parts = vec![
        ellipsoid(Vec3::ZERO, vec3(long + 2.2, 26.7, HALF_HEIGHT + 2.2)).filled(SCALP).walled(SKIN, 0.5),
        ellipsoid(Vec3::ZERO, vec3(long - 0.8, 23.7, HALF_HEIGHT - 0.8))
            .filled(BRAIN)
            .walled(SKULL, SKULL_MM),
    ];
    parts.extend(base(head, long));
    // the falx: a sheet in the midline from front to back, above the stem
    parts.push(ellipsoid(vec3(0.0, 0.0, 7.0), vec3(0.93 * long, 0.42, 15.5)).filled(FALX).edge(0.35));
    parts.extend(stem(head));
    for side in [-1.0_f32, 1.0] {
        parts.extend(hemisphere(head, side, long, ventricle, plexus, rng));
    }
    parts.extend(hindbrain(head, long, cerebellum));
    // the cavum interrupts the midline in front; its walls are two bright lines along it
    let box_of = |half: Vec3| ellipsoid(vec3(0.40 * long, 0.0, 2.5), half);
    parts.push(box_of(vec3(5.0 * cavum, 2.4 * cavum, 4.2)).filled(FLUID).walled(MEMBRANE, 0.8).edge(0.4));
    parts
}

const SCALP: Material = Material { echo_db: -3.0, ..MUSCLE };

/// Skull base: wings of the sphenoid and petrous ridges, bright and oblique, met in planes that are tilted too far.
fn base(head: &Frame, long: f32) -> Vec<Structure> {
    let mut parts = Vec::new();
    for side in [-1.0_f32, 1.0] {
        parts.extend(chain(
            head,
            &[vec3(0.05 * long, side * 2.0, -15.0), vec3(-0.22 * long, side * 15.0, -15.5)],
            1.1,
            SKULL,
        ));
        parts.extend(chain(
            head,
            &[vec3(0.12 * long, side * 2.0, -13.5), vec3(0.38 * long, side * 16.0, -11.5)],
            0.9,
            SKULL,
        ));
    }
    parts
}

/// Thalami either side of the third ventricle, peduncles below.
fn stem(head: &Frame) -> Vec<Structure> {
    let ellipsoid = |centre, half| Structure::ellipsoid(head, centre, half);
    let mut parts = vec![];
    for side in [-1.0_f32, 1.0] {
        parts.push(
            ellipsoid(vec3(0.5, side * 5.3, -3.5), vec3(7.6, 5.0, 6.0))
                .filled(DARK_BRAIN)
                .walled(CAPSULE, 0.6),
        );
        parts.push(
            ellipsoid(vec3(-4.5, side * 3.4, -11.0), vec3(4.4, 3.6, 4.0))
                .filled(DARK_BRAIN)
                .walled(CAPSULE, 0.5),
        );
    }
    parts.push(
        ellipsoid(vec3(0.5, 0.0, -3.5), vec3(6.0, 0.6, 5.0)).filled(FLUID).walled(CAPSULE, 0.5).edge(0.35),
    );
    parts
}

/// Ventricle from front horn to back horn with the plexus in its atrium, Sylvian fissure, sulci.
fn hemisphere(
    head: &Frame,
    side: f32,
    long: f32,
    ventricle: f32,
    plexus: f32,
    rng: &mut Stream,
) -> Vec<Structure> {
    let at = |x: f32, y: f32, z: f32| vec3(x * long, side * y, z);
    let course = [
        (at(0.50, 5.2, 5.5), 1.2),
        (at(0.18, 4.2, 8.5), 1.3),
        (at(-0.18, 7.4, 8.5), 2.4 * ventricle),
        (at(-0.42, 10.8, 4.6), 3.4 * ventricle),
        (at(-0.62, 10.4, 2.6), 2.0 * ventricle),
    ];
    let mut parts = crate::anatomy::shape::vessel(head, &course, FLUID, MEMBRANE, 0.8);
    for (from, to, radius) in
        [(at(-0.12, 6.8, 8.6), at(-0.30, 9.2, 6.4), 1.7), (at(-0.30, 9.2, 6.4), at(-0.46, 10.6, 4.2), 2.5)]
    {
        let radii = (radius * plexus.min(1.08), radius * plexus.min(1.08));
        parts.push(Structure::tube(head, from, to, radii).filled(PLEXUS).edge(0.7));
    }
    // the insula behind the Sylvian fissure
    let fissure = [at(0.28, 16.4, 3.0), at(0.10, 14.6, 1.0), at(-0.14, 16.8, 0.0)];
    parts.extend(chain(head, &fissure, 0.5, FALX));
    for _ in 0..5 {
        let (x, z) = (between(rng, -0.8, 0.7), between(rng, -4.0, 18.0));
        let rim = 24.5 * (1.0 - x * x - (z / HALF_HEIGHT).powi(2)).max(0.05).sqrt();
        let depth = between(rng, 2.0, 4.0);
        let course = [at(x, rim - 1.0, z), at(0.95 * x, rim - 1.0 - depth, z + between(rng, -2.0, 2.0))];
        parts.extend(chain(head, &course, 0.4, FALX));
    }
    parts
}

/// Cerebellum: two round lobes joined by the vermis, and the cisterna magna between it and the occiput.
fn hindbrain(head: &Frame, long: f32, factor: f32) -> Vec<Structure> {
    let ellipsoid = |centre, half| Structure::ellipsoid(head, centre, half);
    let x = -0.53 * long;
    let mut parts = vec![ellipsoid(vec3(x - 4.4, 0.0, -11.5), vec3(3.6, 8.0, 5.0)).filled(FLUID).edge(0.8)];
    for side in [-1.0_f32, 1.0] {
        parts.push(
            ellipsoid(vec3(x, side * 5.4 * factor, -10.6), vec3(4.3, 5.3, 5.4) * factor)
                .filled(DARK_BRAIN)
                .walled(MEMBRANE, 1.0),
        );
    }
    parts.push(ellipsoid(vec3(x + 0.4, 0.0, -10.0), vec3(3.4, 1.9, 4.4)).filled(VERMIS).edge(0.6));
    // the tent over it, and the septa in the cistern
    for side in [-1.0_f32, 1.0] {
        parts.extend(chain(
            head,
            &[vec3(x + 5.6, side * 4.0, -6.0), vec3(x + 1.0, side * 12.5, -6.8)],
            0.5,
            FALX,
        ));
    }
    parts
}

const VERMIS: Material = Material { echo_db: 2.0, ..BRAIN };
