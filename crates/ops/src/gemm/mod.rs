//! Products of matrices: `c = a b`, `c += a b`, or `c = relu(a b scale + shift)`, with `c` row by row in memory and `a` and `b` in any order.
//!
//! Blocked and packed as in Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (ACM TOMS 2008):
//! panels of `b` as wide as two registers stay in the first-level cache while tiles of `a` pass by. The threads share
//! out `c`; each element is summed over k in blocks of [`DEPTH`], in an order that neither the number of threads nor
//! the width of registers changes.

mod pack;
mod tile;

use rayon::prelude::*;
use tile::Rows;

use crate::element::Element;
use crate::scratch::{self, Shared};
use crate::simd::{Kernel, Lanes};

/// Terms of a sum that are added up in registers before they go to memory: a panel of `b` of this depth is at most half
/// of a first-level cache of 64 KiB and all of one of 32 KiB.
const DEPTH: usize = 256;
/// Columns of `b` that are packed at a time, whole panels; with [`DEPTH`], half of a second-level cache of 1 MiB.
const COLUMNS: usize = 512;
/// Rows of `a` that are packed at a time: whole tiles of every height there is.
const ROWS: usize = 96;
/// Rows that are a multiple of this many numbers apart fall on the same few lines of a first-level cache: a tile's rows
/// would push each other out, so they are packed. Others are read where they lie.
const ALIASED: usize = 1024;
/// Multiply-adds below which one thread does the work.
const SMALL: usize = 1 << 16;
/// Shares of the work to a thread: more than one, so that a thread that was held up is waited for less.
const SHARES: usize = 2;
/// Multiply-adds below which a share is not worth handing out.
const SHARE: usize = 1 << 21;

/// A matrix that is read: element (i, j) lies at `i * row_stride + j * col_stride`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    data: &'a [T],
    row_stride: usize,
    col_stride: usize,
}

impl<'a, T: Element> Matrix<'a, T> {
    /// Rows of `cols` numbers, one after the other.
    pub fn rows(data: &'a [T], cols: usize) -> Self {
        Self { data, row_stride: cols, col_stride: 1 }
    }

    /// The transpose.
    pub fn t(self) -> Self {
        Self { row_stride: self.col_stride, col_stride: self.row_stride, ..self }
    }

    fn holds(&self, rows: usize, cols: usize) -> bool {
        (rows - 1) * self.row_stride + (cols - 1) * self.col_stride < self.data.len()
    }

    fn at(&self, row: usize, col: usize) -> *const T {
        self.data[row * self.row_stride + col * self.col_stride..].as_ptr()
    }
}

/// What becomes of a product.
#[derive(Clone, Copy)]
pub(crate) enum Output<'a, T> {
    /// It replaces what was there.
    Set,
    /// It is added to what was there.
    Add,
    /// It replaces what was there after this was done to it.
    Finish(Finish<'a, T>),
}

/// What is done to a product's columns on their way to memory: `sum * scale + shift`, and negative values become zero
/// where `relu` says so.
#[derive(Clone, Copy)]
pub(crate) struct Finish<'a, T> {
    pub scale: &'a [T],
    pub shift: &'a [T],
    pub relu: bool,
}

impl<T> Finish<'_, T> {
    /// The same for the columns from `first` on.
    #[inline(always)]
    fn from(&self, first: usize) -> Self {
        Self { scale: &self.scale[first..], shift: &self.shift[first..], relu: self.relu }
    }
}

/// `c = a b`, or what `output` says: `a` `[m, k]`, `b` `[k, n]`, `c` `[m, n]` row by row.
///
/// # Panics
/// When a slice is too short for its sizes.
pub(crate) fn gemm<T: Element>(
    c: &mut [T],
    a: Matrix<T>,
    b: Matrix<T>,
    (m, k, n): (usize, usize, usize),
    output: Output<T>,
) {
    assert!(m * k * n > 0 && a.holds(m, k) && b.holds(k, n) && c.len() >= m * n, "gemm: sizes {m} {k} {n}");
    if let Output::Finish(finish) = &output {
        assert!(finish.scale.len() >= n && finish.shift.len() >= n, "gemm: {n} columns to finish");
    }
    let work = m * k * n;
    let threads = if work < SMALL { 1 } else { rayon::current_num_threads() };
    let shares = if threads == 1 { 1 } else { (work / SHARE).clamp(1, threads * SHARES) };
    let c = Shared::new(c);
    // every share packs all of the other matrix, so the longer side is cut
    let (along, of) =
        if m >= n { (m.div_ceil(shares), m) } else { (n.div_ceil(shares).next_multiple_of(32), n) };
    let share = |from: usize| {
        let until = (from + along).min(of);
        let (rows, cols) = if m >= n { (from..until, 0..n) } else { (0..m, from..until) };
        scratch::with((ROWS + COLUMNS) * DEPTH, |packed| {
            let (a_panels, b_panels) = packed.split_at_mut(ROWS * DEPTH);
            T::run(Block { c, a, b, rows, cols, k, n, output, a_panels, b_panels });
        });
    };
    if shares == 1 {
        share(0);
    } else {
        (0..of.div_ceil(along)).into_par_iter().for_each(|i| share(i * along));
    }
}

/// A part of `c`, for one thread.
struct Block<'a, T> {
    c: Shared<T>,
    a: Matrix<'a, T>,
    b: Matrix<'a, T>,
    rows: std::ops::Range<usize>,
    cols: std::ops::Range<usize>,
    k: usize,
    n: usize,
    output: Output<'a, T>,
    a_panels: &'a mut [T],
    b_panels: &'a mut [T],
}

#[allow(unsafe_code)]
impl<T: Element> Kernel<T> for Block<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes<Elem = T>>(self) {
        let (height, width) = (V::TILE_ROWS, 2 * V::N);
        const { assert!(ROWS.is_multiple_of(V::TILE_ROWS) && COLUMNS.is_multiple_of(2 * V::N)) };
        for k0 in (0..self.k).step_by(DEPTH) {
            let depth = DEPTH.min(self.k - k0);
            for col in self.cols.clone().step_by(COLUMNS) {
                let cols = COLUMNS.min(self.cols.end - col);
                let strides = (self.b.col_stride, self.b.row_stride);
                // SAFETY: the part lies inside of `b`.
                unsafe { pack::panels(self.b.at(k0, col), strides, (cols, depth), width, self.b_panels) };
                for row in self.rows.clone().step_by(ROWS) {
                    let rows = ROWS.min(self.rows.end - row);
                    let strides = (self.a.row_stride, self.a.col_stride);
                    let in_place = strides.1 == 1 && !strides.0.is_multiple_of(ALIASED);
                    // SAFETY: the part lies inside of `a`; the part of `c` is this block's alone.
                    unsafe {
                        let a = self.a.at(row, k0);
                        let a = if in_place {
                            Rows::InPlace(a, strides.0)
                        } else {
                            pack::panels(a, strides, (rows, depth), height, self.a_panels);
                            Rows::Packed(self.a_panels.as_ptr())
                        };
                        let c = self.c.get().add(row * self.n + col);
                        let sizes = (rows, depth, cols);
                        let add = matches!(self.output, Output::Add) || k0 > 0;
                        let finish = match self.output {
                            Output::Finish(finish) if k0 + depth == self.k => Some(finish.from(col)),
                            _ => None,
                        };
                        let end = tile::End { add, finish };
                        tile::tiles::<V>(c, self.n, a, self.b_panels, sizes, &end);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
