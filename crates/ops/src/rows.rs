//! Maps as rows of channels, worked on in pieces.
//!
//! A map `[B, H, W, C]` is `B * H * W` rows of `C` numbers. Pieces are of a size that depends on the map alone, and what
//! is summed over rows is summed piece by piece in their order: results do not depend on the number of threads.

use std::ops::Range;

use rayon::prelude::*;

use crate::element::Element;
use crate::scratch::Shared;

/// Numbers to a piece: a few of them stay in a second-level cache together.
const PIECE: usize = 1 << 14;

/// Numbers below which one thread does all the work.
const SMALL: usize = 1 << 15;

/// The pieces of `rows` rows of `channels` numbers; none crosses a multiple of `group` rows.
pub(crate) fn pieces(rows: usize, channels: usize, group: usize) -> Vec<Range<usize>> {
    let per_group = group.div_ceil((PIECE / channels.max(1)).max(1));
    let length = group.div_ceil(per_group);
    let in_group = |start: usize| {
        (start..start + group).step_by(length).map(move |at| at..(at + length).min(start + group))
    };
    (0..rows).step_by(group).flat_map(in_group).collect()
}

/// Calls `f` with every piece, on all threads where the work is worth it, and gives the results in order.
pub(crate) fn map<R: Send>(
    pieces: &[Range<usize>],
    channels: usize,
    f: impl Fn(Range<usize>) -> R + Sync,
) -> Vec<R> {
    let numbers = pieces.last().map_or(0, |last| last.end * channels);
    if numbers < SMALL {
        pieces.iter().cloned().map(f).collect()
    } else {
        pieces.par_iter().cloned().map(&f).collect()
    }
}

/// The rows of a piece.
pub(crate) fn part<'a, T>(values: &'a [T], rows: &Range<usize>, channels: usize) -> &'a [T] {
    &values[rows.start * channels..rows.end * channels]
}

/// A result that pieces are written into, each by one task.
pub(crate) struct Parts<T>(Shared<T>, usize);

impl<T> Parts<T> {
    pub fn new(values: &mut [T]) -> Self {
        Self(Shared::new(values), values.len())
    }

    /// The rows of a piece, for writing.
    ///
    /// # Safety
    /// Nobody else may hold a part that overlaps.
    #[allow(unsafe_code, clippy::mut_from_ref)]
    pub unsafe fn part(&self, rows: &Range<usize>, channels: usize) -> &mut [T] {
        assert!(rows.start <= rows.end && rows.end * channels <= self.1);
        // SAFETY: inside of the slice, as asserted, and nobody else's, as the caller says.
        unsafe {
            let from = self.0.get().add(rows.start * channels);
            std::slice::from_raw_parts_mut(from, (rows.end - rows.start) * channels)
        }
    }
}

/// Adds up what every piece gives, `[len]` each, in their order and in f64.
pub(crate) fn total<T: Element>(parts: &[Vec<T>], len: usize) -> Vec<f64> {
    let mut sums = vec![0.0; len];
    for part in parts {
        for (sum, &value) in sums.iter_mut().zip(part) {
            *sum += value.to_f64();
        }
    }
    sums
}
