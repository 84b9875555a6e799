//! Images with zeros around them, some channels at a time: kernels need no bounds check at the edges, and what they read
//! again and again lies together.
#![allow(unsafe_code)] // registers and pointers

use super::plan::{ChannelBlock, Extent, Pattern, Plan};
use crate::simd::Lanes;

/// The shape of a padded image and where its parts lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Padded {
    pub top: usize,
    pub left: usize,
    pub h: usize,
    pub w: usize,
    /// Numbers to a pixel.
    pub channels: usize,
}

impl Padded {
    /// Room for everything that the plan's taps see.
    pub fn new(plan: &Plan, block: &ChannelBlock, lanes: usize) -> Self {
        let (mut top, mut left, mut bottom, mut right) = (0, 0, plan.input.h, plan.input.w);
        for phase in &plan.phases {
            let (rows, cols) = (phase.rows.count - 1, phase.cols.count - 1);
            for tap in &phase.taps {
                top = top.max((-tap.dy).max(0) as usize);
                left = left.max((-tap.dx).max(0) as usize);
                bottom = bottom.max(((rows * plan.step) as isize + tap.dy + 1).max(0) as usize);
                right = right.max(((cols * plan.step) as isize + tap.dx + 1).max(0) as usize);
            }
        }
        let channels = match block.pattern {
            Pattern::Spread { .. } => lanes,
            Pattern::Dense => block.inputs,
        };
        Self { top, left, h: top + bottom, w: left + right, channels }
    }

    pub fn len(&self) -> usize {
        self.h * self.w * self.channels
    }

    /// Offset of the pixel that lies `dy`, `dx` from the image's first.
    pub fn offset(&self, dy: isize, dx: isize) -> usize {
        let (y, x) = (self.top as isize + dy, self.left as isize + dx);
        (y as usize * self.w + x as usize) * self.channels
    }

    /// Copies the block's channels of an image, with zeros all around.
    ///
    /// # Safety
    /// The machine has to have `V`.
    #[inline(always)]
    pub unsafe fn fill<V: Lanes>(
        &self,
        image: &[V::Elem],
        of: Extent,
        block: &ChannelBlock,
        to: &mut [V::Elem],
    ) {
        assert!(to.len() >= self.len() && image.len() >= of.h * of.w * of.c);
        let row = self.w * self.channels;
        for (y, to) in to[..self.len()].chunks_exact_mut(row).enumerate() {
            if y < self.top || y >= self.top + of.h {
                to.fill(V::Elem::default());
                continue;
            }
            let (before, rest) = to.split_at_mut(self.left * self.channels);
            let (middle, after) = rest.split_at_mut(of.w * self.channels);
            before.fill(V::Elem::default());
            after.fill(V::Elem::default());
            let from = (y - self.top) * of.w * of.c + block.first_input;
            // SAFETY: the row lies inside of the image, whose length was checked; `middle` has room for its pixels.
            unsafe { self.fill_row::<V>(image.as_ptr().add(from), of, block.inputs, middle) };
        }
    }

    #[inline(always)]
    unsafe fn fill_row<V: Lanes>(&self, from: *const V::Elem, of: Extent, inputs: usize, to: &mut [V::Elem]) {
        let whole = inputs / V::N * V::N;
        for (x, to) in to.chunks_exact_mut(self.channels).enumerate() {
            // SAFETY: the caller's; `inputs` is at most the channels of a pixel of either image.
            unsafe {
                let from = from.add(x * of.c);
                for i in (0..whole).step_by(V::N) {
                    V::load(from.add(i)).store(to.as_mut_ptr().add(i));
                }
                for (i, to) in to.iter_mut().enumerate().skip(whole) {
                    *to = if i < inputs { *from.add(i) } else { V::Elem::default() };
                }
            }
        }
    }
}
