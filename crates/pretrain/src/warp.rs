//! Affine transforms of grey frames about their centre.

use rand::Rng;

use crate::AffineConfig;

/// Parameters of a transform: rotation, scale, shear, shift along x, shift along y.
pub const PARAMETERS: usize = 5;

/// A transform about the frame's centre: a point goes to `R(rotation) Shear scale point + shift`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Warp {
    /// Counter-clockwise as seen with y downwards, in radians.
    pub rotation: f64,
    /// Factor of size, above 0.
    pub scale: f64,
    /// x moves by this share of y.
    pub shear: f64,
    /// Shift along x and y, as shares of width and height.
    pub shift: [f64; 2],
    /// Left and right exchanged first.
    pub mirror: bool,
}

impl Warp {
    /// What leaves a frame as it is.
    pub const NONE: Self = Self { rotation: 0.0, scale: 1.0, shear: 0.0, shift: [0.0; 2], mirror: false };

    /// A random transform inside `ranges` and its parameters, each -1 to 1 of its range (0 where the range is 0).
    pub fn draw(ranges: &AffineConfig, rng: &mut impl Rng) -> (Self, [f32; PARAMETERS]) {
        let of = [ranges.rotation_degrees, ranges.scale, ranges.shear, ranges.shift, ranges.shift];
        let unit = of.map(|range| {
            let drawn = rng.random_range(-1.0..1.0f64);
            if range > 0.0 { drawn } else { 0.0 }
        });
        let warp = Self {
            rotation: (ranges.rotation_degrees * unit[0]).to_radians(),
            scale: (1.0 + ranges.scale).powf(unit[1]),
            shear: ranges.shear * unit[2],
            shift: [ranges.shift * unit[3], ranges.shift * unit[4]],
            mirror: false,
        };
        (warp, unit.map(|value| value as f32))
    }

    /// Resamples `grey` (`height * width`) bilinearly. What lies outside of the frame is the frame mirrored at its edge:
    /// black corners would tell the transform without a look at the anatomy.
    pub fn apply(&self, grey: &[f32], height: usize, width: usize) -> Vec<f32> {
        let (sin, cos) = self.rotation.sin_cos();
        // [[cos, -sin], [sin, cos]] [[1, shear], [0, 1]] scale, and its inverse
        let forward =
            [cos, cos * self.shear - sin, sin, sin * self.shear + cos].map(|value| value * self.scale);
        let determinant = forward[0] * forward[3] - forward[1] * forward[2];
        let inverse = [forward[3], -forward[1], -forward[2], forward[0]].map(|value| value / determinant);
        let (centre_y, centre_x) = ((height - 1) as f64 / 2.0, (width - 1) as f64 / 2.0);
        let (shift_x, shift_y) = (self.shift[0] * width as f64, self.shift[1] * height as f64);
        let mut out = Vec::with_capacity(grey.len());
        for row in 0..height {
            for column in 0..width {
                let (x, y) = (column as f64 - centre_x - shift_x, row as f64 - centre_y - shift_y);
                let from_x = inverse[0] * x + inverse[1] * y;
                let from_y = inverse[2] * x + inverse[3] * y + centre_y;
                let from_x = if self.mirror { centre_x - from_x } else { centre_x + from_x };
                out.push(bilinear(grey, (height, width), from_y, from_x));
            }
        }
        out
    }
}

/// The value between four pixels, the frame mirrored beyond its edges.
fn bilinear(grey: &[f32], (height, width): (usize, usize), y: f64, x: f64) -> f32 {
    let (top, left) = (y.floor(), x.floor());
    let (down, right) = ((y - top) as f32, (x - left) as f32);
    let rows = [top, top + 1.0].map(|row| reflect(row, height));
    let columns = [left, left + 1.0].map(|column| reflect(column, width));
    let at = |row: usize, column: usize| grey[rows[row] * width + columns[column]];
    let upper = at(0, 0) + (at(0, 1) - at(0, 0)) * right;
    let lower = at(1, 0) + (at(1, 1) - at(1, 0)) * right;
    upper + (lower - upper) * down
}

/// A whole place mirrored into `0..size`, the edge pixel not repeated.
fn reflect(place: f64, size: usize) -> usize {
    let period = (2 * (size - 1)).max(1) as f64;
    let inside = place.rem_euclid(period) as usize;
    if inside < size { inside } else { 2 * (size - 1) - inside }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    /// A frame of 5 x 7 whose pixels all differ.
    fn frame() -> Vec<f32> {
        (0..35).map(|at| at as f32).collect()
    }

    #[test]
    fn nothing_stays_and_a_mirror_exchanges_left_and_right() {
        assert_eq!(Warp::NONE.apply(&frame(), 5, 7), frame());
        let mirrored = Warp { mirror: true, ..Warp::NONE }.apply(&frame(), 5, 7);
        assert_eq!(mirrored[..7], [6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0]);
    }

    #[test]
    fn a_quarter_turn_and_a_shift_move_the_pixels_they_should() {
        let square: Vec<f32> = (0..25).map(|at| at as f32).collect();
        let turned = Warp { rotation: std::f64::consts::FRAC_PI_2, ..Warp::NONE }.apply(&square, 5, 5);
        // what was at the right (2, 4) is now at the bottom (4, 2): y points down
        assert!((turned[4 * 5 + 2] - square[2 * 5 + 4]).abs() < 1e-3, "{turned:?}");
        let shifted = Warp { shift: [0.2, 0.4], ..Warp::NONE }.apply(&square, 5, 5);
        assert!((shifted[3 * 5 + 2] - square[5 + 1]).abs() < 1e-3, "{shifted:?}");
        let twice = Warp { scale: 2.0, ..Warp::NONE }.apply(&square, 5, 5);
        assert!((twice[4 * 5 + 4] - square[3 * 5 + 3]).abs() < 1e-3, "{twice:?}");
        let sheared = Warp { shear: 1.0, ..Warp::NONE }.apply(&square, 5, 5);
        assert!((sheared[3 * 5 + 3] - square[3 * 5 + 2]).abs() < 1e-3, "{sheared:?}");
    }

    #[test]
    fn beyond_the_edge_the_frame_is_mirrored() {
        assert_eq!([-2.0, -1.0, 0.0, 4.0, 5.0, 8.0, 9.0].map(|at| reflect(at, 5)), [2, 1, 0, 4, 3, 0, 1]);
        let outside = Warp { shift: [1.5, -1.5], ..Warp::NONE }.apply(&frame(), 5, 7);
        assert!(outside.iter().all(|value| (0.0..35.0).contains(value)), "{outside:?}");
    }

    #[test]
    fn parameters_fill_their_range_and_a_range_of_zero_gives_zero() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let ranges = AffineConfig { shear: 0.0, ..AffineConfig::default() };
        let (mut least, mut most) = ([1.0f32; PARAMETERS], [-1.0f32; PARAMETERS]);
        for _ in 0..500 {
            let (warp, unit) = Warp::draw(&ranges, &mut rng);
            assert_eq!((warp.shear, unit[2]), (0.0, 0.0));
            assert!((warp.scale.ln() / 1.25f64.ln() - f64::from(unit[1])).abs() < 1e-6);
            for (at, value) in unit.into_iter().enumerate() {
                (least[at], most[at]) = (least[at].min(value), most[at].max(value));
            }
        }
        for at in [0, 1, 3, 4] {
            assert!(least[at] < -0.95 && most[at] > 0.95, "{least:?} {most:?}");
        }
    }
}
