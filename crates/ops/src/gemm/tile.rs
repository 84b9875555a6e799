//! The inner product of packed panels: a tile of `c` two registers wide is summed in registers.
#![allow(unsafe_code)] // registers and pointers

use crate::simd::Lanes;

/// What is done to a tile's sums on their way to memory.
pub(super) struct End<'a, T> {
    /// They are added to what is there.
    pub add: bool,
    /// Numbers to add to the columns, and whether negative values become zero.
    pub finish: Option<(&'a [T], bool)>,
}

/// `c (+)= a b` for packed panels of `a` (`[depth][TILE_ROWS]` each) and `b` (`[depth][2 N]` each); `c` has `stride`
/// numbers to a row.
///
/// # Safety
/// `c` has to be good for `rows` rows of `cols` numbers, and the machine has to have `V`.
#[inline(always)]
pub(super) unsafe fn tiles<V: Lanes>(
    c: *mut V::Elem,
    stride: usize,
    a: &[V::Elem],
    b: &[V::Elem],
    (rows, depth, cols): (usize, usize, usize),
    end: &End<V::Elem>,
) {
    let (height, width) = (V::TILE_ROWS, 2 * V::N);
    for (j, b) in b.chunks_exact(depth * width).take(cols.div_ceil(width)).enumerate() {
        let cols = width.min(cols - j * width);
        for (i, a) in a.chunks_exact(depth * height).take(rows.div_ceil(height)).enumerate() {
            let rows = height.min(rows - i * height);
            // SAFETY: the tile's used part lies inside of `c`; panels are as long as `chunks_exact` made them.
            unsafe {
                let c = c.add(i * height * stride + j * width);
                let (a, b) = (a.as_ptr(), b.as_ptr());
                let finish = end.finish.map(|(bias, relu)| (&bias[j * width..], relu));
                let end = End { add: end.add, finish };
                match height {
                    12 => tile::<V, 12>(c, stride, a, b, (rows, depth, cols), &end),
                    6 => tile::<V, 6>(c, stride, a, b, (rows, depth, cols), &end),
                    4 => tile::<V, 4>(c, stride, a, b, (rows, depth, cols), &end),
                    other => unreachable!("no tile of {other} rows"),
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn tile<V: Lanes, const ROWS: usize>(
    c: *mut V::Elem,
    stride: usize,
    mut a: *const V::Elem,
    mut b: *const V::Elem,
    (rows, depth, cols): (usize, usize, usize),
    end: &End<V::Elem>,
) {
    let width = 2 * V::N;
    // SAFETY: `a` and `b` are panels of `depth` terms, `c` is good for `rows` x `cols`.
    unsafe {
        let mut sums = [[V::splat(V::Elem::default()); 2]; ROWS];
        for _ in 0..depth {
            let (b0, b1) = (V::load(b), V::load(b.add(V::N)));
            for (i, sums) in sums.iter_mut().enumerate() {
                let a = V::splat(*a.add(i));
                sums[0] = a.mul_add(b0, sums[0]);
                sums[1] = a.mul_add(b1, sums[1]);
            }
            a = a.add(ROWS);
            b = b.add(width);
        }
        if rows == ROWS && cols == width {
            for (i, [low, high]) in sums.into_iter().enumerate() {
                let c = c.add(i * stride);
                let (mut low, mut high) = (low, high);
                if end.add {
                    (low, high) = (low.add(V::load(c)), high.add(V::load(c.add(V::N))));
                }
                if let Some((bias, relu)) = end.finish {
                    (low, high) =
                        (low.add(V::load(bias.as_ptr())), high.add(V::load(bias.as_ptr().add(V::N))));
                    if relu {
                        let zero = V::splat(V::Elem::default());
                        (low, high) = (low.max(zero), high.max(zero));
                    }
                }
                low.store(c);
                high.store(c.add(V::N));
            }
            return;
        }
        // a tile that hangs over the edge
        let mut row = [V::Elem::default(); 64];
        for (i, [low, high]) in sums.into_iter().enumerate().take(rows) {
            low.store(row.as_mut_ptr());
            high.store(row.as_mut_ptr().add(V::N));
            for (j, &value) in row[..cols].iter().enumerate() {
                let c = c.add(i * stride + j);
                let value = if end.add { *c + value } else { value };
                *c = match end.finish {
                    None => value,
                    Some((bias, relu)) => {
                        let value = value + bias[j];
                        if relu && value < V::Elem::default() { V::Elem::default() } else { value }
                    }
                };
            }
        }
    }
}
