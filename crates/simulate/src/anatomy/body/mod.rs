//! The fetus: named solids in millimetres, put together from its parts.
//!
//! Sizes are those of 20 weeks, scaled to the subject's biometry: the head by its two diameters, trunk and heart by
//! the abdominal circumference, limbs by the femur. Proportions between named structures are read off anatomy texts
//! and the ISUOG guidelines for the mid-trimester scan and the fetal heart (docs/simulation.md).

pub mod abdomen;
pub mod cord;
pub mod face;
pub mod head;
pub mod heart;
pub mod limbs;
pub mod spine;
pub mod trunk;

use super::shape::Structure;
use super::subject::Subject;
use crate::geometry::{Frame, Vec3, vec3};
use crate::rng::{Stream, between};

/// Radius of the abdomen that the drawings of the trunk are made for, mm.
const DRAWN_ABDOMEN_MM: f32 = 24.0;
/// Half width of the head that the drawings of the head are made for, mm.
const DRAWN_HEAD_MM: f32 = 24.5;
/// Femur that the drawings of the limbs are made for, mm.
const DRAWN_FEMUR_MM: f32 = 33.0;

/// The systems of the parts and the ends of the limbs' bones: what standard planes are defined by.
#[derive(Debug, Clone)]
pub struct Landmarks {
    /// trunk: x left, y front, z head; origin in the middle of the abdomen
    pub trunk: Frame,
    /// head: x forehead, y left, z vertex; origin in the middle of the skull
    pub head: Frame,
    /// heart: x apex, y right ventricle, z head; origin at the crux
    pub heart: Frame,
    /// one to a leg: x from hip to knee, origin in the middle of the femur
    pub femurs: [Frame; 2],
    /// half of a femur, mm
    pub femur_half_mm: f32,
}

/// The fetus of one recording: the subject's organs, its limbs and head in the pose of the day.
#[derive(Debug, Clone)]
pub struct Fetus {
    /// painted in this order
    pub structures: Vec<Structure>,
    /// systems of the parts
    pub landmarks: Landmarks,
    /// what the probe cannot enter: head and trunk
    pub bulk: [Bulk; 2],
}

/// An ellipsoid that encloses a part.
#[derive(Debug, Clone, Copy)]
pub struct Bulk {
    frame: Frame,
    half_mm: Vec3,
}

impl Bulk {
    /// Below 1 inside.
    pub fn value(&self, point: Vec3) -> f32 {
        let d = point - self.frame.origin;
        let own = vec3(self.frame.axes[0].dot(d), self.frame.axes[1].dot(d), self.frame.axes[2].dot(d));
        (own / self.half_mm).length()
    }
}

impl Fetus {
    /// The fetus of `subject` as it lies in a recording that `rng` belongs to.
    pub fn draw(subject: &Subject, rng: &mut Stream) -> Self {
        let trunk = Frame::body(subject.abdomen_radius_mm() / DRAWN_ABDOMEN_MM);
        let flexion = between(rng, 2.0, 20.0).to_radians();
        let turn = between(rng, -18.0, 18.0).to_radians();
        let (sin, cos) = flexion.sin_cos();
        // chin towards the chest, face a little to one side
        let forehead = vec3(turn.sin(), cos * turn.cos(), -sin);
        let head_scale = subject.head_half_width_mm() / DRAWN_HEAD_MM;
        let head_at = vec3(0.0, 6.0, 83.0) * trunk.scale;
        let head = Frame::along(head_at, forehead, Vec3::X, head_scale).with_third_towards(Vec3::Z);
        let heart = heart::frame(&trunk, rng);
        let limbs = limbs::Limbs::draw(&trunk, subject.femur_mm / DRAWN_FEMUR_MM, rng);

        let mut structures = Vec::new();
        structures.extend(limbs.structures().iter().copied());
        structures.extend(head::neck(&trunk, &head));
        structures.extend(trunk::structures(&trunk, subject));
        structures.extend(abdomen::structures(&trunk, subject, rng));
        structures.extend(spine::structures(&trunk, &head));
        structures.extend(heart::structures(&heart, &trunk, subject, rng));
        structures.push(face::underlay(&head));
        structures.extend(head::structures(&head, subject, rng));
        structures.extend(face::structures(&head, rng));
        structures.extend(cord::structures(&trunk, rng));
        let bulk = [
            Bulk { frame: head, half_mm: vec3(38.0, 28.0, 31.0) * head.scale },
            Bulk {
                frame: Frame { origin: trunk.point(vec3(0.0, 0.0, -2.0)), ..trunk },
                half_mm: vec3(25.0, 24.0, 52.0) * trunk.scale,
            },
        ];
        let landmarks =
            Landmarks { trunk, head, heart, femurs: limbs.femurs, femur_half_mm: 0.5 * subject.femur_mm };
        Self { structures, landmarks, bulk }
    }
}
