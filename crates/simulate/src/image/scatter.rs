//! Scatterers: complex white noise that belongs to the body, so that speckle moves with the tissue and changes
//! when the plane does.

use super::fast::wrapped;
use crate::rng::{Stream, normal};

const SIDE: usize = 128;
/// Side of a cell, mm: about a pixel of the default screen.
const CELL_MM: f32 = 0.42;
/// Distance along the travel over which speckle becomes unrelated, mm: about the thickness of the slice.
const SLICE_MM: f32 = 1.6;

/// A field of circular complex Gaussian values of unit variance a component, repeating after 128 cells.
#[derive(Debug, Clone)]
pub struct Scatterers(Box<[[f32; 2]; SIDE * SIDE]>);

/// The two stacked fields that a plane lies between and its share of each.
#[derive(Debug, Clone, Copy)]
pub struct Slice {
    shifts: [[usize; 2]; 2],
    shares: [f32; 2],
}

impl Slice {
    /// The slice at a travel of the probe.
    pub fn at(travel_mm: f32) -> Self {
        let place = travel_mm / SLICE_MM;
        let whole = place.floor();
        let (sin, cos) = ((place - whole) * std::f32::consts::FRAC_PI_2).sin_cos();
        Self { shifts: [shift(whole as i64), shift(whole as i64 + 1)], shares: [cos, sin] }
    }
}

/// Where in the table a slice starts.
fn shift(slice: i64) -> [usize; 2] {
    let mixed = (slice as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    [(mixed >> 20) as usize % SIDE, (mixed >> 40) as usize % SIDE]
}

impl Scatterers {
    /// A new field.
    pub fn draw(rng: &mut Stream) -> Self {
        let table: Vec<[f32; 2]> = (0..SIDE * SIDE).map(|_| [normal(rng), normal(rng)]).collect();
        Self(table.try_into().expect("as many as the table holds"))
    }

    /// The scatterer nearest to a point of the body (mm) in a slice.
    #[inline]
    pub fn at(&self, x_mm: f32, y_mm: f32, slice: &Slice) -> [f32; 2] {
        let column = wrapped::<SIDE>(x_mm * (1.0 / CELL_MM));
        let row = wrapped::<SIDE>(y_mm * (1.0 / CELL_MM));
        let value =
            |[down, right]: [usize; 2]| self.0[((row + down) % SIDE) * SIDE + (column + right) % SIDE];
        let (a, b) = (value(slice.shifts[0]), value(slice.shifts[1]));
        let [sa, sb] = slice.shares;
        [sa * a[0] + sb * b[0], sa * a[1] + sb * b[1]]
    }

    /// `count` values in a row, from a place that follows from `start`: noise that belongs to no place.
    pub fn run(&self, start: usize, count: usize) -> &[[f32; 2]] {
        let first = start % (self.0.len() - count);
        &self.0[first..first + count]
    }
}
