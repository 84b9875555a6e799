//! Scan conversion: beam lines to pixels, bilinear, with the way worked out once.

use super::layout::Layout;
use crate::geometry::vec2;
use crate::grid::PolarGrid;

/// For every pixel of the fan where it lies between the lines.
pub struct ScanMap {
    lines: usize,
    entries: Vec<Entry>,
}

struct Entry {
    pixel: u32,
    /// grid point up and left of it
    corner: u32,
    /// way towards the next line and the next sample, 1/256
    towards_line: u16,
    towards_sample: u16,
}

impl ScanMap {
    /// The map of a screen.
    pub fn new(layout: &Layout, grid: &PolarGrid) -> Self {
        let mut entries = Vec::new();
        for row in 0..layout.height {
            for column in 0..layout.width {
                let point = layout.millimetres(vec2(column as f32 + 0.5, row as f32 + 0.5));
                let from_apex = vec2(point.x, point.y + grid.radius_mm);
                let angle = from_apex.x.atan2(from_apex.y);
                let line =
                    (angle + grid.half_angle_rad) / (2.0 * grid.half_angle_rad) * (grid.lines - 1) as f32;
                let sample = (from_apex.length() - grid.radius_mm) / grid.sample_step_mm();
                let is_inside = line >= 0.0
                    && sample >= 0.0
                    && line < (grid.lines - 1) as f32
                    && sample < (grid.samples - 1) as f32;
                if is_inside {
                    entries.push(Entry {
                        pixel: (row * layout.width + column) as u32,
                        corner: (sample as usize * grid.lines + line as usize) as u32,
                        towards_line: (line.fract() * 256.0) as u16,
                        towards_sample: (sample.fract() * 256.0) as u16,
                    });
                }
            }
        }
        Self { lines: grid.lines, entries }
    }

    /// Draws the fan into a frame `[height, width]`; other pixels stay.
    pub fn convert(&self, polar: &[u8], out: &mut [u8]) {
        for entry in &self.entries {
            let corner = entry.corner as usize;
            let [a, b] = [polar[corner], polar[corner + 1]].map(u32::from);
            let [c, d] = [polar[corner + self.lines], polar[corner + self.lines + 1]].map(u32::from);
            let (l, s) = (u32::from(entry.towards_line), u32::from(entry.towards_sample));
            let top = a * (256 - l) + b * l;
            let bottom = c * (256 - l) + d * l;
            out[entry.pixel as usize] = ((top * (256 - s) + bottom * s + (1 << 15)) >> 16) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_in_depth_comes_out_as_depth() {
        let layout = Layout::new(400, 300, 100.0);
        let grid = layout.grid();
        let polar: Vec<u8> =
            (0..grid.points()).map(|i| ((i / grid.lines) * 200 / (grid.samples - 1)) as u8).collect();
        let mut out = vec![7; 400 * 300];
        ScanMap::new(&layout, &grid).convert(&polar, &mut out);
        for depth_mm in [10.0, 50.0, 90.0] {
            let pixel = layout.pixel(vec2(0.0, depth_mm));
            let grey = f32::from(out[pixel.y as usize * 400 + pixel.x as usize]);
            assert!((grey - 2.0 * depth_mm).abs() < 3.0, "{grey} at {depth_mm} mm");
        }
        assert_eq!(out[0], 7);
    }
}
