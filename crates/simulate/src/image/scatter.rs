//! Scatterers: complex white noise that belongs to the body, so that speckle moves with the tissue and changes
//! when the plane does.

use super::fast::rounded;
use crate::geometry::Vec3;
use crate::rng::{Stream, normal};

/// Values in the table.
const COUNT: usize = 1 << 16;
/// Side of a cell, mm: under the resolution of the beam.
const CELL_MM: f32 = 0.6;
/// Steps of the table to the next cell along y and z. Cells of one value lie 100 mm apart and more, in no simple direction.
const STEPS: (i32, i32) = (251, 24_593);
/// Sheets across the slice, a cell apart: what the beam's thickness adds up, so that speckle changes by and by when the
/// plane moves along its normal.
const SHEETS: usize = 5;
/// Standard deviation of the beam's profile across the slice, mm.
const SLICE_SIGMA_MM: f32 = 0.75;

/// A field of circular complex Gaussian values of unit variance a component.
#[derive(Clone)]
pub struct Scatterers {
    table: Box<[[f32; 2]]>,
    /// weight of each sheet; the squares sum to 1
    shares: [f32; SHEETS],
}

impl Scatterers {
    /// A new field.
    pub fn draw(rng: &mut Stream) -> Self {
        let profile: [f32; SHEETS] =
            std::array::from_fn(|sheet| (-0.5 * (off_mm(sheet) / SLICE_SIGMA_MM).powi(2)).exp());
        let norm = profile.iter().map(|share| share * share).sum::<f32>().sqrt();
        Self {
            table: (0..COUNT).map(|_| [normal(rng), normal(rng)]).collect(),
            shares: profile.map(|share| share / norm),
        }
    }

    /// The scatterers along a row of beams: at `apex + range * beam` for every beam, in a slice across `normal`, times
    /// `amplitude`; all of the body, mm.
    pub fn row(
        &self,
        apex: Vec3,
        range: f32,
        beams: &[Vec3],
        normal: Vec3,
        amplitude: &[f32],
        out: [&mut [f32]; 2],
    ) {
        let per_cell = 1.0 / CELL_MM;
        let starts: [Vec3; SHEETS] = std::array::from_fn(|sheet| (apex + normal * off_mm(sheet)) * per_cell);
        let step = range * per_cell;
        let [re, im] = out;
        for (((re, im), beam), amplitude) in re.iter_mut().zip(im).zip(beams).zip(amplitude) {
            let (mut sum_re, mut sum_im) = (0.0, 0.0);
            for (start, share) in starts.iter().zip(self.shares) {
                let [vr, vi] = self.table[cell(*start + *beam * step)];
                sum_re += share * vr;
                sum_im += share * vi;
            }
            *re = amplitude * sum_re;
            *im = amplitude * sum_im;
        }
    }

    /// `count` values in a row, from a place that follows from `start`: noise that belongs to no place.
    pub fn run(&self, start: usize, count: usize) -> &[[f32; 2]] {
        let first = start % (COUNT - count);
        &self.table[first..first + count]
    }
}

/// Distance of a sheet from the middle of the slice.
fn off_mm(sheet: usize) -> f32 {
    (sheet as f32 - (SHEETS / 2) as f32) * CELL_MM
}

/// The table's place of a point in cells.
#[inline]
fn cell(p: Vec3) -> usize {
    let index = rounded(p.x) + rounded(p.y) * STEPS.0 + rounded(p.z) * STEPS.1;
    index as u32 as usize % COUNT
}
