//! The heart and the vessels at its base: four chambers that beat, both outflow tracts, the arches, the upper vena
//! cava.
//!
//! Own system, drawn mm: x to the apex (left and front, about 45 degrees), y to the right ventricle, z to the head;
//! z = 0 is the four-chamber plane. The great vessels are given in the trunk's system.

use crate::anatomy::shape::{Pulse, Structure, vessel};
use crate::anatomy::subject::Subject;
use crate::anatomy::tissue::{BLOOD, MEMBRANE, MYOCARDIUM, SEPTUM};
use crate::geometry::{Frame, Vec3, vec3};
use crate::rng::{Stream, between};

/// Where the crux lies in the trunk, drawn mm.
const CRUX: Vec3 = vec3(1.6, 3.2, 19.0);

/// Root of the aorta in the heart's system: where blood leaves the left ventricle.
pub const AORTIC_ROOT: Vec3 = vec3(-1.0, -0.6, 3.6);
/// A point of the ascending aorta in the heart's system.
pub const ASCENDING: Vec3 = vec3(-5.0, 3.4, 5.6);
/// Pulmonary valve, pulmonary trunk and duct in the trunk's system: the plane of the right outflow tract.
pub const PULMONARY: [Vec3; 3] = [vec3(4.8, 10.4, 23.6), vec3(4.9, 6.2, 28.4), vec3(4.9, -1.5, 31.0)];
/// The aorta between the outflow tract and its arch, in the trunk's system.
pub const ARCH: Vec3 = vec3(-2.8, 2.6, 28.4);
/// Level of the three-vessel plane in the trunk, drawn mm.
pub const THREE_VESSEL_LEVEL: f32 = 31.2;

/// The heart's system of a fetus; the axis varies.
pub fn frame(trunk: &Frame, rng: &mut Stream) -> Frame {
    let axis = between(rng, 36.0, 54.0_f32).to_radians();
    let apex = trunk.direction(vec3(axis.sin(), axis.cos(), between(rng, -0.2, -0.05)));
    // right ventricle: to the front and the right
    let right = trunk.direction(vec3(-axis.cos(), axis.sin(), 0.0));
    Frame::along(trunk.point(CRUX), apex, right, trunk.scale).with_third_towards(trunk.axes[2])
}

/// In the order of painting.
pub fn structures(heart: &Frame, trunk: &Frame, subject: &Subject, rng: &mut Stream) -> Vec<Structure> {
    let phase = between(rng, 0.0, 1.0);
    let size = subject.organ_factors[2].clamp(0.92, 1.12);
    let heart = &Frame { scale: heart.scale * size, ..*heart };
    let mut parts = chambers(heart, subject.heart_rate_hz, phase);
    parts.extend(great_vessels(heart, trunk));
    parts
}

fn chambers(heart: &Frame, rate_hz: f32, phase: f32) -> Vec<Structure> {
    // the atria fill while the ventricles empty
    let beat = |amount, phase| Pulse { amount, rate_hz, phase };
    let (ventricle, atrium) = (beat(0.17, phase), beat(0.13, phase + 0.5));
    let ellipsoid = |centre, half| Structure::ellipsoid(heart, centre, half);
    let chamber = |centre, half, pulse| {
        ellipsoid(centre, half).filled(BLOOD).walled(MEMBRANE, 0.5).edge(0.45).pulsing(pulse)
    };
    vec![
        ellipsoid(vec3(0.8, 0.0, 0.5), vec3(13.6, 9.8, 8.6)).filled(MYOCARDIUM).walled(MEMBRANE, 0.7),
        chamber(vec3(5.4, -4.0, 0.3), vec3(6.3, 2.9, 4.6), ventricle),
        chamber(vec3(4.6, 4.2, 0.6), vec3(5.8, 3.3, 4.8), ventricle),
        chamber(vec3(-6.0, -3.8, -0.4), vec3(4.0, 3.5, 4.2), atrium),
        chamber(vec3(-6.0, 4.1, -0.2), vec3(4.2, 3.7, 4.6), atrium),
        // septum of the ventricles; of the atria, with the oval window in it
        ellipsoid(vec3(5.8, 0.2, -0.2), vec3(7.2, 1.0, 6.0)).filled(SEPTUM).edge(0.4),
        ellipsoid(vec3(-8.2, 0.1, 0.0), vec3(2.0, 0.5, 4.4)).filled(SEPTUM).edge(0.4),
        ellipsoid(vec3(-2.6, 0.1, 0.0), vec3(1.6, 0.6, 3.6)).filled(SEPTUM).edge(0.4),
        // valves: the one of the right heart sits nearer to the apex
        ellipsoid(vec3(-1.6, -3.5, 0.0), vec3(0.5, 3.2, 3.2))
            .filled(MEMBRANE)
            .edge(0.35)
            .pulsing(beat(0.3, phase + 0.25)),
        ellipsoid(vec3(-0.7, 3.9, 0.0), vec3(0.5, 3.4, 3.2))
            .filled(MEMBRANE)
            .edge(0.35)
            .pulsing(beat(0.3, phase + 0.25)),
        // the moderator band tells the right ventricle from the left
        Structure::tube(heart, vec3(7.0, 1.4, -0.6), vec3(9.4, 4.6, -0.2), (0.9, 0.9))
            .filled(SEPTUM)
            .edge(0.5),
        // pulmonary veins into the left atrium
        Structure::tube(heart, vec3(-9.0, -4.5, 0.0), vec3(-13.5, -8.0, 0.5), (0.9, 0.6))
            .filled(BLOOD)
            .walled(MEMBRANE, 0.4),
        Structure::tube(heart, vec3(-9.4, -1.8, 0.0), vec3(-14.5, 1.5, 0.5), (0.8, 0.6))
            .filled(BLOOD)
            .walled(MEMBRANE, 0.4),
    ]
}

fn great_vessels(heart: &Frame, trunk: &Frame) -> Vec<Structure> {
    let body = Frame::body(1.0);
    let of_heart = |point: Vec3, radius: f32| (heart.point(point), radius * trunk.scale);
    let of_trunk = |point: Vec3, radius: f32| (trunk.point(point), radius * trunk.scale);
    let down = of_trunk(vec3(4.0, -10.4, 28.0), 1.8);
    let aorta = [
        of_heart(vec3(2.6, -2.4, 1.4), 1.9),
        of_heart(AORTIC_ROOT, 2.1),
        of_heart(ASCENDING, 2.1),
        of_trunk(ARCH, 2.1),
        of_trunk(vec3(-0.6, 1.5, 31.6), 2.0),
        of_trunk(vec3(1.8, -4.6, 32.0), 1.9),
        down,
    ];
    let pulmonary = [
        of_heart(vec3(4.2, 4.6, 2.6), 2.4),
        of_trunk(PULMONARY[0], 2.5),
        of_trunk(PULMONARY[1], 2.5),
        of_trunk(PULMONARY[2], 2.3),
        of_trunk(vec3(4.6, -7.0, 30.8), 1.9),
        down,
    ];
    let right_branch = [
        of_trunk(vec3(4.6, 2.0, 28.6), 1.3),
        of_trunk(vec3(-2.0, -2.4, 27.6), 1.2),
        of_trunk(vec3(-8.0, -3.4, 26.6), 0.9),
    ];
    let upper_cava = [
        of_trunk(vec3(-6.6, 1.2, 42.0), 1.6),
        of_trunk(vec3(-7.2, 1.6, 31.0), 1.9),
        of_heart(vec3(-6.4, 4.4, 2.0), 1.8),
    ];
    let arms = [of_trunk(vec3(-0.2, -0.4, 32.6), 0.8), of_trunk(vec3(-3.2, -0.6, 44.0), 0.8)];
    [&aorta[..], &pulmonary, &right_branch, &upper_cava, &arms]
        .into_iter()
        .flat_map(|course| vessel(&body, course, BLOOD, MEMBRANE, 0.6))
        .collect()
}
