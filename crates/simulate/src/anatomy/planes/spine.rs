//! The spine in its long axis: two rows of ossification centres under the skin of the back.

use crate::anatomy::structure::Structure;
use crate::anatomy::subject::Subject;
use crate::anatomy::tissue::{BLOOD, BONE, LIVER, MEMBRANE, MUSCLE, SKIN};
use crate::anatomy::world::{Drawing, Landmark};
use crate::geometry::{Vec2, vec2};
use crate::rng::{Stream, between};

/// The sagittal spine: head at `-x`, sacrum at `+x`, the skin of the back towards `-y`.
pub fn sagittal(subject: &Subject, rng: &mut Stream) -> Drawing {
    let length = 1.5 * subject.biparietal_mm;
    let bow = between(rng, 4.0, 9.0);
    let course = Course { length, bow };
    let mut structures = back(&course, length);
    // canal between the rows, vertebral bodies below, arches above
    let pieces = 14;
    for piece in 0..pieces {
        let along = (piece as f32 + 0.5) / pieces as f32;
        // both rows come together at the sacrum
        let spread = 1.0 - 0.55 * along.powi(3);
        structures.push(bead(course.point(along, 2.6 * spread), 1.6, 1.15));
        structures.push(bead(course.point(along, -2.6 * spread), 1.2, 0.8));
    }
    Drawing {
        structures,
        landmarks: vec![
            Landmark { at: course.point(0.5, 0.0), weight: 0.45 },
            Landmark { at: course.point(0.82, 0.0), weight: 0.35 },
            Landmark { at: course.point(0.2, 0.0), weight: 0.2 },
        ],
    }
}

/// The curve of the spine.
struct Course {
    length: f32,
    bow: f32,
}

impl Course {
    /// `along` 0 to 1, `off` millimetres towards the belly.
    fn point(&self, along: f32, off: f32) -> Vec2 {
        let x = (along - 0.5) * self.length;
        // straight above, curling up to the tail at the end
        vec2(x, off - self.bow * (2.0 * along - 1.0).powi(2) * if along > 0.5 { 1.2 } else { 0.4 })
    }
}

fn bead(at: Vec2, along: f32, across: f32) -> Structure {
    Structure::ellipse(at.x, at.y, along, across, 0.0).filled(BONE).edge(0.5).along_travel(0.0, 4.5)
}

fn back(course: &Course, length: f32) -> Vec<Structure> {
    let chain = |off: f32, radius: f32| {
        (0..8).map(move |i| {
            let (a, b) = (i as f32 / 8.0, (i + 1) as f32 / 8.0);
            (course.point(a, off), course.point(b, off), radius)
        })
    };
    let mut parts = vec![
        Structure::ellipse(0.0, 9.0, length / 2.0 + 6.0, 17.0, 0.0)
            .filled(LIVER)
            .walled(SKIN, 0.8)
            .along_travel(0.0, 16.0)
            .tubular(),
    ];
    parts.extend(
        chain(-0.5, 5.2).map(|(a, b, r)| Structure::rod(a, b, r).filled(MUSCLE).along_travel(0.0, 9.0)),
    );
    parts.extend(
        chain(-6.0, 0.5).map(|(a, b, r)| Structure::rod(a, b, r).filled(SKIN).along_travel(0.0, 8.0)),
    );
    parts.extend(
        chain(0.0, 1.0).map(|(a, b, r)| Structure::rod(a, b, r).filled(BLOOD).along_travel(0.0, 4.5)),
    );
    // the aorta runs along in front
    parts.push(
        Structure::rod(vec2(-0.4 * length, 9.0), vec2(0.25 * length, 9.5), 1.4)
            .filled(BLOOD)
            .walled(MEMBRANE, 0.5)
            .along_travel(0.0, 5.0),
    );
    parts
}
