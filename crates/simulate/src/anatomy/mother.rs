//! What lies over and around the fetus: skin, fat, muscle, the wall of the womb and what fills it.

use super::subject::Subject;
use super::tissue::{MEMBRANE, Material, SOFT_LOSS, Tissue};
use super::view::View;
use crate::geometry::{Vec2, smoothstep, vec2};
use crate::image::grid::PolarGrid;
use crate::image::texture::Texture;
use crate::rng::{Stream, between};

const SKIN_LAYER: Material = Material { echo_db: 3.0, loss_db_per_mm: SOFT_LOSS, grain_db: 1.0 };
const FAT: Material = Material { echo_db: -6.0, loss_db_per_mm: SOFT_LOSS, grain_db: 4.0 };
const ABDOMINAL_MUSCLE: Material = Material { echo_db: -8.0, loss_db_per_mm: SOFT_LOSS, grain_db: 4.0 };
const WOMB: Material = Material { echo_db: -3.0, loss_db_per_mm: SOFT_LOSS, grain_db: 2.5 };
/// Whatever part of the fetus happens to lie there, out of focus.
const SURROUNDINGS: Material = Material { echo_db: -7.0, loss_db_per_mm: SOFT_LOSS, grain_db: 4.0 };

/// Stretch of the slow texture along the layers of the wall.
const STREAK: f32 = 5.0;
const GRAIN_CELL_MM: f32 = 3.0;
/// Half thickness of a bright sheet between two layers.
const SHEET_MM: f32 = 0.9;
/// Index of the layer inside the womb.
const INSIDE: usize = 4;

/// The mother's part of a recording's body.
#[derive(Debug, Clone)]
pub struct Mother {
    texture: Texture,
    layers: Vec<Layer>,
    wall_mm: f32,
    wall_loss_db: f32,
    fluid: f32,
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
    /// The build is the subject's; the exact course of the layers is the recording's.
    pub fn draw(subject: &Subject, rng: &mut Stream) -> Self {
        let wall = subject.wall_mm;
        let far_mm = between(rng, 80.0, 96.0);
        let layer = |rng: &mut Stream, top_mm, material, sheet, wave_mm| Layer {
            top_mm,
            material,
            sheet,
            wave_mm,
            waves_per_mm: between(rng, 0.04, 0.1),
            phase: between(rng, 0.0, 6.0),
        };
        let layers = vec![
            layer(rng, 0.0, SKIN_LAYER, 0.0, 0.0),
            layer(rng, 2.2, FAT, 0.3, 0.3),
            layer(rng, wall * 0.45, ABDOMINAL_MUSCLE, 0.9, 0.8),
            layer(rng, wall * 0.75, WOMB, 0.8, 1.2),
            layer(rng, wall, SURROUNDINGS, 0.6, 2.0),
            layer(rng, far_mm, WOMB, 0.9, 4.0),
        ];
        Self {
            texture: Texture::draw(rng),
            layers,
            wall_mm: wall,
            wall_loss_db: subject.wall_loss_db,
            fluid: subject.fluid,
        }
    }

    /// Fills the whole grid: places in the body, slow texture, and the layers.
    pub fn paint(&self, view: &View, grid: &PolarGrid, tissue: &mut Tissue) {
        self.locate(view, grid, tissue);
        let tops = self.tops(view, grid);
        let highest = |layer: usize| tops.iter().map(|tops| tops[layer]).fold(f32::MAX, f32::min);
        let lowest = |layer: usize| tops.iter().map(|tops| tops[layer]).fold(f32::MIN, f32::max);
        let inside = lowest(INSIDE) + SHEET_MM..highest(INSIDE + 1) - SHEET_MM;
        for sample in 0..grid.samples {
            let depth_mm = grid.depth_of(sample);
            let row = sample * grid.lines;
            if inside.contains(&depth_mm) {
                (row..row + grid.lines).for_each(|index| self.paint_layer(index, INSIDE, tissue));
                continue;
            }
            for (line, tops) in tops.iter().enumerate() {
                let layer = tops.iter().rposition(|&top| depth_mm >= top).unwrap_or(0);
                self.paint_layer(row + line, layer, tissue);
                self.paint_sheets(row + line, depth_mm, tops, tissue);
            }
        }
    }

    /// Depth of the top of every layer, for every line.
    fn tops(&self, view: &View, grid: &PolarGrid) -> Vec<[f32; 6]> {
        let line_tops = |direction| {
            // along the probe's face, where the layers run
            let along_mm = view.to_body(grid.point(0, direction)).x;
            std::array::from_fn(|i| {
                let layer = &self.layers[i];
                let wave = (layer.waves_per_mm * (along_mm + 0.6 * view.travel_mm) + layer.phase).sin();
                layer.top_mm + layer.wave_mm * wave
            })
        };
        grid.directions().iter().map(|&direction| line_tops(direction)).collect()
    }

    fn locate(&self, view: &View, grid: &PolarGrid, tissue: &mut Tissue) {
        // lines stay lines in the body: all start from the apex, each in its turned direction
        let apex = view.to_body(vec2(0.0, -grid.radius_mm));
        let directions: Vec<Vec2> = grid.directions().iter().map(|d| d.rotated(view.angle_rad)).collect();
        for sample in 0..grid.samples {
            let depth_mm = grid.depth_of(sample);
            let per_x = if depth_mm < self.wall_mm { 1.0 / STREAK } else { 1.0 } / GRAIN_CELL_MM;
            let row = sample * grid.lines;
            for (index, &direction) in (row..).zip(&directions) {
                let point = apex + direction * (grid.radius_mm + depth_mm);
                (tissue.x_mm[index], tissue.y_mm[index]) = (point.x, point.y);
            }
            if sample % 2 == 1 {
                // the texture is so slow that two rows can share it
                tissue.grain.copy_within(row - grid.lines..row, row);
                continue;
            }
            for index in row..row + grid.lines {
                let along = (tissue.x_mm[index] + 0.5 * view.travel_mm) * per_x;
                let down = (tissue.y_mm[index] + 0.35 * view.travel_mm) / GRAIN_CELL_MM;
                tissue.grain[index] = self.texture.at(along, down);
            }
        }
    }

    #[inline]
    fn paint_layer(&self, index: usize, layer: usize, tissue: &mut Tissue) {
        let material = &self.layers[layer].material;
        tissue.echo_db[index] = material.echo_db + material.grain_db * tissue.grain[index];
        tissue.loss_db_per_mm[index] = material.loss_db_per_mm;
        if layer < INSIDE {
            tissue.loss_db_per_mm[index] += self.wall_loss_db / self.wall_mm;
        } else if layer == INSIDE {
            // the more fluid, the darker and emptier the space around the fetus
            tissue.echo_db[index] -= 22.0 * self.fluid * self.fluid;
            tissue.loss_db_per_mm[index] *= 1.0 - 0.8 * self.fluid;
        }
    }

    /// The bright sheets on top of the layers.
    fn paint_sheets(&self, index: usize, depth_mm: f32, tops: &[f32; 6], tissue: &mut Tissue) {
        for (layer, top) in self.layers.iter().zip(tops).skip(1) {
            let off_mm = (depth_mm - top).abs();
            if off_mm < SHEET_MM {
                let cover = 0.8 * layer.sheet * smoothstep(SHEET_MM, 0.0, off_mm);
                tissue.cover(index, &MEMBRANE, cover, -4.0);
            }
        }
    }
}
