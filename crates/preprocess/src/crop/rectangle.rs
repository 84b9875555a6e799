//! The best upright rectangle inside a region.

use super::mask::Mask;

/// Rows are tried in steps, so that at most this many remain.
const ROWS_TRIED: usize = 256;
/// How strongly the aspect is wished for: a rectangle twice as wide or half as wide as asked for loses a sixth
/// of its value, because both axes are resized to the recipe's frame whatever the aspect was.
const ASPECT_WEIGHT: f64 = 0.4;

/// A rectangle in pixels of the mask; `right` and `bottom` are exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First column and row.
    pub left: usize,
    #[allow(missing_docs)]
    pub top: usize,
    /// One past the last column and row.
    pub right: usize,
    #[allow(missing_docs)]
    pub bottom: usize,
}

impl Span {
    /// Pixels to a row.
    pub fn width(&self) -> usize {
        self.right - self.left
    }
    /// Rows.
    pub fn height(&self) -> usize {
        self.bottom - self.top
    }
}

/// The rectangle inside `region` with the largest value: the sum of `weight` over its pixels, times a
/// preference for the aspect (width / height). `None` where the region is empty. Returns the value too.
///
/// Every pair of rows is tried with every run of columns that is inside in all rows between them: exact at
/// this resolution, and cheap, since a region this size has few runs.
pub fn best(region: &Mask, weight: &[f32], aspect: f64) -> Option<(Span, f64)> {
    let (w, h) = (region.width, region.height);
    let sums = integral(weight, w);
    let step = h.div_ceil(ROWS_TRIED);
    let mut best: Option<(Span, f64)> = None;
    for top in (0..h).step_by(step) {
        let mut open = vec![true; w];
        for bottom in top + 1..=h {
            let row = &region.bits[(bottom - 1) * w..bottom * w];
            let mut any = false;
            for (o, r) in open.iter_mut().zip(row) {
                *o &= *r;
                any |= *o;
            }
            if !any {
                break;
            }
            if (bottom - top) % step == 0 || bottom == h {
                consider_runs(&open, top, bottom, &sums, aspect, &mut best);
            }
        }
    }
    best
}

fn consider_runs(
    open: &[bool],
    top: usize,
    bottom: usize,
    sums: &[f64],
    aspect: f64,
    best: &mut Option<(Span, f64)>,
) {
    let stride = open.len() + 1;
    let mut left = 0;
    while let Some(start) = open[left..].iter().position(|o| *o).map(|p| p + left) {
        let right = open[start..].iter().position(|o| !*o).map_or(open.len(), |p| p + start);
        let span = Span { left: start, top, right, bottom };
        let at = |y: usize, x: usize| sums[y * stride + x];
        let sum = at(bottom, right) - at(top, right) - at(bottom, start) + at(top, start);
        let off = (span.width() as f64 / span.height() as f64 / aspect).ln();
        let value = sum * (-ASPECT_WEIGHT * off * off).exp();
        if best.is_none_or(|(_, v)| value > v) {
            *best = Some((span, value));
        }
        left = right;
    }
}

/// Summed-area table with a leading row and column of zeros.
fn integral(weight: &[f32], width: usize) -> Vec<f64> {
    let stride = width + 1;
    let mut sums = vec![0.0; stride];
    for row in weight.chunks_exact(width) {
        let above = sums.len() - stride;
        let mut run = 0.0;
        sums.push(0.0);
        for (x, value) in row.iter().enumerate() {
            run += f64::from(*value);
            sums.push(run + sums[above + x + 1]);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rectangle_is_found_exactly() {
        let inside = |x: usize, y: usize| (3..17).contains(&x) && (2..13).contains(&y);
        let mask = Mask::from_fn(20, 15, |i| inside(i % 20, i / 20));
        let (span, _) = best(&mask, &[1.0; 300], 1.0).unwrap();
        assert_eq!(span, Span { left: 3, top: 2, right: 17, bottom: 13 });
    }

    #[test]
    fn an_empty_region_has_none() {
        let mask = Mask::from_fn(20, 15, |_| false);
        assert!(best(&mask, &[1.0; 300], 1.0).is_none());
    }

    #[test]
    fn in_an_l_the_aspect_and_the_weight_decide() {
        // an L of two 10 x 30 arms
        let mask = Mask::from_fn(30, 30, |i| i % 30 < 10 || i / 30 >= 20);
        let even = vec![1.0; 900];
        let (tall, _) = best(&mask, &even, 0.33).unwrap();
        assert_eq!((tall.width(), tall.height()), (10, 30));
        let (wide, _) = best(&mask, &even, 3.0).unwrap();
        assert_eq!((wide.width(), wide.height()), (30, 10));
        let right: Vec<f32> = (0..900).map(|i| if i % 30 >= 10 { 3.0 } else { 1.0 }).collect();
        assert_eq!(best(&mask, &right, 1.0).unwrap().0, wide);
    }
}
