//! One bilinear resampling of a frame by an affine map.
//!
//! Every geometric change (flip, rotation, aspect, crop) goes into one map, so that a frame is interpolated once.
//! Outside the frame the image is mirrored at its edge pixels: a black border or a smear would be a cue that is in no
//! recording, while mirrored speckle looks like speckle.

use super::{Size, Tone};

/// From a pixel of the result to the place in the source it is read from, both in pixels from the frame's centre:
/// `x' = xx x + xy y + dx`, `y' = yx x + yy y + dy`, x to the right, y downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Warp {
    /// Share of x in x'.
    pub xx: f32,
    /// Share of y in x'.
    pub xy: f32,
    /// Share of x in y'.
    pub yx: f32,
    /// Share of y in y'.
    pub yy: f32,
    /// Shift of x' in pixels.
    pub dx: f32,
    /// Shift of y' in pixels.
    pub dy: f32,
}

impl Warp {
    /// Every pixel is read from its own place; the result equals the source exactly.
    pub const IDENTITY: Self = Self { xx: 1.0, xy: 0.0, yx: 0.0, yy: 1.0, dx: 0.0, dy: 0.0 };
}

/// A rectangle of the frame, blown up to the frame's size and perhaps mirrored left to right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crop {
    /// Left edge as a share of the frame's width.
    pub left: f32,
    /// Top edge as a share of the frame's height.
    pub top: f32,
    /// Sides of the rectangle as a share of the frame's, above 0.
    pub side: f32,
    /// Mirror left to right afterwards.
    pub mirror: bool,
}

impl Crop {
    /// The whole frame.
    #[cfg(test)]
    pub const WHOLE: Self = Self { left: 0.0, top: 0.0, side: 1.0, mirror: false };

    /// The map that shows this rectangle of a frame of `size`.
    pub fn warp(&self, size: Size) -> Warp {
        let shift = |start: f32, pixels: usize| (start + self.side / 2.0 - 0.5) * pixels as f32;
        let sign = if self.mirror { -1.0 } else { 1.0 };
        Warp {
            xx: sign * self.side,
            yy: self.side,
            dx: shift(self.left, size.width),
            dy: shift(self.top, size.height),
            ..Warp::IDENTITY
        }
    }

    /// Where a point `[x, y]` of the frame (shares of its width and height) lies in the result, on the same scale.
    pub fn point(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let (x, y) = ((x - self.left) / self.side, (y - self.top) / self.side);
        [if self.mirror { 1.0 - x } else { x }, y]
    }
}

/// Resamples `frame` (grey levels, row by row) into `out` of the same size, after the tone curve.
///
/// # Panics
/// When `frame` or `out` is not of `size`: callers cut them to it.
pub fn warp(frame: &[u8], size: Size, map: &Warp, tone: &Tone, out: &mut [f32]) {
    assert!(frame.len() == size.area() && out.len() == size.area(), "frame and result are of {size}");
    let (centre_x, centre_y) = (centre(size.width), centre(size.height));
    let pixel = |x: usize, y: usize| tone.of(frame[y * size.width + x]);
    for (row, values) in out.chunks_exact_mut(size.width).enumerate() {
        let y = row as f32 - centre_y;
        for (column, value) in values.iter_mut().enumerate() {
            let x = column as f32 - centre_x;
            let (left, right, across) = between(centre_x + map.xx * x + map.xy * y + map.dx, size.width);
            let (top, bottom, down) = between(centre_y + map.yx * x + map.yy * y + map.dy, size.height);
            let upper = pixel(left, top) * (1.0 - across) + pixel(right, top) * across;
            let lower = pixel(left, bottom) * (1.0 - across) + pixel(right, bottom) * across;
            *value = upper * (1.0 - down) + lower * down;
        }
    }
}

fn centre(pixels: usize) -> f32 {
    (pixels as f32 - 1.0) / 2.0
}

/// The two pixels around `at`, mirrored into `0..pixels`, and how far it lies from the first to the second.
fn between(at: f32, pixels: usize) -> (usize, usize, f32) {
    let last = (pixels - 1) as f32;
    let mirrored = if at < 0.0 { -at } else { at };
    let mirrored = if mirrored > last { 2.0 * last - mirrored } else { mirrored };
    // more than a whole frame outside: the nearest edge
    let inside = mirrored.clamp(0.0, last);
    let first = inside.floor();
    (first as usize, (first as usize + 1).min(pixels - 1), inside - first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { height: 13, width: 18 };

    fn frame() -> Vec<u8> {
        (0..SIZE.area()).map(|i| (i * 37 % 251) as u8).collect()
    }

    fn warped(frame: &[u8], map: &Warp) -> Vec<f32> {
        let mut out = vec![0.0; SIZE.area()];
        warp(frame, SIZE, map, &Tone::unchanged(), &mut out);
        out
    }

    #[test]
    fn identity_is_exact() {
        let expected: Vec<f32> = frame().iter().map(|&v| f32::from(v)).collect();
        assert_eq!(warped(&frame(), &Warp::IDENTITY), expected);
        assert_eq!(warped(&frame(), &Crop::WHOLE.warp(SIZE)), expected);
    }

    #[test]
    fn mirroring_is_exact_and_its_own_inverse() {
        let mirror = Crop { mirror: true, ..Crop::WHOLE }.warp(SIZE);
        let once = warped(&frame(), &mirror);
        assert_eq!(once[0], f32::from(frame()[SIZE.width - 1]));
        let bytes: Vec<u8> = once.iter().map(|&v| v as u8).collect();
        assert_eq!(warped(&bytes, &mirror), warped(&frame(), &Warp::IDENTITY));
    }

    #[test]
    fn a_turn_by_90_degrees_moves_pixels_to_their_places() {
        let size = Size { height: 5, width: 5 };
        let frame: Vec<u8> = (0..25).collect();
        let turn = Warp { xx: 0.0, xy: 1.0, yx: -1.0, yy: 0.0, dx: 0.0, dy: 0.0 };
        let mut out = vec![0.0; 25];
        warp(&frame, size, &turn, &Tone::unchanged(), &mut out);
        // result (x, y) is source (y, -x) from the centre: the top right corner comes from the top left one
        assert_eq!((out[4], out[0], out[12]), (0.0, 20.0, 12.0));
    }

    #[test]
    fn outside_is_mirrored_at_the_edge_pixel() {
        let right = Warp { dx: 2.0, ..Warp::IDENTITY };
        let out = warped(&frame(), &right);
        let last = SIZE.width - 1;
        assert_eq!(out[last], f32::from(frame()[last - 2]), "two beyond the last is two before it");
        let far = Warp { dx: 1e6, ..Warp::IDENTITY };
        assert!(warped(&frame(), &far).iter().all(|v| v.is_finite()));
    }

    #[test]
    fn half_a_pixel_is_the_mean_of_two() {
        let out = warped(&frame(), &Warp { dx: 0.5, ..Warp::IDENTITY });
        assert_eq!(out[3], (f32::from(frame()[3]) + f32::from(frame()[4])) / 2.0);
    }

    #[test]
    fn a_crop_moves_points_with_the_image() {
        let size = Size { height: 60, width: 80 };
        let crop = Crop { left: 0.2, top: 0.05, side: 0.75, mirror: true };
        let (row, column) = (30, 50);
        let mut frame = vec![0; size.area()];
        frame[row * size.width + column] = 255;
        let mut out = vec![0.0; size.area()];
        warp(&frame, size, &crop.warp(size), &Tone::unchanged(), &mut out);
        let total: f32 = out.iter().sum();
        let mean =
            |at: &dyn Fn(usize) -> f32| out.iter().enumerate().map(|(i, v)| at(i) * v).sum::<f32>() / total;
        let x = mean(&|i| ((i % size.width) as f32 + 0.5) / size.width as f32);
        let y = mean(&|i| ((i / size.width) as f32 + 0.5) / size.height as f32);
        let expected = crop.point([(column as f32 + 0.5) / 80.0, (row as f32 + 0.5) / 60.0]);
        assert!((x - expected[0]).abs() < 0.01 && (y - expected[1]).abs() < 0.01, "{x} {y} {expected:?}");
    }
}
