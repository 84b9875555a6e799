//! Slow texture: smooth random variation of brightness inside one tissue, in three dimensions.

use crate::anatomy::View;
use crate::geometry::{Vec3, vec2};
use crate::grid::PolarGrid;
use crate::rng::{Stream, normal};

const SIDE: usize = 32;
/// Side of a cell, mm.
const CELL_MM: f32 = 2.6;
/// The texture is worked out at every so many samples and lines, and is linear between: cells are much larger.
const SAMPLE_STEP: usize = 4;
const LINE_STEP: usize = 2;

/// A field of about zero mean and unit variance with one random value a cell, linear between, repeating after 32 cells.
#[derive(Clone)]
pub struct Texture(Box<[f32]>);

impl std::fmt::Debug for Texture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Texture({} cells)", self.0.len())
    }
}

impl Texture {
    /// A new field.
    pub fn draw(rng: &mut Stream) -> Self {
        Self((0..SIDE * SIDE * SIDE).map(|_| normal(rng).clamp(-2.5, 2.5)).collect())
    }

    /// Value at a point given in cells.
    pub fn at(&self, p: Vec3) -> f32 {
        let low = p.floor();
        let part = p - low;
        let [x, y, z] = low.to_array().map(|v| (v as i32).rem_euclid(SIDE as i32) as usize);
        let next = |v: usize| (v + 1) % SIDE;
        let value = |x: usize, y: usize, z: usize| self.0[(z * SIDE + y) * SIDE + x];
        let along = |y, z| {
            let (a, b) = (value(x, y, z), value(next(x), y, z));
            a + part.x * (b - a)
        };
        let sheet = |z| {
            let (a, b) = (along(y, z), along(next(y), z));
            a + part.y * (b - a)
        };
        let (a, b) = (sheet(z), sheet(next(z)));
        // linear mixing takes variance away: 2/3 a direction is left on average
        1.837 * (a + part.z * (b - a))
    }

    /// Values on the grid, `[sample, line]`, where a view lies.
    pub fn fill(&self, view: &View, grid: &PolarGrid, out: &mut [f32]) {
        let coarse_lines = grid.lines.div_ceil(LINE_STEP) + 1;
        let apex = view.to_body(vec2(0.0, -grid.radius_mm)) / CELL_MM;
        let line_step = 2.0 * grid.half_angle_rad / (grid.lines - 1) as f32;
        let beams: Vec<Vec3> = (0..coarse_lines)
            .map(|i| {
                let (sin, cos) = ((i * LINE_STEP) as f32 * line_step - grid.half_angle_rad).sin_cos();
                view.direction(vec2(sin, cos)) / CELL_MM
            })
            .collect();
        let row_at = |sample: usize, row: &mut [f32]| {
            let range = grid.radius_mm + grid.depth_of(sample);
            for (value, beam) in row.iter_mut().zip(&beams) {
                *value = self.at(apex + *beam * range);
            }
        };
        let (mut above, mut below) = (vec![0.0; coarse_lines], vec![0.0; coarse_lines]);
        row_at(0, &mut below);
        let mut mixed = vec![0.0; coarse_lines];
        for (sample, row) in out.chunks_exact_mut(grid.lines).enumerate() {
            if sample % SAMPLE_STEP == 0 {
                std::mem::swap(&mut above, &mut below);
                row_at(sample + SAMPLE_STEP, &mut below);
            }
            let part = (sample % SAMPLE_STEP) as f32 / SAMPLE_STEP as f32;
            for ((mixed, above), below) in mixed.iter_mut().zip(&above).zip(&below) {
                *mixed = above + part * (below - above);
            }
            for (line, value) in row.iter_mut().enumerate() {
                let (at, part) = (line / LINE_STEP, (line % LINE_STEP) as f32 / LINE_STEP as f32);
                *value = mixed[at] + part * (mixed[at + 1] - mixed[at]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Quat, vec3};
    use crate::image::Layout;
    use crate::rng::stream;

    #[test]
    fn has_about_unit_variance_and_repeats() {
        let texture = Texture::draw(&mut stream(3, "texture", 0));
        let values: Vec<f32> = (0..40_000)
            .map(|i| texture.at(vec3(i as f32 * 0.37, (i / 100) as f32 * 0.41, (i / 1000) as f32 * 0.77)))
            .collect();
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32;
        assert!(mean.abs() < 0.1 && (0.8..1.2).contains(&variance), "{mean} {variance}");
        assert!((texture.at(vec3(-3.3, 5.5, 1.2)) - texture.at(vec3(28.7, 37.5, 33.2))).abs() < 1e-3);
    }

    #[test]
    fn the_grid_follows_the_field() {
        let texture = Texture::draw(&mut stream(3, "texture", 0));
        let grid = Layout::new(400, 300, 100.0).grid();
        let view = View::new(0.0, vec3(3.0, -40.0, 5.0), Quat::from_rotation_x(0.4));
        let mut filled = vec![0.0; grid.points()];
        texture.fill(&view, &grid, &mut filled);
        let mut off = 0.0;
        for sample in 0..grid.samples {
            for (line, &direction) in grid.directions().iter().enumerate() {
                let exact = texture.at(view.to_body(grid.point(sample, direction)) / CELL_MM);
                off += (filled[sample * grid.lines + line] - exact).abs() / grid.points() as f32;
            }
        }
        assert!(off < 0.18, "{off}");
    }
}
