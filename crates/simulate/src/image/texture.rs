//! Slow texture: smooth random variation of brightness inside one tissue.

use super::fast;
use crate::rng::{Stream, normal};

const SIDE: usize = 128;

/// A field of about zero mean and unit variance with one random value a cell, bilinear between, repeating after
/// 128 cells.
#[derive(Debug, Clone)]
pub struct Texture(Box<[f32; SIDE * SIDE]>);

impl Texture {
    /// A new field.
    pub fn draw(rng: &mut Stream) -> Self {
        let table: Vec<f32> = (0..SIDE * SIDE).map(|_| normal(rng).clamp(-2.5, 2.5)).collect();
        Self(table.try_into().expect("as many as the table holds"))
    }

    /// Value at a point given in cells.
    #[inline]
    pub fn at(&self, x: f32, y: f32) -> f32 {
        // the nearest whole number half a cell down is the one below
        let (x, y) = (x - 0.5, y - 0.5);
        let (fx, fy) = (x - fast::round(x) + 0.5, y - fast::round(y) + 0.5);
        let (c0, r0) = (fast::wrapped::<SIDE>(x), fast::wrapped::<SIDE>(y));
        let (c1, r1) = ((c0 + 1) % SIDE, (r0 + 1) % SIDE);
        let value = |r: usize, c: usize| self.0[r * SIDE + c];
        let top = value(r0, c0) + fx * (value(r0, c1) - value(r0, c0));
        let bottom = value(r1, c0) + fx * (value(r1, c1) - value(r1, c0));
        // bilinear mixing takes variance away: 4/9 is what is left on average
        1.5 * (top + fy * (bottom - top))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::stream;

    #[test]
    fn has_about_unit_variance_and_repeats() {
        let texture = Texture::draw(&mut stream(3, "texture", 0));
        let values: Vec<f32> =
            (0..20_000).map(|i| texture.at(i as f32 * 0.37, (i / 100) as f32 * 0.41)).collect();
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32;
        assert!(mean.abs() < 0.1 && (0.8..1.2).contains(&variance), "{mean} {variance}");
        assert!((texture.at(-3.3, 5.5) - texture.at(124.7, 133.5)).abs() < 1e-2);
    }
}
