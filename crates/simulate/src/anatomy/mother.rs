//! What lies over and around the fetus: the mother's wall under the probe, the womb with its fluid, the placenta.

use super::shape::Structure;
use super::subject::Subject;
use super::tissue::{BLOOD, CAPSULE, FLUID, MEMBRANE, Material, PLACENTA, SOFT_LOSS, Tissue, WOMB};
use super::view::View;
use crate::geometry::{Frame, Vec3, smoothstep, vec2, vec3};
use crate::grid::PolarGrid;
use crate::rng::{Stream, between};

const SKIN_LAYER: Material = Material { echo_db: 3.0, loss_db_per_mm: SOFT_LOSS, grain_db: 1.0 };
const FAT: Material = Material { echo_db: -6.0, loss_db_per_mm: SOFT_LOSS, grain_db: 4.0 };
const ABDOMINAL_MUSCLE: Material = Material { echo_db: -8.0, loss_db_per_mm: SOFT_LOSS, grain_db: 4.0 };

/// Half thickness of a bright sheet between two layers.
const SHEET_MM: f32 = 0.9;
/// Lakes of blood in the placenta.
const LAKES: usize = 5;
/// Layers of the wall.
const LAYERS: usize = 4;

/// The mother's part of a recording's body.
#[derive(Debug, Clone)]
pub struct Mother {
    /// womb, fluid, placenta, in the order of painting
    womb: Vec<Structure>,
    layers: [Layer; LAYERS],
    wall_mm: f32,
    wall_loss_db: f32,
}

/// A layer from `top_mm` down to the next one; its top undulates.
#[derive(Debug, Clone)]
struct Layer {
    top_mm: f32,
    material: Material,
    /// brightness of the sheet on top of it, 0 to 1
    sheet: f32,
    wave_mm: f32,
    waves_per_mm: f32,
    phase: f32,
}

impl Mother {
    /// The build is the subject's; the exact course of the layers and the place of the placenta are the recording's.
    pub fn draw(subject: &Subject, rng: &mut Stream) -> Self {
        let wall = subject.wall_mm;
        let layer = |rng: &mut Stream, top_mm, material, sheet, wave_mm| Layer {
            top_mm,
            material,
            sheet,
            wave_mm,
            waves_per_mm: between(rng, 0.04, 0.1),
            phase: between(rng, 0.0, 6.0),
        };
        let layers = [
            layer(rng, 0.0, SKIN_LAYER, 0.0, 0.0),
            layer(rng, 2.2, FAT, 0.3, 0.3),
            layer(rng, wall * 0.45, ABDOMINAL_MUSCLE, 0.9, 0.8),
            layer(rng, wall * 0.75, WOMB, 0.8, 1.0),
        ];
        Self { womb: womb(subject, rng), layers, wall_mm: wall, wall_loss_db: subject.wall_loss_db }
    }

    /// Fills the whole grid with what lies around the fetus.
    pub fn paint_womb(&self, view: &View, grid: &PolarGrid, tissue: &mut Tissue) {
        for ((echo, loss), grain) in
            tissue.echo_db.iter_mut().zip(&mut tissue.loss_db_per_mm).zip(&tissue.grain)
        {
            *echo = WOMB.echo_db + WOMB.grain_db * grain;
            *loss = WOMB.loss_db_per_mm;
        }
        for structure in &self.womb {
            structure.paint(view, grid, tissue);
        }
    }

    /// Covers the rows next to the probe with the layers of the wall.
    pub fn paint_wall(&self, view: &View, grid: &PolarGrid, tissue: &mut Tissue) {
        let bottoms = self.tops(view, grid);
        let deepest = bottoms.iter().map(|tops| tops[LAYERS]).fold(0.0, f32::max) + SHEET_MM;
        let rows = ((deepest / grid.sample_step_mm()).ceil() as usize + 1).min(grid.samples);
        for sample in 0..rows {
            let depth_mm = grid.depth_of(sample);
            for (line, tops) in bottoms.iter().enumerate() {
                let index = sample * grid.lines + line;
                if depth_mm < tops[LAYERS] {
                    let layer = tops[..LAYERS].iter().rposition(|&top| depth_mm >= top).unwrap_or(0);
                    let material = &self.layers[layer].material;
                    tissue.echo_db[index] = material.echo_db + material.grain_db * tissue.grain[index];
                    tissue.loss_db_per_mm[index] = material.loss_db_per_mm + self.wall_loss_db / self.wall_mm;
                }
                self.paint_sheets(index, depth_mm, tops, tissue);
            }
        }
    }

    /// Depth of the top of every layer and of the wall's end, for every line.
    fn tops(&self, view: &View, grid: &PolarGrid) -> Vec<[f32; LAYERS + 1]> {
        // along the probe's face, where the layers run; they slide with the body
        let slide = view.face.dot(view.lateral) + 0.6 * view.face.dot(view.normal);
        let wave_of = |layer: &Layer, along_mm: f32| {
            layer.top_mm + layer.wave_mm * (layer.waves_per_mm * along_mm + layer.phase).sin()
        };
        grid.directions()
            .iter()
            .map(|&direction| {
                let along_mm = grid.point(0, direction).x + slide;
                std::array::from_fn(|i| match self.layers.get(i) {
                    Some(layer) => wave_of(layer, along_mm),
                    None => self.wall_mm + 0.7 * (0.06 * along_mm).sin(),
                })
            })
            .collect()
    }

    /// The bright sheets on top of the layers and under the wall.
    fn paint_sheets(&self, index: usize, depth_mm: f32, tops: &[f32; LAYERS + 1], tissue: &mut Tissue) {
        let sheets = self.layers.iter().map(|layer| layer.sheet).chain([0.5]);
        for (sheet, top) in sheets.zip(tops).skip(1) {
            let off_mm = (depth_mm - top).abs();
            if off_mm < SHEET_MM {
                tissue.cover(index, &MEMBRANE, 0.8 * sheet * smoothstep(SHEET_MM, 0.0, off_mm), -4.0);
            }
        }
    }
}

/// The womb about the fetus; the less fluid, the nearer its wall.
fn womb(subject: &Subject, rng: &mut Stream) -> Vec<Structure> {
    let body = Frame::body(subject.abdomen_radius_mm() / 24.0);
    let room = 13.0 * subject.fluid;
    let off = vec3(between(rng, -5.0, 5.0), between(rng, 8.0, 14.0), between(rng, 22.0, 32.0));
    let half = vec3(41.0 + room, 46.0 + room, 88.0 + room);
    let mut parts = vec![Structure::ellipsoid(&body, off, half).filled(FLUID).walled(CAPSULE, 1.0).edge(1.2)];
    parts.extend(placenta(&body, off, half, rng));
    parts
}

/// A lens on the wall of the womb, anywhere but behind the fetus's back more often than not.
fn placenta(body: &Frame, womb: Vec3, half: Vec3, rng: &mut Stream) -> Vec<Structure> {
    let around = between(rng, 0.0, std::f32::consts::TAU);
    let out = vec3(around.cos(), around.sin(), between(rng, -0.6, 0.6)).normalize();
    let seat = womb + out * half;
    let normal = (out / half).normalize();
    let lens = Frame::along(body.point(seat), normal, Vec3::Z, body.scale);
    let thick = between(rng, 9.0, 14.0);
    let mut parts = vec![
        Structure::ellipsoid(&lens, vec3(2.0, 0.0, 0.0), vec3(thick, 40.0, 36.0))
            .filled(PLACENTA)
            .walled(CAPSULE, 0.7)
            .edge(1.0),
    ];
    for _ in 0..LAKES {
        let at = vec3(between(rng, -0.6, 0.3) * thick, between(rng, -24.0, 24.0), between(rng, -22.0, 22.0));
        let size = vec3(between(rng, 0.8, 1.6), between(rng, 1.5, 4.0), between(rng, 1.5, 4.0));
        parts.push(Structure::ellipsoid(&lens, at, size).filled(BLOOD).edge(0.7));
    }
    parts
}

/// Deepest point of the wall under the middle of the probe's face, mm: what the fetus stays behind.
pub fn wall_end_mm(subject: &Subject) -> f32 {
    subject.wall_mm + 0.7
}

/// A point of the wall's inner side, probe coordinates, for a beam at `angle_rad` from the middle.
pub fn wall_point(wall_mm: f32, radius_mm: f32, angle_rad: f32) -> crate::geometry::Vec2 {
    let (sin, cos) = angle_rad.sin_cos();
    vec2((radius_mm + wall_mm) * sin, (radius_mm + wall_mm) * cos - radius_mm)
}
