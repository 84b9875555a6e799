//! What the gaze predictor should predict: a density over the map's cells, from the gaze points of a frame.

use crate::image::Size;

/// Spread of the Gaussians, as shares of the map's width and height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Standard deviation along x as a share of the map's width.
    pub x: f64,
    /// Standard deviation along y as a share of the map's height.
    pub y: f64,
}

impl Spread {
    /// The spread of a circular Gaussian of `sigma` frame widths on a frame of `frame` pixels, of which a crop shows
    /// `side` of each side: what is cropped is blown up, and the visual angle with it.
    pub fn circular(sigma: f64, frame: Size, side: f64) -> Self {
        Self { x: sigma / side, y: sigma * frame.width as f64 / frame.height as f64 / side }
    }
}

/// Sum of Gaussians at `points` (`[x, y]`, shares of the map's width and height), taken at the cells' centres and
/// normalised to sum 1.
///
/// # Shapes
/// Result: `map.height * map.width` values, row by row.
///
/// # Panics
/// When `points` is empty: frames without gaze have no target and are left out before.
pub fn density(points: &[[f32; 2]], spread: Spread, map: Size) -> Vec<f32> {
    assert!(!points.is_empty(), "a frame without gaze has no target");
    let exponents: Vec<Vec<f64>> = points.iter().map(|&point| exponents(point, spread, map)).collect();
    // a spread far below a cell would underflow everywhere: the largest term is taken out of the sum
    let largest = exponents.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
    let sums: Vec<f64> =
        (0..map.area()).map(|cell| exponents.iter().map(|of| (of[cell] - largest).exp()).sum()).collect();
    let total: f64 = sums.iter().sum();
    sums.iter().map(|sum| (sum / total) as f32).collect()
}

fn exponents([x, y]: [f32; 2], spread: Spread, map: Size) -> Vec<f64> {
    let away = |cell: usize, cells: usize, at: f32, sigma: f64| {
        (((cell as f64 + 0.5) / cells as f64 - f64::from(at)) / sigma).powi(2)
    };
    (0..map.area())
        .map(|cell| {
            let (row, column) = (cell / map.width, cell % map.width);
            -0.5 * (away(column, map.width, x, spread.x) + away(row, map.height, y, spread.y))
        })
        .collect()
}

/// The cell in which each point lies, as a place in the map's values.
pub fn fixations(points: &[[f32; 2]], map: Size) -> Vec<usize> {
    let cell = |at: f32, cells: usize| ((at * cells as f32).max(0.0) as usize).min(cells - 1);
    points.iter().map(|&[x, y]| cell(y, map.height) * map.width + cell(x, map.width)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: Size = Size { height: 28, width: 36 };
    const FRAME: Size = Size { height: 224, width: 288 };

    #[test]
    fn targets_sum_to_one_whatever_the_spread() {
        for sigma in [1e-5, 0.005, 0.05, 1.0, 50.0] {
            for points in [vec![[0.5, 0.5]], vec![[0.0, 0.0], [1.0, 1.0], [0.3, 0.9]]] {
                let target = density(&points, Spread::circular(sigma, FRAME, 1.0), MAP);
                let sum: f64 = target.iter().map(|&v| f64::from(v)).sum();
                assert!((sum - 1.0).abs() < 1e-5, "sigma {sigma}: {sum}");
                assert!(target.iter().all(|v| v.is_finite() && *v >= 0.0));
            }
        }
    }

    #[test]
    fn mean_and_deviation_are_those_of_the_gaussian() {
        let target = density(&[[0.4, 0.55]], Spread::circular(0.06, FRAME, 1.0), MAP);
        let moment = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
            (0..MAP.area())
                .map(|cell| {
                    let x = ((cell % 36) as f64 + 0.5) / 36.0;
                    let y = ((cell / 36) as f64 + 0.5) / 28.0;
                    f64::from(target[cell]) * of(x, y)
                })
                .sum()
        };
        let (x, y) = (moment(&|x, _| x), moment(&|_, y| y));
        assert!((x - 0.4).abs() < 1e-3 && (y - 0.55).abs() < 1e-3, "{x} {y}");
        // both deviations are the same number of pixels
        let dx = moment(&|at, _| (at - x).powi(2)).sqrt() * 288.0;
        let dy = moment(&|_, at| (at - y).powi(2)).sqrt() * 224.0;
        assert!((dx - 0.06 * 288.0).abs() < 0.2 && (dy - dx).abs() < 0.2, "{dx} {dy}");
    }

    #[test]
    fn every_point_counts_the_same_and_a_crop_blows_the_spread_up() {
        let target = density(&[[0.25, 0.5], [0.75, 0.5]], Spread::circular(0.04, FRAME, 1.0), MAP);
        let left: f32 = (0..MAP.area()).filter(|cell| cell % 36 < 18).map(|cell| target[cell]).sum();
        assert!((left - 0.5).abs() < 1e-5);
        assert!((Spread::circular(0.04, FRAME, 0.8).x - 0.05).abs() < 1e-12);
    }

    #[test]
    fn points_fall_into_their_cells() {
        let points = [[0.0, 0.0], [1.0, 1.0], [0.5, 0.0], [0.03, 0.99]];
        assert_eq!(fixations(&points, MAP), [0, MAP.area() - 1, 18, 27 * 36 + 1]);
    }
}
