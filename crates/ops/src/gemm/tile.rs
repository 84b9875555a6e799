//! The inner product of packed panels: a tile of `c` two registers wide is summed in registers.
#![allow(unsafe_code)] // registers and pointers

use super::Finish;
use crate::simd::Lanes;

/// What is done to a tile's sums on their way to memory.
pub(super) struct End<'a, T> {
    /// They are added to what is there.
    pub add: bool,
    /// What is done last.
    pub finish: Option<Finish<'a, T>>,
}

/// The rows of `a` that tiles read.
#[derive(Clone, Copy)]
pub(super) enum Rows<T> {
    /// Panels of `[depth][TILE_ROWS]`.
    Packed(*const T),
    /// As they lie in memory, each row's terms together, and the numbers from row to row.
    InPlace(*const T, usize),
}

/// `c (+)= a b` for `a` as said and packed panels of `b` (`[depth][2 N]` each); `c` has `stride` numbers to a row.
///
/// # Safety
/// `a` has to be good for `rows` rows (filled up to whole panels where it is packed), `c` for `rows` rows of `cols`
/// numbers, and the machine has to have `V`.
#[inline(always)]
pub(super) unsafe fn tiles<V: Lanes>(
    c: *mut V::Elem,
    stride: usize,
    a: Rows<V::Elem>,
    b: &[V::Elem],
    (rows, depth, cols): (usize, usize, usize),
    end: &End<V::Elem>,
) {
    let (height, width) = (V::TILE_ROWS, 2 * V::N);
    for (j, b) in b.chunks_exact(depth * width).take(cols.div_ceil(width)).enumerate() {
        let cols = width.min(cols - j * width);
        let finish = end.finish.as_ref().map(|finish| finish.from(j * width));
        let end = End { add: end.add, finish };
        for i in (0..rows).step_by(height) {
            let sizes = (height.min(rows - i), depth, cols);
            // SAFETY: the tile's used part lies inside of `c`, its rows inside of `a`.
            unsafe {
                let c = c.add(i * stride + j * width);
                match a {
                    Rows::Packed(a) => {
                        rows_tile::<V, false>(c, stride, a.add(i * depth), height, b.as_ptr(), sizes, &end);
                    }
                    Rows::InPlace(a, step) => {
                        rows_tile::<V, true>(c, stride, a.add(i * step), step, b.as_ptr(), sizes, &end);
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn rows_tile<V: Lanes, const IN_PLACE: bool>(
    c: *mut V::Elem,
    stride: usize,
    a: *const V::Elem,
    step: usize,
    b: *const V::Elem,
    sizes: (usize, usize, usize),
    end: &End<V::Elem>,
) {
    // SAFETY: the caller's.
    unsafe {
        match V::TILE_ROWS {
            12 => tile::<V, 12, IN_PLACE>(c, stride, a, step, b, sizes, end),
            6 => tile::<V, 6, IN_PLACE>(c, stride, a, step, b, sizes, end),
            4 => tile::<V, 4, IN_PLACE>(c, stride, a, step, b, sizes, end),
            other => unreachable!("no tile of {other} rows"),
        }
    }
}

#[inline(always)]
unsafe fn tile<V: Lanes, const ROWS: usize, const IN_PLACE: bool>(
    c: *mut V::Elem,
    stride: usize,
    mut a: *const V::Elem,
    step: usize,
    mut b: *const V::Elem,
    (rows, depth, cols): (usize, usize, usize),
    end: &End<V::Elem>,
) {
    let width = 2 * V::N;
    // SAFETY: `a` is good for `rows` rows and `b` for a panel, both of `depth` terms, `c` for `rows` x `cols`.
    unsafe {
        let mut sums = [[V::splat(V::Elem::default()); 2]; ROWS];
        // a tile that hangs over the edge reads its last row again and again
        let row: [usize; ROWS] = std::array::from_fn(|i| if IN_PLACE { i.min(rows - 1) * step } else { i });
        for _ in 0..depth {
            let (b0, b1) = (V::load(b), V::load(b.add(V::N)));
            for (i, sums) in sums.iter_mut().enumerate() {
                let a = V::splat(*a.add(row[i]));
                sums[0] = a.mul_add(b0, sums[0]);
                sums[1] = a.mul_add(b1, sums[1]);
            }
            a = a.add(if IN_PLACE { 1 } else { step });
            b = b.add(width);
        }
        let whole = rows == ROWS && cols == width;
        // A tile that hangs over the edge does the same steps beside its place: fused and plain products differ in the
        // last bits, and where the edges are depends on threads and registers.
        let (mut scales, mut shifts) = ([V::Elem::default(); 64], [V::Elem::default(); 64]);
        let finish = end.finish.as_ref().map(|finish| {
            if whole {
                return (finish.scale.as_ptr(), finish.shift.as_ptr(), finish.relu);
            }
            scales[..cols].copy_from_slice(&finish.scale[..cols]);
            shifts[..cols].copy_from_slice(&finish.shift[..cols]);
            (scales.as_ptr(), shifts.as_ptr(), finish.relu)
        });
        let mut row = [V::Elem::default(); 64];
        for (i, [mut low, mut high]) in sums.into_iter().enumerate().take(rows) {
            let place = c.add(i * stride);
            let to = if whole { place } else { row.as_mut_ptr() };
            if end.add {
                if !whole {
                    std::ptr::copy_nonoverlapping(place, to, cols);
                }
                (low, high) = (low.add(V::load(to)), high.add(V::load(to.add(V::N))));
            }
            if let Some((scale, shift, relu)) = finish {
                low = low.mul_add(V::load(scale), V::load(shift));
                high = high.mul_add(V::load(scale.add(V::N)), V::load(shift.add(V::N)));
                if relu {
                    let zero = V::splat(V::Elem::default());
                    (low, high) = (low.max(zero), high.max(zero));
                }
            }
            low.store(to);
            high.store(to.add(V::N));
            if !whole {
                std::ptr::copy_nonoverlapping(to, place, cols);
            }
        }
    }
}
