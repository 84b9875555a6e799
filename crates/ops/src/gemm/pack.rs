//! Copies of parts of a matrix in the order in which tiles read them.
#![allow(unsafe_code)] // strided reads without a bounds check each

use crate::element::Element;

/// Cuts `lanes` rows (of `a`) or columns (of `b`) into panels of `width` and lays each down term by term: panel p holds
/// `[depth][width]`. Missing lanes of the last panel are zero.
///
/// `strides` are those from lane to lane and from term to term.
///
/// # Safety
/// Every `lane * strides.0 + term * strides.1` has to lie inside of the memory behind `from`.
#[inline(always)]
pub(super) unsafe fn panels<T: Element>(
    from: *const T,
    strides: (usize, usize),
    (lanes, depth): (usize, usize),
    width: usize,
    to: &mut [T],
) {
    for (panel, to) in to.chunks_exact_mut(width * depth).take(lanes.div_ceil(width)).enumerate() {
        let lane = panel * width;
        let used = width.min(lanes - lane);
        if used < width {
            to.fill(T::zero());
        }
        // SAFETY: lanes `lane..lane + used` exist, as the caller says.
        unsafe {
            let from = from.add(lane * strides.0);
            if strides.0 == 1 {
                copy(from, strides.1, (used, depth), width, to);
            } else if strides.1 == 1 {
                transpose(from, strides.0, (used, depth), width, to);
            } else {
                pick(from, strides, (used, depth), width, to);
            }
        }
    }
}

/// Lanes lie beside each other; whole panels are copied four lanes at a time, which the compiler makes into registers.
#[inline(always)]
unsafe fn copy<T: Element>(
    from: *const T,
    step: usize,
    (lanes, depth): (usize, usize),
    width: usize,
    to: &mut [T],
) {
    assert!(to.len() >= depth * width && lanes <= width);
    // SAFETY: reads are the caller's; writes end before `depth * width`, which was checked.
    unsafe {
        let to = to.as_mut_ptr();
        for term in 0..depth {
            let (from, to) = (from.add(term * step), to.add(term * width));
            if lanes == width && width.is_multiple_of(4) {
                for lane in (0..width).step_by(4) {
                    let four = from.add(lane).cast::<[T; 4]>().read_unaligned();
                    to.add(lane).cast::<[T; 4]>().write_unaligned(four);
                }
            } else {
                for lane in 0..lanes {
                    *to.add(lane) = *from.add(lane);
                }
            }
        }
    }
}

/// Terms lie beside each other: squares of four lanes and four terms are turned in registers.
#[inline(always)]
unsafe fn transpose<T: Element>(
    from: *const T,
    step: usize,
    (lanes, depth): (usize, usize),
    width: usize,
    to: &mut [T],
) {
    let (whole_lanes, whole_depth) = (lanes / 4 * 4, depth / 4 * 4);
    assert!(to.len() >= depth * width && lanes <= width);
    // SAFETY: reads are the caller's; writes end before `depth * width`, which was checked.
    unsafe {
        let to = to.as_mut_ptr();
        for lane in (0..whole_lanes).step_by(4) {
            let from = from.add(lane * step);
            for term in (0..whole_depth).step_by(4) {
                let rows: [[T; 4]; 4] =
                    std::array::from_fn(|i| from.add(i * step + term).cast::<[T; 4]>().read_unaligned());
                let [a, b, c, d] = rows;
                for (j, (((a, b), c), d)) in a.into_iter().zip(b).zip(c).zip(d).enumerate() {
                    to.add((term + j) * width + lane).cast::<[T; 4]>().write_unaligned([a, b, c, d]);
                }
            }
        }
        let rest = |lanes: std::ops::Range<usize>, terms: std::ops::Range<usize>| {
            for lane in lanes {
                for term in terms.clone() {
                    *to.add(term * width + lane) = *from.add(lane * step + term);
                }
            }
        };
        rest(0..whole_lanes, whole_depth..depth);
        rest(whole_lanes..lanes, 0..depth);
    }
}

/// Neither does.
#[inline(always)]
unsafe fn pick<T: Element>(
    from: *const T,
    strides: (usize, usize),
    (lanes, depth): (usize, usize),
    width: usize,
    to: &mut [T],
) {
    for (term, to) in to.chunks_exact_mut(width).take(depth).enumerate() {
        for (lane, to) in to.iter_mut().take(lanes).enumerate() {
            // SAFETY: the caller's.
            *to = unsafe { *from.add(lane * strides.0 + term * strides.1) };
        }
    }
}
