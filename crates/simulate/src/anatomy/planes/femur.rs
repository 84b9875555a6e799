//! The femur at full length: a bright shaft with its shadow in the soft tissue of the thigh.

use crate::anatomy::structure::Structure;
use crate::anatomy::subject::Subject;
use crate::anatomy::tissue::{BONE, MUSCLE, SKIN};
use crate::anatomy::world::{Drawing, Landmark};
use crate::geometry::{Vec2, vec2};
use crate::rng::{Stream, between};

/// The thigh of one leg; hip at `-x`, knee at `+x`.
pub fn femur(subject: &Subject, rng: &mut Stream) -> Drawing {
    let half = subject.femur_mm / 2.0;
    let bow = between(rng, 0.6, 1.6);
    let middle = vec2(0.0, -bow);
    let (hip, knee) = (vec2(-half, 0.0), vec2(half, 0.0));
    let mut structures = thigh(half, rng);
    for (from, to) in [(hip, middle), (middle, knee)] {
        structures.push(shaft(from, to, 1.05));
    }
    // flared ends
    for end in [hip, knee] {
        structures.push(Structure::ellipse(end.x, end.y, 1.9, 1.5, 0.0).filled(BONE).along_travel(0.0, 4.0));
    }
    Drawing {
        structures,
        landmarks: vec![
            Landmark { at: middle, weight: 0.5 },
            Landmark { at: hip, weight: 0.25 },
            Landmark { at: knee, weight: 0.25 },
        ],
    }
}

fn thigh(half: f32, rng: &mut Stream) -> Vec<Structure> {
    let width = between(rng, 8.0, 10.5);
    let flesh = Structure::ellipse(-2.0, 0.0, half + 9.0, width, 0.0);
    let calf_turn: f32 = between(rng, 35.0, 80.0);
    let knee = vec2(half + 3.0, 0.0);
    let foot = knee + vec2(20.0, 0.0).rotated(calf_turn.to_radians());
    vec![
        Structure::rod(knee, foot, 6.0).filled(MUSCLE).walled(SKIN, 0.7).along_travel(2.0, 9.0),
        flesh.filled(MUSCLE).walled(SKIN, 0.8).edge(0.8).along_travel(0.0, 13.0).tubular(),
    ]
}

/// A piece of bone shaft.
fn shaft(from: Vec2, to: Vec2, radius_mm: f32) -> Structure {
    Structure::rod(from, to, radius_mm).filled(BONE).edge(0.4).along_travel(0.0, 5.0)
}
