//! What the machine shows around the fan: a grey side panel with the settings, the patient's line, a depth scale, a grey
//! bar, and the marks of a measurement on a frozen picture.
//!
//! Nothing of it depends on the plane. The patient's name is invented; it is there so that cropping can be tested on
//! pictures that carry one, as real ones do.

use super::font;
use super::layout::Layout;
use super::machine::Setting;
use crate::anatomy::Subject;
use crate::geometry::{Vec2, vec2};
use crate::probe::Freeze;
use crate::rng::stream;
use rand::Rng;
use rand::seq::IndexedRandom;

const PANEL_GREY: u8 = 58;
const TEXT_GREY: u8 = 205;
/// Words that no patient is called: invented names are put together from them.
const LAST_NAMES: [&str; 12] = [
    "ALDERMOOR",
    "BRACKENWELL",
    "COTTERLEDGE",
    "DUNNABECK",
    "ELMSTONE",
    "FERNACRE",
    "GORSEHAM",
    "HAZELFORD",
    "IVYCOTE",
    "JUNIPER",
    "KESTRELMERE",
    "LARCHBANK",
];
const FIRST_NAMES: [&str; 8] =
    ["AVENS", "BRYONY", "CICELY", "DITTANY", "EYEBRIGHT", "FENNEL", "GENTIAN", "HYSSOP"];

/// The invented patient whose line is burnt into the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patient {
    /// last and first name
    pub name: String,
    /// hospital number
    pub number: String,
}

impl Patient {
    /// That of subject `index`.
    pub fn of(seed: u64, index: usize) -> Self {
        let rng = &mut stream(seed, "patient", index);
        let word = |words: &[&'static str], rng: &mut crate::rng::Stream| {
            *words.choose(rng).expect("there are words")
        };
        Self {
            name: format!("{}, {}", word(&LAST_NAMES, rng), word(&FIRST_NAMES, rng)),
            number: format!("H{:07}", rng.random_range(0..10_000_000)),
        }
    }
}

/// The picture without the fan.
pub struct Screen(Vec<u8>);

impl Screen {
    /// Draws the surroundings for one setting of the machine.
    pub fn new(setting: &Setting, subject: &Subject, patient: &Patient) -> Self {
        let layout = &setting.layout;
        let mut canvas = Canvas { width: layout.width, grey: vec![0; layout.width * layout.height] };
        canvas.fill(0, 0, layout.panel_width, layout.height, PANEL_GREY);
        let size = (layout.height / 300).max(1);
        let (left, line) = (layout.panel_width / 12, 11 * size);
        for (row, text) in texts(setting, subject).iter().enumerate() {
            canvas.text(left, line * (row + 2), size, text);
        }
        let header = format!("{}  {}  SONOVOX SIMULATION", patient.name, patient.number);
        canvas.text(layout.panel_width + 4 * size, 4 * size, size, &header);
        canvas.grey_bar(layout, size);
        canvas.depth_scale(layout, size);
        Self(canvas.grey)
    }

    /// Copies the picture into a frame.
    pub fn copy_to(&self, out: &mut [u8]) {
        out.copy_from_slice(&self.0);
    }
}

fn texts(setting: &Setting, subject: &Subject) -> [String; 8] {
    [
        "OB 2/3".to_owned(),
        "C5-1".to_owned(),
        String::new(),
        format!("D {:.1}CM", setting.layout.depth_mm / 10.0),
        format!("GN {:.0}", 50.0 + 4.0 * setting.gain_db),
        format!("DR {:.0}", subject.dynamic_range_db),
        "MI 1.1".to_owned(),
        "TIS 0.3".to_owned(),
    ]
}

/// Writes "FREEZE" beside the fan and draws the calipers: two crosses joined by dots.
pub fn mark_frozen(layout: &Layout, freeze: &Freeze, out: &mut [u8]) {
    let size = (layout.height / 300).max(1);
    draw_text(out, layout.width, layout.panel_width / 12, layout.height - 10 * size, size, "FREEZE");
    let Some(ends) = freeze.calipers else { return };
    let ends = ends.map(|end| layout.pixel(end));
    let (way, reach) = (ends[1] - ends[0], 3 * size as i32);
    let dots = (way.length() / (4 * size) as f32) as usize;
    let mut dot = |at: Vec2, dx: i32, dy: i32| {
        let (x, y) = (at.x as i32 + dx, at.y as i32 + dy);
        if (0..layout.width as i32).contains(&x) && (0..layout.height as i32).contains(&y) {
            out[y as usize * layout.width + x as usize] = 255;
        }
    };
    for i in 0..=dots {
        dot(ends[0] + way * (i as f32 / dots.max(1) as f32), 0, 0);
    }
    for end in ends {
        for step in -reach..=reach {
            dot(end, step, 0);
            dot(end, 0, step);
        }
    }
}

/// Writes a line of text into a picture `[height, width]` at a pixel, `size` pixels to a dot of the font.
pub fn draw_text(grey: &mut [u8], width: usize, x: usize, y: usize, size: usize, text: &str) {
    for (i, character) in text.chars().enumerate() {
        let left = x + i * (font::WIDTH + 1) * size;
        for (row, bits) in font::glyph(character).iter().enumerate() {
            for column in (0..font::WIDTH).filter(|column| bits >> (font::WIDTH - 1 - column) & 1 == 1) {
                fill(grey, width, left + column * size, y + row * size, size, size, TEXT_GREY);
            }
        }
    }
}

fn fill(grey: &mut [u8], stride: usize, x: usize, y: usize, width: usize, height: usize, value: u8) {
    let end = (x + width).min(stride);
    for row in grey.chunks_exact_mut(stride).skip(y).take(height) {
        if x < end {
            row[x..end].fill(value);
        }
    }
}

struct Canvas {
    width: usize,
    grey: Vec<u8>,
}

impl Canvas {
    fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, grey: u8) {
        fill(&mut self.grey, self.width, x, y, width, height, grey);
    }

    fn text(&mut self, x: usize, y: usize, size: usize, text: &str) {
        draw_text(&mut self.grey, self.width, x, y, size, text);
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
