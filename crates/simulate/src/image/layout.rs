//! Where things are on the screen: the side panel, the fan, and how many pixels a millimetre has.

use crate::geometry::{Vec2, vec2};
use crate::grid::{MAX_LINES, PROBE_RADIUS_MM, PolarGrid};

/// Half of its opening angle.
const HALF_ANGLE_DEG: f32 = 28.5;
/// Share of the width that the side panel takes.
const PANEL_SHARE: f32 = 0.14;

/// The screen of one recording, in pixels of the full video frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// of the video
    pub width: usize,
    /// of the video
    pub height: usize,
    /// the panel covers columns `0..panel_width`
    pub panel_width: usize,
    /// middle of the probe's face, pixels
    pub face: Vec2,
    /// pixels a millimetre
    pub px_per_mm: f32,
    /// scan depth, mm
    pub depth_mm: f32,
}

impl Layout {
    /// Fits the fan of a scan depth into the part of the screen beside the panel.
    pub fn new(width: usize, height: usize, depth_mm: f32) -> Self {
        let panel_width = (width as f32 * PANEL_SHARE) as usize;
        let (w, h) = (width as f32, height as f32);
        let (top, bottom, side) = (0.055 * h, 0.02 * h, 0.03 * w);
        let (sin, cos) = HALF_ANGLE_DEG.to_radians().sin_cos();
        let fan_width_mm = 2.0 * (PROBE_RADIUS_MM + depth_mm) * sin;
        // the face is an arc that bulges into the body: its ends lie higher on the screen than its middle
        let face_rise_mm = PROBE_RADIUS_MM * (1.0 - cos);
        let fan_height_mm = depth_mm + face_rise_mm;
        let free_width = w - panel_width as f32 - 2.0 * side;
        let px_per_mm = (free_width / fan_width_mm).min((h - top - bottom) / fan_height_mm);
        let face = vec2(panel_width as f32 + side + free_width / 2.0, top + face_rise_mm * px_per_mm);
        Self { width, height, panel_width, face, px_per_mm, depth_mm }
    }

    /// Beam lines for this screen: about one sample to a pixel along and one line to 2.5 pixels across at the bottom.
    pub fn grid(&self) -> PolarGrid {
        let fan_width =
            2.0 * (PROBE_RADIUS_MM + self.depth_mm) * HALF_ANGLE_DEG.to_radians() * self.px_per_mm;
        let lines = ((fan_width / 2.6) as usize).clamp(48, MAX_LINES);
        let samples = ((self.depth_mm * self.px_per_mm * 0.95) as usize).clamp(64, 1024);
        PolarGrid::new(lines, samples, PROBE_RADIUS_MM, HALF_ANGLE_DEG.to_radians(), self.depth_mm)
    }

    /// A point of the scan plane in pixels of the video frame.
    pub fn pixel(&self, point_mm: Vec2) -> Vec2 {
        self.face + point_mm * self.px_per_mm
    }

    /// A point of the scan plane, 0..1 of the full video frame as the gaze CSV has it.
    pub fn relative(&self, point_mm: Vec2) -> Vec2 {
        let pixel = self.pixel(point_mm);
        vec2(pixel.x / self.width as f32, pixel.y / self.height as f32)
    }

    /// The inverse of [`Self::pixel`].
    pub fn millimetres(&self, pixel: Vec2) -> Vec2 {
        (pixel - self.face) * (1.0 / self.px_per_mm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fan_fits_beside_the_panel_at_every_size_and_depth() {
        for (width, height) in [(320, 240), (400, 300), (640, 480), (1008, 784), (480, 480)] {
            for depth_mm in [85.0, 105.0, 140.0] {
                let layout = Layout::new(width, height, depth_mm);
                let grid = layout.grid();
                let corner = |sample, line: usize| layout.pixel(grid.point(sample, grid.directions()[line]));
                for pixel in [
                    corner(0, 0),
                    corner(grid.samples - 1, 0),
                    corner(grid.samples - 1, grid.lines - 1),
                    corner(grid.samples - 1, grid.lines / 2),
                ] {
                    assert!(pixel.x >= layout.panel_width as f32 && pixel.x < width as f32, "{pixel:?}");
                    assert!(pixel.y >= 0.0 && pixel.y < height as f32, "{pixel:?} {layout:?}");
                }
            }
        }
    }

    #[test]
    fn millimetres_undoes_pixel() {
        let layout = Layout::new(400, 300, 95.0);
        let point = vec2(-12.0, 40.0);
        assert!((layout.millimetres(layout.pixel(point)) - point).length() < 1e-3);
    }
}
