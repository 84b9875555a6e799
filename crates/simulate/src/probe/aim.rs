//! From a plane in the body to a place of the probe outside it.

use crate::anatomy::mother::wall_point;
use crate::anatomy::{Target, View, World};
use crate::geometry::{Quat, Vec3};
use crate::grid::PROBE_RADIUS_MM;
use crate::rng::{Stream, between, sign};

/// Attempts at a comfortable approach.
const TRIES: usize = 24;
/// Nearest that the middle of the picture comes to the probe, mm.
const NEAREST_MM: f32 = 26.0;
/// Steps and end of the search for the place outside.
const STEP_MM: f32 = 1.5;
const FARTHEST_MM: f32 = 130.0;
/// Beams along which the wall must be clear of the fetus.
const CLEAR_ANGLES: [f32; 7] = [-0.36, -0.24, -0.12, 0.0, 0.12, 0.24, 0.36];

/// A place of the probe: it looks at `pivot` from `standoff_mm` away, turned by `turn`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aim {
    /// body mm, on the probe's middle beam
    pub pivot: Vec3,
    /// from the body's axes to the probe's: see [`View::new`]
    pub turn: Quat,
    /// from the face to the pivot
    pub standoff_mm: f32,
}

impl Aim {
    /// A probe that sees `target`, from the side that asks for the least turning after `from` and leaves the target
    /// within `depth_mm`. `facing` is +1 or -1: from which side of the plane one looks.
    pub fn at(
        target: &Target,
        world: &World,
        facing: f32,
        from: Option<&Aim>,
        depth_mm: f32,
        rng: &mut Stream,
    ) -> Self {
        let mut best: Option<(f32, Self)> = None;
        for _ in 0..TRIES {
            let aim = Self::draw(target, world, facing, rng);
            let turned = from.map_or(0.0, |from| (from.turn * Vec3::Y).angle_between(aim.turn * Vec3::Y));
            let cost = turned + 0.15 * (aim.standoff_mm - 0.62 * depth_mm).max(0.0);
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, aim));
            }
        }
        best.expect("there is more than no try").1
    }

    fn draw(target: &Target, world: &World, facing: f32, rng: &mut Stream) -> Self {
        let side = if target.is_two_sided { sign(rng) } else { 1.0 };
        let swing = between(rng, -target.swing_deg, target.swing_deg).to_radians();
        let normal = target.normal * facing;
        let axial = Quat::from_axis_angle(normal, swing) * target.beam * side;
        let lateral = axial.cross(normal);
        let turn = Quat::from_mat3(&glam::Mat3::from_cols(lateral, axial, normal)).normalize();
        let off_centre = lateral * between(rng, -13.0, 13.0) + axial * between(rng, -5.0, 5.0);
        let mut aim = Self { pivot: target.centre + off_centre, turn, standoff_mm: NEAREST_MM };
        aim.standoff_mm += aim.push_mm(world) + between(rng, 0.0, 5.0);
        aim
    }

    /// The view from here.
    pub fn view(&self, time_secs: f64) -> View {
        View::new(time_secs, self.pivot - self.turn * Vec3::Y * self.standoff_mm, self.turn)
    }

    /// How much farther away the probe must go for the mother's wall to be clear of head and trunk, mm.
    pub fn push_mm(&self, world: &World) -> f32 {
        let view = self.view(0.0);
        let wall =
            CLEAR_ANGLES.map(|angle| view.to_body(wall_point(world.wall_end_mm, PROBE_RADIUS_MM, angle)));
        let is_clear = |push: f32| {
            wall.iter()
                .all(|&point| world.fetus.bulk.iter().all(|bulk| bulk.value(point - view.axial * push) > 1.0))
        };
        // from far outside inwards: a probe deep inside the trunk may have its wall clear of its surface
        let mut push = FARTHEST_MM;
        while push > 0.0 && is_clear(push - STEP_MM) {
            push -= STEP_MM;
        }
        push.max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anatomy::Subject;
    use crate::anatomy::planes::{PLANE_NAMES, target};
    use crate::rng::stream;

    #[test]
    fn every_plane_can_be_reached_from_outside_and_lies_in_the_view() {
        for subject_index in 0..6 {
            let subject = Subject::draw(4, subject_index);
            let world = World::build(&subject, 4, subject_index);
            let rng = &mut stream(4, "aim", subject_index);
            for (plane, name) in PLANE_NAMES.iter().enumerate() {
                let target = target(plane, &world.fetus.landmarks, rng);
                let aim = Aim::at(&target, &world, 1.0, None, subject.depth_mm, rng);
                let view = aim.view(0.0);
                assert!(view.normal.angle_between(target.normal) < 1e-3, "{name}");
                assert!(aim.push_mm(&world) <= STEP_MM, "{name}");
                for landmark in &target.landmarks {
                    let at = view.to_probe(landmark.at);
                    let is_seen = at.y > world.wall_end_mm * 0.5 && at.y < subject.depth_mm;
                    assert!(is_seen && at.x.abs() < 48.0, "{name} of subject {subject_index}: {at}");
                }
            }
        }
    }
}
