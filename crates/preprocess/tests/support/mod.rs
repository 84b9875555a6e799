//! What several test files draw on.
#![allow(dead_code)] // every test binary uses its own part

/// A picture of an ultrasound machine's screen, drawn frame by frame: a fan of speckle, and what stands around it.
pub struct Screen {
    pub width: usize,
    pub height: usize,
    pub frames: Vec<Vec<u8>>,
    fan: Fan,
}

/// A sector: apex, inner and outer radius, half opening angle.
#[derive(Clone, Copy)]
pub struct Fan {
    pub apex: (f64, f64),
    pub radii: (f64, f64),
    pub half_angle: f64,
}

impl Fan {
    /// Whether a point lies at least `margin` pixels inside.
    pub fn holds(&self, x: f64, y: f64, margin: f64) -> bool {
        let (dx, dy) = (x - self.apex.0, y - self.apex.1);
        let r = dx.hypot(dy);
        let to_side = r * (self.half_angle - dx.atan2(dy).abs()).sin();
        r >= self.radii.0 + margin && r <= self.radii.1 - margin && to_side >= margin
    }
}

/// A value in 0..1 that depends on its arguments alone.
pub fn noise(x: usize, y: usize, t: usize) -> f64 {
    let mut h = (x as u64) << 40 ^ (y as u64) << 20 ^ t as u64;
    for _ in 0..3 {
        h = (h ^ (h >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    (h >> 40) as f64 / (1_u64 << 24) as f64
}

impl Screen {
    /// A black screen of 480 x 360 with a speckled fan, `count` frames.
    pub fn with_fan(count: usize) -> Screen {
        let fan = Fan { apex: (240.0, -40.0), radii: (75.0, 360.0), half_angle: 0.62 };
        let mut screen = Screen { width: 480, height: 360, frames: vec![vec![0; 480 * 360]; count], fan };
        screen.paint(|x, y, t, _| {
            let inside = fan.holds(x as f64, y as f64, 0.0);
            inside.then(|| (90.0 * (0.4 + 1.2 * noise(x / 2, y / 2, t))) as u8)
        });
        screen
    }

    pub fn fan(&self) -> Fan {
        self.fan
    }

    /// Sets each pixel for which `ink(x, y, frame, old)` gives a value.
    pub fn paint(&mut self, ink: impl Fn(usize, usize, usize, u8) -> Option<u8>) {
        for (t, frame) in self.frames.iter_mut().enumerate() {
            for (i, pixel) in frame.iter_mut().enumerate() {
                if let Some(value) = ink(i % self.width, i / self.width, t, *pixel) {
                    *pixel = value;
                }
            }
        }
    }

    /// Strokes like those of letters, `lines` lines of them in a box.
    pub fn write_text(&mut self, left: usize, top: usize, width: usize, lines: usize) {
        self.paint(move |x, y, _, _| {
            let inside = (left..left + width).contains(&x) && (top..top + 14 * lines).contains(&y);
            let (u, v) = ((x.wrapping_sub(left)) % 8, (y.wrapping_sub(top)) % 14);
            let stroke = v < 10 && (u < 2 || (v % 4 == 0 && u < 6));
            (inside && stroke).then_some(235)
        });
    }

    pub fn views(&self) -> Vec<&[u8]> {
        self.frames.iter().map(Vec::as_slice).collect()
    }
}
