//! What the machine shows around the fan: a grey side panel with the settings, a header, a depth scale, a grey bar.
//!
//! It is the same for all planes and holds no name of anyone.

use super::font;
use super::layout::Layout;
use crate::anatomy::Subject;
use crate::geometry::vec2;

const PANEL_GREY: u8 = 58;
const TEXT_GREY: u8 = 205;

/// The picture without the fan.
pub struct Screen(Vec<u8>);

impl Screen {
    /// Draws the surroundings for one recording.
    pub fn new(layout: &Layout, subject: &Subject) -> Self {
        let mut canvas = Canvas { width: layout.width, grey: vec![0; layout.width * layout.height] };
        canvas.fill(0, 0, layout.panel_width, layout.height, PANEL_GREY);
        let size = (layout.height / 300).max(1);
        let (left, line) = (layout.panel_width / 12, 11 * size);
        for (row, text) in settings(subject).iter().enumerate() {
            canvas.text(left, line * (row + 2), size, text);
        }
        canvas.text(layout.panel_width + 4 * size, 4 * size, size, "SONOVOX SIMULATION");
        canvas.grey_bar(layout, size);
        canvas.depth_scale(layout, size);
        Self(canvas.grey)
    }

    /// Copies the picture into a frame.
    pub fn copy_to(&self, out: &mut [u8]) {
        out.copy_from_slice(&self.0);
    }
}

fn settings(subject: &Subject) -> [String; 8] {
    [
        "OB 2/3".to_owned(),
        "C5-1".to_owned(),
        String::new(),
        format!("D {:.1}CM", subject.depth_mm / 10.0),
        format!("GN {:.0}", 50.0 + 4.0 * subject.gain_db),
        format!("DR {:.0}", subject.dynamic_range_db),
        "MI 1.1".to_owned(),
        "TIS 0.3".to_owned(),
    ]
}

struct Canvas {
    width: usize,
    grey: Vec<u8>,
}

impl Canvas {
    fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, grey: u8) {
        let end = (x + width).min(self.width);
        for row in self.grey.chunks_exact_mut(self.width).skip(y).take(height) {
            if x < end {
                row[x..end].fill(grey);
            }
        }
    }

    fn text(&mut self, x: usize, y: usize, size: usize, text: &str) {
        for (i, character) in text.chars().enumerate() {
            let left = x + i * (font::WIDTH + 1) * size;
            for (row, bits) in font::glyph(character).iter().enumerate() {
                for column in (0..font::WIDTH).filter(|column| bits >> (font::WIDTH - 1 - column) & 1 == 1) {
                    self.fill(left + column * size, y + row * size, size, size, TEXT_GREY);
                }
            }
        }
    }

    /// The scale from black to white at the foot of the panel.
    fn grey_bar(&mut self, layout: &Layout, size: usize) {
        let (top, height) = (layout.height / 2, layout.height * 2 / 5);
        for row in 0..height {
            let grey = (255 - 255 * row / height) as u8;
            self.fill(layout.panel_width / 2 - 4 * size, top + row, 8 * size, 1, grey);
        }
    }

    /// A tick every centimetre beside the fan, a longer one every five.
    fn depth_scale(&mut self, layout: &Layout, size: usize) {
        let x = layout.width - 10 * size;
        for centimetre in 0..=(layout.depth_mm / 10.0) as usize {
            let y = layout.pixel(vec2(0.0, centimetre as f32 * 10.0)).y as usize;
            let length = if centimetre % 5 == 0 { 8 } else { 4 };
            self.fill(x, y, length * size, size, TEXT_GREY);
        }
    }
}
