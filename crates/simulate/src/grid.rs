//! The beam lines of a convex probe: the polar grid on which a frame is made.

use crate::geometry::{Vec2, vec2};

/// Radius of the virtual convex probe, mm.
pub const PROBE_RADIUS_MM: f32 = 40.0;
/// Most beam lines that a grid may have: rows are worked on in arrays of this length.
pub const MAX_LINES: usize = 512;

/// Lines and samples of one frame. Arrays on it are `[sample, line]`, so that one row is one depth.
///
/// Probe coordinates: the origin is the middle of the probe's face, `y` points into the body.
#[derive(Debug, Clone)]
pub struct PolarGrid {
    /// beam lines, left to right
    pub lines: usize,
    /// samples along a line, shallow to deep
    pub samples: usize,
    /// radius of the probe's face, mm
    pub radius_mm: f32,
    /// half of the opening angle
    pub half_angle_rad: f32,
    /// length of a line, mm
    pub depth_mm: f32,
    directions: Vec<Vec2>,
}

impl PolarGrid {
    /// A grid with the given counts and geometry.
    pub fn new(lines: usize, samples: usize, radius_mm: f32, half_angle_rad: f32, depth_mm: f32) -> Self {
        assert!((2..=MAX_LINES).contains(&lines) && samples > 1, "a grid needs 2 to 512 lines and 2 samples");
        let line_step = 2.0 * half_angle_rad / (lines - 1) as f32;
        let directions = (0..lines)
            .map(|line| {
                let (sin, cos) = (line as f32 * line_step - half_angle_rad).sin_cos();
                vec2(sin, cos)
            })
            .collect();
        Self { lines, samples, radius_mm, half_angle_rad, depth_mm, directions }
    }

    /// Points of the grid: the length of an array on it.
    pub fn points(&self) -> usize {
        self.lines * self.samples
    }

    /// Millimetres from one sample to the next.
    pub fn sample_step_mm(&self) -> f32 {
        self.depth_mm / (self.samples - 1) as f32
    }

    /// Unit vectors along the lines.
    pub fn directions(&self) -> &[Vec2] {
        &self.directions
    }

    /// Distance of a row from the face, mm.
    pub fn depth_of(&self, sample: usize) -> f32 {
        sample as f32 * self.sample_step_mm()
    }

    /// The point of a row and a direction in probe coordinates.
    pub fn point(&self, sample: usize, direction: Vec2) -> Vec2 {
        let range = self.radius_mm + self.depth_of(sample);
        vec2(range * direction.x, range * direction.y - self.radius_mm)
    }

    /// Rows and lines that a disc may touch; `None` when it lies outside the fan.
    pub fn window(&self, centre: Vec2, radius_mm: f32) -> Option<Window> {
        let from_apex = vec2(centre.x, centre.y + self.radius_mm);
        let range = from_apex.length();
        let first_depth = range - radius_mm - self.radius_mm;
        let last_depth = range + radius_mm - self.radius_mm;
        if last_depth < 0.0 || first_depth > self.depth_mm {
            return None;
        }
        let (mut first_line, mut last_line) = (0.0, (self.lines - 1) as f32);
        if radius_mm < range {
            let angle = from_apex.x.atan2(from_apex.y);
            let spread = (radius_mm / range).asin();
            let per_rad = last_line / (2.0 * self.half_angle_rad);
            first_line = ((angle - spread + self.half_angle_rad) * per_rad).floor();
            last_line = ((angle + spread + self.half_angle_rad) * per_rad).ceil().min(last_line);
        }
        if last_line < 0.0 || first_line > (self.lines - 1) as f32 {
            return None;
        }
        let row = |depth: f32| depth / self.sample_step_mm();
        Some(Window {
            first_sample: row(first_depth).floor().max(0.0) as usize,
            end_sample: (row(last_depth).ceil() as usize + 1).min(self.samples),
            first_line: first_line.max(0.0) as usize,
            end_line: last_line as usize + 1,
        })
    }
}

/// A rectangle of the grid; ends are exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// shallowest row
    pub first_sample: usize,
    /// one past the deepest row
    pub end_sample: usize,
    /// leftmost line
    pub first_line: usize,
    /// one past the rightmost line
    pub end_line: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_holds_every_grid_point_of_the_disc() {
        let grid = PolarGrid::new(64, 100, 40.0, 0.5, 100.0);
        for (centre, radius) in [(vec2(10.0, 50.0), 12.0), (vec2(-30.0, 20.0), 9.0), (vec2(0.0, 5.0), 80.0)] {
            let window = grid.window(centre, radius).expect("the disc is in the fan");
            for sample in 0..grid.samples {
                for (line, &direction) in grid.directions().iter().enumerate() {
                    if (grid.point(sample, direction) - centre).length() < radius {
                        assert!((window.first_sample..window.end_sample).contains(&sample));
                        assert!((window.first_line..window.end_line).contains(&line));
                    }
                }
            }
        }
        assert_eq!(grid.window(vec2(200.0, 50.0), 10.0), None);
        assert_eq!(grid.window(vec2(0.0, 300.0), 10.0), None);
    }
}
