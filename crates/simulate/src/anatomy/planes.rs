//! The thirteen standard planes: where each lies in the fetus, from which sides the beam may come, and what one looks at.

use super::body::abdomen::KIDNEY_LEVEL;
use super::body::face::{CHIN, MOUTH, NOSE};
use super::body::heart::{AORTIC_ROOT, ARCH, ASCENDING, PULMONARY, THREE_VESSEL_LEVEL};
use super::body::{Landmarks, spine};
use crate::geometry::{Frame, Quat, Vec3, vec3};
use crate::rng::{Stream, between, sign};

/// Names of the planes, in the order of the paper (method.md, [P]).
pub const PLANE_NAMES: [&str; 13] = [
    "3VT", "4CH", "abdomen", "femur", "BrainTv", "kidneys", "LVOT", "lips", "profile", "RVOT", "BrainTc",
    "SpineCor", "SpineSag",
];

/// Index of a plane by its name.
pub fn plane_index(name: &str) -> Option<usize> {
    PLANE_NAMES.iter().position(|&known| known == name)
}

/// A spot that a sonographer looks at, body mm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Landmark {
    /// where
    pub at: Vec3,
    /// share of the looks that it gets
    pub weight: f32,
}

/// A plane through the fetus that a probe can be brought to.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// what should come to lie in the middle of the screen, body mm
    pub centre: Vec3,
    /// unit vector across the plane
    pub normal: Vec3,
    /// the direction in which the beam looks best, unit vector in the plane
    pub beam: Vec3,
    /// how far to either side it may be turned in the plane, degrees
    pub swing_deg: f32,
    /// the beam may as well come from the other side
    pub is_two_sided: bool,
    /// the structure of interest first
    pub landmarks: Vec<Landmark>,
}

impl Target {
    fn new(centre: Vec3, normal: Vec3, beam: Vec3, swing_deg: f32) -> Self {
        let normal = normal.normalize();
        let beam = (beam - normal * normal.dot(beam)).normalize();
        Self { centre, normal, beam, swing_deg, is_two_sided: false, landmarks: Vec::new() }
    }

    fn two_sided(mut self) -> Self {
        self.is_two_sided = true;
        self
    }

    fn looking_at(mut self, spots: &[(Vec3, f32)]) -> Self {
        self.landmarks = spots.iter().map(|&(at, weight)| Landmark { at, weight }).collect();
        self
    }

    /// The same plane tilted about a line in it and moved along its normal: what a search passes on its way.
    pub fn tilted(&self, angle_rad: f32, about_rad: f32, off_mm: f32) -> Self {
        let line = Quat::from_axis_angle(self.normal, about_rad) * self.beam;
        let tilt = Quat::from_axis_angle(line, angle_rad);
        Self {
            centre: self.centre + self.normal * off_mm,
            normal: tilt * self.normal,
            beam: tilt * self.beam,
            ..self.clone()
        }
    }
}

/// The plane in a fetus; which leg and from where it is scanned is chance.
pub fn target(plane: usize, fetus: &Landmarks, rng: &mut Stream) -> Target {
    let (trunk, head) = (&fetus.trunk, &fetus.head);
    match PLANE_NAMES[plane] {
        "3VT" => three_vessels(trunk),
        "4CH" => four_chambers(trunk, &fetus.heart),
        "LVOT" => left_outflow(trunk, &fetus.heart),
        "RVOT" => right_outflow(trunk),
        "abdomen" => abdomen(trunk),
        "kidneys" => kidneys(trunk),
        "femur" => femur(fetus, rng),
        "BrainTv" => transventricular(head),
        "BrainTc" => transcerebellar(head),
        "lips" => lips(head),
        "profile" => profile(head),
        "SpineCor" => coronal_spine(trunk, rng),
        "SpineSag" => sagittal_spine(trunk, rng),
        name => unreachable!("{name} is in the list and has no place"),
    }
}

/// Pulmonary trunk with the duct, arch of the aorta and upper vena cava in a row, windpipe behind.
fn three_vessels(trunk: &Frame) -> Target {
    let at = |x, y| trunk.point(vec3(x, y, THREE_VESSEL_LEVEL));
    Target::new(at(1.2, 0.0), trunk.direction(vec3(0.0, -0.05, 1.0)), -trunk.axes[1], 55.0).looking_at(&[
        (at(4.8, 0.5), 0.4),
        (at(0.6, 0.5), 0.3),
        (at(-7.2, 1.6), 0.2),
        (at(-0.6, -4.0), 0.1),
    ])
}

/// Two atria, two ventricles, the crux.
fn four_chambers(trunk: &Frame, heart: &Frame) -> Target {
    let at = |x, y| heart.point(vec3(x, y, 0.0));
    Target::new(at(0.5, 0.0), heart.axes[2], -trunk.axes[1], 70.0).looking_at(&[
        (at(-1.0, 0.0), 0.5),
        (at(5.4, -4.0), 0.2),
        (at(4.6, 4.2), 0.15),
        (at(-6.0, -3.8), 0.15),
    ])
}

/// The left ventricle in its long axis with the aorta leaving it.
fn left_outflow(trunk: &Frame, heart: &Frame) -> Target {
    let apex = heart.point(vec3(11.0, -3.4, 0.2));
    let (root, aorta) = (heart.point(AORTIC_ROOT), heart.point(ASCENDING));
    let normal = (root - apex).cross(aorta - apex);
    Target::new(root, normal, -trunk.axes[1], 60.0).looking_at(&[
        (root, 0.5),
        (aorta, 0.25),
        (heart.point(vec3(5.4, -4.0, 0.5)), 0.25),
    ])
}

/// The pulmonary trunk leaving the right ventricle and crossing over the aorta.
fn right_outflow(trunk: &Frame) -> Target {
    let [valve, stem, duct] = PULMONARY.map(|point| trunk.point(point));
    let normal = trunk.axes[0].cross(duct - valve);
    Target::new(stem - trunk.axes[0] * 2.5, normal, -trunk.axes[1], 55.0).looking_at(&[
        (stem, 0.45),
        (valve, 0.3),
        (trunk.point(ARCH), 0.25),
    ])
}

/// The level of the abdominal circumference: stomach, the J of the umbilical vein, spine.
fn abdomen(trunk: &Frame) -> Target {
    let at = |x, y| trunk.point(vec3(x, y, 2.0));
    Target::new(at(0.0, 1.0), trunk.axes[2], -trunk.axes[1], 140.0).looking_at(&[
        (at(10.8, -2.6), 0.45),
        (at(-1.0, 5.5), 0.35),
        (at(0.0, -15.5), 0.2),
    ])
}

/// Both kidneys in cross-section beside the spine.
fn kidneys(trunk: &Frame) -> Target {
    let at = |x, y| trunk.point(vec3(x, y, KIDNEY_LEVEL));
    Target::new(at(0.0, -6.0), trunk.axes[2], trunk.axes[1], 80.0).looking_at(&[
        (at(-9.2, -8.5), 0.45),
        (at(9.2, -8.5), 0.45),
        (at(0.0, -15.5), 0.1),
    ])
}

/// The whole shaft of one femur, met across.
fn femur(fetus: &Landmarks, rng: &mut Stream) -> Target {
    let leg = &fetus.femurs[usize::from(sign(rng) > 0.0)];
    let along = leg.axes[0];
    // from outside towards the trunk, rolled about the bone
    let inwards = fetus.trunk.point(vec3(0.0, -6.0, -22.0)) - leg.origin;
    let across = (inwards - along * along.dot(inwards)).normalize();
    let beam = Quat::from_axis_angle(along, between(rng, -0.7, 0.7)) * across;
    let half = along * fetus.femur_half_mm;
    Target::new(leg.origin, along.cross(beam), beam, 22.0).looking_at(&[
        (leg.origin, 0.4),
        (leg.origin + half, 0.3),
        (leg.origin - half, 0.3),
    ])
}

/// Cavum in front, back horn of the ventricle with its plexus behind.
fn transventricular(head: &Frame) -> Target {
    let at = |x, y, z| head.point(vec3(x, y, z));
    let normal = head.direction(vec3(-0.06, 0.0, 1.0));
    Target::new(at(0.0, 0.0, 3.6), normal, head.axes[1], 35.0).two_sided().looking_at(&[
        (at(-12.6, 10.6, 4.4), 0.5),
        (at(12.0, 0.0, 2.8), 0.3),
        (at(0.0, 0.0, 3.6), 0.2),
    ])
}

/// Tilted down behind: cavum, thalami, cerebellum, cisterna magna.
fn transcerebellar(head: &Frame) -> Target {
    let at = |x, y, z| head.point(vec3(x, y, z));
    let (cavum, cerebellum) = (at(12.0, 0.0, 1.8), at(-16.0, 0.0, -10.5));
    let normal = (cavum - cerebellum).cross(head.axes[1]);
    Target::new(cavum.lerp(cerebellum, 0.5), normal, head.axes[1], 35.0).two_sided().looking_at(&[
        (cerebellum, 0.55),
        (cavum, 0.25),
        (at(0.0, 0.0, -3.2), 0.2),
    ])
}

/// The frontal cut through tip of the nose and both lips.
fn lips(head: &Frame) -> Target {
    let at = |(x, z): (f32, f32), back: f32| head.point(vec3(x - back, 0.0, z));
    let (nose, mouth, chin) = (at(NOSE, 9.0), at(MOUTH, 6.6), at(CHIN, 5.6));
    let normal = (nose - chin).cross(head.axes[1]);
    Target::new(mouth, normal, nose - chin, 110.0).looking_at(&[(mouth, 0.6), (nose, 0.3), (chin, 0.1)])
}

/// The midline of the face from forehead to chin.
fn profile(head: &Frame) -> Target {
    let at = |(x, z): (f32, f32), back: f32| head.point(vec3(x - back, 0.0, z));
    Target::new(head.point(vec3(25.0, 0.0, -13.0)), head.axes[1], -head.axes[0], 50.0).looking_at(&[
        (at((32.4, -10.4), 0.6), 0.45),
        (at(MOUTH, 0.5), 0.25),
        (at(CHIN, 0.5), 0.2),
        (head.point(vec3(26.0, 0.0, 8.0)), 0.1),
    ])
}

/// Both rows of the arches side by side; further to the front, the bodies between them.
fn coronal_spine(trunk: &Frame, rng: &mut Stream) -> Target {
    let deep = between(rng, 2.2, 4.6);
    let at = |part: f32| trunk.point(spine::course(part) - vec3(0.0, deep, 0.0));
    let normal = (at(0.62) - at(0.12)).cross(trunk.axes[0]);
    Target::new(at(0.33), normal, trunk.axes[0], 25.0).two_sided().looking_at(&[
        (at(0.33), 0.5),
        (at(0.15), 0.3),
        (at(0.55), 0.2),
    ])
}

/// Bodies and arches as two lines, closing at the sacrum.
fn sagittal_spine(trunk: &Frame, rng: &mut Stream) -> Target {
    let at = |part: f32| trunk.point(spine::course(part) + vec3(0.0, -2.0, 0.0));
    // a little beside the middle, where the arches are bone
    let off = trunk.axes[0] * (between(rng, 0.4, 1.3) * sign(rng)) * trunk.scale;
    let centre = at(0.32) + off;
    // a fetus that lies on its back is seen through its belly
    Target::new(centre, trunk.axes[0], trunk.axes[1], 30.0).two_sided().looking_at(&[
        (at(0.32), 0.4),
        (at(0.12), 0.4),
        (at(0.55), 0.2),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anatomy::Subject;
    use crate::anatomy::body::Fetus;
    use crate::rng::stream;

    #[test]
    fn every_plane_holds_its_landmarks_and_its_beam() {
        for subject in 0..8 {
            let rng = &mut stream(5, "test", subject);
            let fetus = Fetus::draw(&Subject::draw(5, subject), rng);
            for (plane, name) in PLANE_NAMES.iter().enumerate() {
                let target = target(plane, &fetus.landmarks, rng);
                assert!(target.normal.dot(target.beam).abs() < 1e-5, "{name}");
                assert!((target.normal.length() - 1.0).abs() < 1e-5);
                let total: f32 = target.landmarks.iter().map(|landmark| landmark.weight).sum();
                assert!((total - 1.0).abs() < 1e-5, "{name} {total}");
                for landmark in &target.landmarks {
                    let off = (landmark.at - target.centre).dot(target.normal).abs();
                    assert!(off < 3.0, "{name}: a landmark lies {off} mm off the plane");
                }
            }
        }
    }
}
