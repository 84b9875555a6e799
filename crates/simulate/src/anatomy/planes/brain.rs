//! The head: the transventricular plane, and the skull alone as it is met above and below that level.

use crate::anatomy::structure::Structure;
use crate::anatomy::subject::Subject;
use crate::anatomy::tissue::{BRAIN, FLUID, MEMBRANE, Material, PLEXUS, SKIN, SKULL};
use crate::anatomy::world::{Drawing, Landmark};
use crate::geometry::vec2;
use crate::rng::{Stream, between};

/// The falx, seen through the skull.
const FALX: Material = Material { echo_db: 4.0, loss_db_per_mm: 0.25, grain_db: 1.0 };

/// Skin, skull and brain of the subject's size; `reach_mm` along the travel.
pub fn skull(subject: &Subject, reach_mm: f32) -> Vec<Structure> {
    let (along, across) = (subject.occipitofrontal_mm / 2.0, subject.biparietal_mm / 2.0);
    let shell = |grow: f32| {
        Structure::ellipse(0.0, 0.0, along + grow, across + grow, 0.0).along_travel(0.0, reach_mm)
    };
    vec![shell(2.2).filled(SKIN_LAYER).walled(SKIN, 0.5), shell(0.0).filled(BRAIN).walled(SKULL, 1.5)]
}

const SKIN_LAYER: Material = Material { echo_db: -3.0, loss_db_per_mm: 0.25, grain_db: 1.0 };

/// The axial plane with cavum septi pellucidi and the back horn of the ventricle; forehead at `+x`.
pub fn transventricular(subject: &Subject, rng: &mut Stream) -> Drawing {
    let (along, across) = (subject.occipitofrontal_mm / 2.0, subject.biparietal_mm / 2.0);
    let [.., ventricle, plexus, cavum] = subject.organ_factors;
    let mut structures = skull(subject, 22.0);
    // the midline is broken by the cavum in front
    for (x0, x1) in [(-0.86, 0.28), (0.58, 0.9)] {
        let falx = Structure::rod(vec2(x0 * along, 0.0), vec2(x1 * along, 0.0), 0.45);
        structures.push(falx.filled(FALX).along_travel(0.0, 15.0));
    }
    let cavum_at = vec2(0.43 * along, 0.0);
    structures.push(
        Structure::ellipse(cavum_at.x, 0.0, 4.2 * cavum, 1.9 * cavum, 0.0)
            .filled(FLUID)
            .walled(MEMBRANE, 0.8)
            .along_travel(0.0, 4.5),
    );
    let atrium_at = vec2(-0.36 * along, 0.42 * across);
    for side in [1.0, -1.0] {
        structures.extend(ventricle_of(side, along, across, ventricle, plexus));
    }
    structures.extend(sulci(along, across, rng));
    Drawing {
        structures,
        landmarks: vec![
            Landmark { at: atrium_at, weight: 0.55 },
            Landmark { at: cavum_at, weight: 0.3 },
            Landmark { at: vec2(0.0, 0.0), weight: 0.15 },
        ],
    }
}

/// Back horn with the choroid plexus in it, one to a side.
fn ventricle_of(side: f32, along: f32, across: f32, ventricle: f32, plexus: f32) -> [Structure; 3] {
    let (x, y) = (-0.36 * along, side * 0.42 * across);
    let horn = Structure::ellipse(x, y, 0.34 * along, 3.1 * ventricle, side * -9.0);
    let filling = Structure::ellipse(x + 2.0, y, 0.2 * along, 2.1 * plexus.min(1.05), side * -9.0);
    let front = Structure::ellipse(0.5 * along, side * 0.24 * across, 0.2 * along, 1.1, side * 14.0);
    [
        horn.filled(FLUID).walled(MEMBRANE, 0.7).along_travel(0.0, 6.0),
        filling.filled(PLEXUS).edge(0.8).along_travel(0.0, 6.0),
        front.filled(FLUID).walled(MEMBRANE, 0.5).along_travel(0.0, 5.0),
    ]
}

/// Short bright lines of the brain's surface near the skull.
fn sulci(along: f32, across: f32, rng: &mut Stream) -> Vec<Structure> {
    (0..6)
        .map(|_| {
            let angle = between(rng, 0.0, std::f32::consts::TAU);
            let spot = |part: f32| vec2(along * part * angle.cos(), across * part * angle.sin());
            let centre = between(rng, -6.0, 6.0);
            Structure::rod(spot(0.84), spot(0.9), 0.5).filled(FALX).along_travel(centre, 6.0)
        })
        .collect()
}
