//! What the probe meets between two standard planes. Much of it resembles one: an oblique head, a trunk at another
//! level, the bones of the forearm.

use super::planes::{skull, trunk};
use super::structure::Structure;
use super::subject::Subject;
use super::tissue::{BLOOD, BONE, FLUID, LIVER, LUNG, MEMBRANE, MUSCLE, PLACENTA, SKIN};
use super::world::{Drawing, Landmark};
use crate::geometry::vec2;
use crate::rng::{Stream, between, sign};

/// Kinds of background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clutter {
    /// a slab of placenta and the fluid before it
    Placenta,
    /// a pool of fluid with loops of cord
    Cord,
    /// upper arm or lower leg, cut across
    LimbAcross,
    /// forearm: two short bones side by side
    Forearm,
    /// trunk at a level that is no standard plane
    Trunk,
    /// head cut above or below the standard level
    Head,
}

const KINDS: [Clutter; 6] =
    [Clutter::Placenta, Clutter::Cord, Clutter::LimbAcross, Clutter::Forearm, Clutter::Trunk, Clutter::Head];

impl Clutter {
    /// Any kind, equally often.
    pub fn draw(rng: &mut Stream) -> Self {
        KINDS[(between(rng, 0.0, KINDS.len() as f32) as usize).min(KINDS.len() - 1)]
    }
}

/// Draws a piece of background; its one landmark is its middle.
pub fn draw(kind: Clutter, subject: &Subject, rng: &mut Stream) -> Drawing {
    let structures = match kind {
        Clutter::Placenta => placenta(rng),
        Clutter::Cord => cord(rng),
        Clutter::LimbAcross => limb_across(rng),
        Clutter::Forearm => forearm(rng),
        Clutter::Trunk => odd_trunk(subject, rng),
        Clutter::Head => odd_head(subject, rng),
    };
    Drawing { structures, landmarks: vec![Landmark { at: vec2(0.0, 0.0), weight: 1.0 }] }
}

/// Pools of fluid around a part of the fetus, the more and the larger the more fluid there is.
pub fn pools(fluid: f32, rng: &mut Stream) -> Vec<Structure> {
    (0..4)
        .map(|_| {
            let at = vec2(between(rng, 10.0, 34.0), 0.0).rotated(between(rng, 0.0, std::f32::consts::TAU));
            let along = between(rng, 10.0, 24.0) * (0.5 + 0.7 * fluid);
            let across = along * between(rng, 0.35, 0.7);
            Structure::ellipse(at.x, at.y, along, across, between(rng, 0.0, 180.0))
                .filled(FLUID)
                .edge(1.8)
                .along_travel(between(rng, -6.0, 6.0), 14.0)
        })
        .collect()
}

fn placenta(rng: &mut Stream) -> Vec<Structure> {
    let thickness = between(rng, 9.0, 14.0);
    let slab = Structure::ellipse(0.0, 0.0, 46.0, thickness, between(rng, -15.0, 15.0));
    let pool = Structure::ellipse(6.0 * sign(rng), 18.0, 26.0, 12.0, 10.0);
    vec![
        pool.filled(FLUID).edge(1.5).along_travel(0.0, 14.0),
        slab.filled(PLACENTA).walled(MEMBRANE, 0.6).edge(1.5).along_travel(0.0, 15.0),
        Structure::ellipse(8.0, 1.0, 3.0, 1.5, 20.0).filled(BLOOD).along_travel(2.0, 5.0),
    ]
}

fn cord(rng: &mut Stream) -> Vec<Structure> {
    let mut parts = vec![
        Structure::ellipse(0.0, 0.0, 26.0, 15.0, between(rng, -30.0, 30.0))
            .filled(FLUID)
            .edge(1.5)
            .along_travel(0.0, 12.0),
    ];
    for _ in 0..3 {
        let (x, y) = (between(rng, -14.0, 14.0), between(rng, -7.0, 7.0));
        let centre = between(rng, -6.0, 6.0);
        let mut round = |dx: f32, radius: f32, material| {
            let vessel = Structure::ellipse(x + dx, y, radius, radius, 0.0).filled(material);
            parts.push(vessel.walled(MEMBRANE, 0.6).along_travel(centre, 5.0));
        };
        round(0.0, 4.2, MUSCLE);
        round(-1.3, 1.7, BLOOD);
        round(2.0, 0.9, BLOOD);
    }
    parts
}

fn limb_across(rng: &mut Stream) -> Vec<Structure> {
    let radius = between(rng, 7.0, 10.0);
    vec![
        Structure::ellipse(0.0, 0.0, radius * 2.2, radius * 1.8, 0.0)
            .filled(FLUID)
            .edge(2.0)
            .along_travel(0.0, 10.0),
        Structure::ellipse(0.0, 0.0, radius, radius * 0.9, 0.0)
            .filled(MUSCLE)
            .walled(SKIN, 0.7)
            .along_travel(0.0, 11.0)
            .tubular(),
        Structure::ellipse(0.5, 0.0, 1.9, 1.7, 0.0).filled(BONE).along_travel(0.0, 10.0).tubular(),
    ]
}

fn forearm(rng: &mut Stream) -> Vec<Structure> {
    let half = between(rng, 9.0, 12.0);
    let bone = |y: f32, from: f32, to: f32| {
        Structure::rod(vec2(from * half, y), vec2(to * half, y * 0.8), 0.8).filled(BONE).edge(0.4)
    };
    vec![
        Structure::ellipse(0.0, 0.0, half + 6.0, 7.0, 0.0)
            .filled(MUSCLE)
            .walled(SKIN, 0.7)
            .along_travel(0.0, 10.0)
            .tubular(),
        bone(-2.4, -1.0, 0.95).along_travel(0.0, 6.0),
        bone(2.6, -0.85, 1.0).along_travel(0.5, 6.0),
    ]
}

fn odd_trunk(subject: &Subject, rng: &mut Stream) -> Vec<Structure> {
    let radius = subject.abdomen_mm / 2.0 * between(rng, 0.8, 1.0);
    let organ = if sign(rng) < 0.0 { LIVER } else { LUNG };
    let mut parts = trunk(radius, between(rng, 0.7, 0.9), organ, rng);
    for _ in 0..3 {
        // bowel and vessels, cut anyhow
        let (x, y) = (between(rng, -0.3, 0.6) * radius, between(rng, -0.5, 0.5) * radius);
        let loop_cut =
            Structure::ellipse(x, y, between(rng, 1.5, 4.0), between(rng, 1.0, 2.4), between(rng, 0.0, 90.0));
        parts.push(loop_cut.filled(BLOOD).walled(MEMBRANE, 0.5).along_travel(between(rng, -8.0, 8.0), 6.0));
    }
    parts
}

fn odd_head(subject: &Subject, rng: &mut Stream) -> Vec<Structure> {
    let mut parts = skull(subject, between(rng, 13.0, 18.0));
    let (x, y) = (between(rng, -8.0, 8.0), between(rng, -6.0, 6.0));
    parts.push(Structure::ellipse(x, y, 6.0, 3.0, 30.0).filled(LIVER).edge(1.5).along_travel(0.0, 9.0));
    parts
}
