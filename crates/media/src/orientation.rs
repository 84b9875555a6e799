//! Which way up the stored picture is to be shown.
//!
//! A container may carry a display matrix (a phone held upright stores the picture lying). The eight ways of turning
//! and mirroring by right angles are applied; any other matrix (a skew, an angle of 30 degrees, all zeros) is ignored.

use crate::CropRect;

/// How the stored picture becomes the shown one: swapped axes first, then mirrored along the shown axes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orientation {
    /// Rows become columns.
    pub transposed: bool,
    /// Left and right of the shown picture are swapped.
    pub flip_x: bool,
    /// Top and bottom of the shown picture are swapped.
    pub flip_y: bool,
}

impl Orientation {
    /// Reads FFmpeg's 3x3 display matrix (`[x' y' w'] = [x y w] * m`, row by row, 16.16 fixed point).
    pub(crate) fn from_matrix(matrix: &[i32; 9]) -> Self {
        let [a, b, _, c, d, ..] = *matrix;
        match (a != 0, b != 0, c != 0, d != 0) {
            (true, false, false, true) => Self { transposed: false, flip_x: a < 0, flip_y: d < 0 },
            (false, true, true, false) => Self { transposed: true, flip_x: c < 0, flip_y: b < 0 },
            _ => Self::default(),
        }
    }

    /// Reads the matrix as it lies in a stream's side data: nine native 32-bit integers.
    pub(crate) fn from_side_data(bytes: &[u8]) -> Self {
        let mut matrix = [0_i32; 9];
        let words =
            bytes.chunks_exact(4).map(|word| i32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
        matrix.iter_mut().zip(words).for_each(|(slot, word)| *slot = word);
        Self::from_matrix(&matrix)
    }

    /// Width and height of the shown picture, from those of the stored one; or the other way round.
    pub fn turn_size(self, (width, height): (u32, u32)) -> (u32, u32) {
        if self.transposed { (height, width) } else { (width, height) }
    }

    /// Where a rectangle of the shown picture lies in the stored one, of `stored` width and height.
    pub(crate) fn stored_rect(self, shown: CropRect, stored: (u32, u32)) -> CropRect {
        let (shown_width, shown_height) = self.turn_size(stored);
        let x = if self.flip_x { shown_width - shown.x - shown.width } else { shown.x };
        let y = if self.flip_y { shown_height - shown.y - shown.height } else { shown.y };
        if self.transposed {
            CropRect { x: y, y: x, width: shown.height, height: shown.width }
        } else {
            CropRect { x, y, width: shown.width, height: shown.height }
        }
    }

    /// Copies a stored picture, whose rows lie `stride` bytes apart, into `shown` (`[height, width]` as shown).
    pub(crate) fn copy(self, stored: &[u8], stride: usize, shown: &mut [u8], shown_width: usize) {
        let shown_height = shown.len() / shown_width;
        for (row, line) in shown.chunks_exact_mut(shown_width).enumerate() {
            let y = if self.flip_y { shown_height - 1 - row } else { row };
            if self.transposed {
                let column = stored.iter().skip(y).step_by(stride);
                if self.flip_x {
                    line.iter_mut().rev().zip(column).for_each(|(to, from)| *to = *from);
                } else {
                    line.iter_mut().zip(column).for_each(|(to, from)| *to = *from);
                }
            } else {
                line.copy_from_slice(&stored[y * stride..][..shown_width]);
                if self.flip_x {
                    line.reverse();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Orientation; 8] = {
        let mut all = [Orientation { transposed: false, flip_x: false, flip_y: false }; 8];
        let mut i = 0;
        while i < 8 {
            all[i] = Orientation { transposed: i & 1 != 0, flip_x: i & 2 != 0, flip_y: i & 4 != 0 };
            i += 1;
        }
        all
    };

    /// The pixel of the stored picture that a shown pixel comes from, one at a time.
    fn stored_pixel(o: Orientation, x: usize, y: usize, width: usize, height: usize) -> (usize, usize) {
        let x = if o.flip_x { width - 1 - x } else { x };
        let y = if o.flip_y { height - 1 - y } else { y };
        if o.transposed { (y, x) } else { (x, y) }
    }

    #[test]
    fn copies_every_pixel_to_its_place() {
        let (stored_width, stored_height, stride) = (5_usize, 3_usize, 8_usize);
        let stored: Vec<u8> = (0..(stride * stored_height) as u8).collect();
        for o in ALL {
            let (width, height) = o.turn_size((stored_width as u32, stored_height as u32));
            let (width, height) = (width as usize, height as usize);
            let mut shown = vec![0; width * height];
            o.copy(&stored, stride, &mut shown, width);
            for y in 0..height {
                for x in 0..width {
                    let (sx, sy) = stored_pixel(o, x, y, width, height);
                    assert_eq!(shown[y * width + x], stored[sy * stride + sx], "{o:?} at {x},{y}");
                }
            }
        }
    }

    #[test]
    fn finds_the_stored_rectangle() {
        let shown = CropRect { x: 1, y: 2, width: 3, height: 4 };
        for o in ALL {
            let stored_size = o.turn_size((10, 7));
            let rect = o.stored_rect(shown, stored_size);
            let corners = [(1, 2), (3, 5)].map(|(x, y)| stored_pixel(o, x, y, 10, 7));
            let (left, right) = (corners[0].0.min(corners[1].0), corners[0].0.max(corners[1].0));
            let (top, bottom) = (corners[0].1.min(corners[1].1), corners[0].1.max(corners[1].1));
            assert_eq!((rect.x, rect.y), (left as u32, top as u32), "{o:?}");
            assert_eq!(
                (rect.width, rect.height),
                ((right - left + 1) as u32, (bottom - top + 1) as u32),
                "{o:?}"
            );
        }
    }

    #[test]
    fn ignores_matrices_that_are_no_right_angle() {
        const ONE: i32 = 65536;
        assert_eq!(Orientation::from_matrix(&[0; 9]), Orientation::default());
        assert_eq!(
            Orientation::from_matrix(&[ONE, ONE, 0, -ONE, ONE, 0, 0, 0, 1 << 30]),
            Orientation::default()
        );
        let quarter = Orientation::from_matrix(&[0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30]);
        assert_eq!(quarter, Orientation { transposed: true, flip_x: true, flip_y: false });
    }
}
