//! The spine: three ossification centres to a vertebra (body and both halves of the arch), canal and cord, from the
//! base of the skull to the sacrum.

use crate::anatomy::shape::{Structure, chain};
use crate::anatomy::tissue::{BONE, CARTILAGE, FALX, FLUID, MUSCLE, SKIN};
use crate::geometry::{Frame, Vec3, smoothstep, vec3};

/// Vertebrae from the neck to the sacrum.
pub const VERTEBRAE: usize = 28;
/// Height of the lowest and the highest vertebra in the trunk's system, drawn mm.
const LEVELS: (f32, f32) = (-42.0, 60.0);

/// The middle of the vertebral body at `part` of the way up from the sacrum: a gentle bow to the back, the tail end
/// turned out, the neck leaning to the front. Drawn mm.
pub fn course(part: f32) -> Vec3 {
    let z = LEVELS.0 + part * (LEVELS.1 - LEVELS.0);
    let tail = smoothstep(-26.0, -46.0, z);
    let neck = smoothstep(36.0, 60.0, z);
    vec3(0.0, -15.6 - 0.6 * (z / 30.0).powi(2) - 3.0 * tail + 12.0 * neck, z)
}

/// In the order of painting.
pub fn structures(trunk: &Frame, head: &Frame) -> Vec<Structure> {
    let steps = 12;
    let points = |off_y: f32, first: f32| -> Vec<Vec3> {
        (0..=steps)
            .map(|i| course(first + (1.0 - first) * i as f32 / steps as f32) + vec3(0.0, off_y, 0.0))
            .collect()
    };
    // muscle of the back and cartilage around the centres; the canal with the cord's two bright borders
    let mut parts = chain(trunk, &points(-2.4, 0.0), 5.6, MUSCLE);
    parts.extend(chain(trunk, &points(-1.6, 0.0), 3.7, CARTILAGE));
    parts.extend(chain(trunk, &points(-3.5, 0.1), 1.9, FLUID_CANAL));
    parts.extend(chain(trunk, &points(-3.5, 0.34), 0.45, FALX));
    for i in 0..VERTEBRAE {
        parts.extend(vertebra(trunk, i));
    }
    // skin of the back follows the spine
    parts.extend(chain(trunk, &points(-8.6, 0.04), 0.45, SKIN));
    // occiput to atlas
    let base = head.point(vec3(-9.0, 0.0, -19.0));
    let top = trunk.point(course(1.0));
    let neck = Frame::body(1.0);
    parts.push(Structure::tube(&neck, top, base, (1.7, 2.2)).filled(FLUID_CANAL));
    parts
}

const FLUID_CANAL: crate::anatomy::tissue::Material =
    crate::anatomy::tissue::Material { echo_db: -22.0, ..FLUID };

fn vertebra(trunk: &Frame, index: usize) -> [Structure; 3] {
    let part = (index as f32 + 0.5) / VERTEBRAE as f32;
    let centre = course(part);
    // narrow at the sacrum and in the neck, widest where the legs' nerves leave
    let size = 0.55 + 0.45 * smoothstep(0.0, 0.2, part) - 0.15 * smoothstep(0.75, 1.0, part);
    let spread = size * (1.0 + 0.18 * smoothstep(0.35, 0.22, part));
    let piece = |centre, half: Vec3| Structure::ellipsoid(trunk, centre, half * size).filled(BONE).edge(0.45);
    let lamina = |side: f32| piece(centre + vec3(side * 2.9 * spread, -4.4 * size, 0.0), vec3(2.1, 0.9, 1.0));
    [piece(centre, vec3(1.9, 1.5, 1.15)), lamina(-1.0), lamina(1.0)]
}
