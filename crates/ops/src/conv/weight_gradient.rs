//! Gradient of a correlation with respect to its weights, without a patch matrix: every weight is summed in registers
//! over all the pixels of an image.
#![allow(unsafe_code)] // registers and pointers

use rayon::prelude::*;

use super::pad::Padded;
use super::plan::{ChannelBlock, Pattern, Plan};
use crate::element::Element;
use crate::scratch;
use crate::simd::{Kernel, Lanes};

/// Tasks that the work is cut into where the batch allows; fixed, so that sums do not depend on the number of threads.
const TASKS: usize = 32;
/// Lanes of the widest registers: the batch is cut as they need it, so that sums do not depend on the instruction set.
const WIDEST: usize = 16;

/// The gradient in the parameter's layout, from that of the output, `grad` `[B, OH, OW, O]`, and the input `x`.
///
/// `plan` is the forward one: a single phase.
pub(super) fn weight_gradient<T: Element>(grad: &[T], x: &[T], plan: &Plan) -> Vec<T> {
    let lanes = T::lanes();
    let blocks = plan.blocks(lanes, 1);
    let parts = TASKS.div_ceil(plan.output.c.div_ceil(WIDEST)).min(plan.b);
    let images = plan.b.div_ceil(parts);
    let parts = plan.b.div_ceil(images);
    let part = |at: usize| {
        let (block, from) = (&blocks[at / parts], at % parts * images);
        let padded = Padded::new(plan, block, lanes);
        let mut sums = vec![T::zero(); plan.elements * block.pattern.terms(block.inputs) * lanes];
        // behind the image, room for the gradient of a block that is narrower than a register
        let room = if block.outputs < lanes { plan.output.h * plan.output.w * lanes } else { 0 };
        scratch::with(padded.len() + room, |buffer| {
            let images = from..(from + images).min(plan.b);
            T::run(Task { plan, block, padded, buffer, x, grad, images, sums: &mut sums });
        });
        sums
    };
    let sums: Vec<Vec<T>> = (0..blocks.len() * parts).into_par_iter().map(part).collect();
    let mut dw = vec![T::zero(); plan.output.c * plan.group_channels().0 * plan.elements];
    for (block, parts) in blocks.iter().zip(sums.chunks(parts)) {
        for part in parts {
            unpack(plan, block, lanes, part, &mut dw);
        }
    }
    dw
}

/// Adds the sums of a block, `[element][term][lane]`, to the places of its weights.
fn unpack<T: Element>(plan: &Plan, block: &ChannelBlock, lanes: usize, sums: &[T], dw: &mut [T]) {
    let (inputs, outputs) = plan.group_channels();
    let terms = block.pattern.terms(block.inputs);
    for lane in 0..block.outputs {
        let o = block.first_output + lane;
        let skipped = match block.pattern {
            Pattern::Spread { .. } => 0,
            Pattern::Dense => o / outputs * inputs - block.first_input,
        };
        for i in 0..inputs {
            for element in 0..plan.elements {
                dw[plan.weight(o, i, element)] += sums[(element * terms + skipped + i) * lanes + lane];
            }
        }
    }
}

/// The weights of one block of output channels, over some images.
struct Task<'a, T> {
    plan: &'a Plan,
    block: &'a ChannelBlock,
    padded: Padded,
    buffer: &'a mut [T],
    x: &'a [T],
    grad: &'a [T],
    images: std::ops::Range<usize>,
    sums: &'a mut [T],
}

/// The pixels that a sum runs over, and its registers' places.
struct Pixels<V: Lanes> {
    x: *const V::Elem,
    grad: *const V::Elem,
    rows: usize,
    cols: usize,
    /// Numbers from pixel to pixel and from row to row, of the padded image and of the gradient.
    x_steps: (usize, usize),
    grad_steps: (usize, usize),
    permutations: [V::Index; 16],
}

impl<T: Element> Kernel<T> for Task<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes<Elem = T>>(self) {
        let (input, output) = (self.plan.input, self.plan.output);
        let channels = self.padded.channels;
        let whole = self.block.outputs == V::N;
        let (image, tail) = self.buffer.split_at_mut(self.padded.len());
        for number in self.images.clone() {
            let x = &self.x[number * input.h * input.w * input.c..][..input.h * input.w * input.c];
            let grad =
                &self.grad[number * output.h * output.w * output.c..][..output.h * output.w * output.c];
            // SAFETY: taps end inside of the padded image; the gradient's registers inside of `grad`, or, where the last
            // block has fewer outputs than lanes, of the copy made for it.
            unsafe {
                self.padded.fill::<V>(x, input, self.block, image);
                let (grad, pixel) = if whole {
                    (grad.as_ptr().add(self.block.first_output), output.c)
                } else {
                    narrow(grad, output.c, self.block, V::N, tail);
                    (tail.as_ptr(), V::N)
                };
                let mut pixels = Pixels::<V> {
                    x: image.as_ptr(),
                    grad,
                    rows: output.h,
                    cols: output.w,
                    x_steps: (self.plan.step * channels, self.plan.step * self.padded.w * channels),
                    grad_steps: (pixel, output.w * pixel),
                    permutations: [V::index(|lane| lane); 16],
                };
                if let Pattern::Spread { width } = self.block.pattern {
                    for (term, permutation) in pixels.permutations.iter_mut().enumerate().take(width) {
                        *permutation = V::index(|lane| lane / width * width + term);
                    }
                    all_terms::<V, true>(self.plan, &self.padded, &pixels, width, self.sums);
                } else {
                    all_terms::<V, false>(self.plan, &self.padded, &pixels, self.block.inputs, self.sums);
                }
            }
        }
    }
}

/// The block's channels of a gradient, with zeros in the lanes that have none.
#[inline(always)]
fn narrow<T: Element>(grad: &[T], channels: usize, block: &ChannelBlock, lanes: usize, to: &mut [T]) {
    for (to, from) in to.chunks_exact_mut(lanes).zip(grad.chunks_exact(channels)) {
        to.fill(T::zero());
        to[..block.outputs].copy_from_slice(&from[block.first_output..][..block.outputs]);
    }
}

/// Adds an image's share to every element and term, as many in registers at once as fit.
#[inline(always)]
unsafe fn all_terms<V: Lanes, const SPREAD: bool>(
    plan: &Plan,
    padded: &Padded,
    pixels: &Pixels<V>,
    terms: usize,
    sums: &mut [V::Elem],
) {
    let taps = &plan.phases[0].taps;
    // sixteen registers hold twelve sums, thirty-two more
    let many = V::TILE_ROWS > 6;
    let mut term = 0;
    while term < terms {
        let (count, together) = match terms - term {
            8.. => (8, if many { 2 } else { 1 }),
            4..8 => (4, 3),
            2..4 => (2, 4),
            _ => (1, 7),
        };
        let mut tap = 0;
        while tap < taps.len() {
            let together = if taps.len() - tap >= together { together } else { 1 };
            let mut offsets = [0; 8];
            for (offset, tap) in offsets.iter_mut().zip(&taps[tap..tap + together]) {
                *offset = padded.offset(tap.dy, tap.dx) + if SPREAD { 0 } else { term };
            }
            let to = sums[(taps[tap].element * terms + term) * V::N..].as_mut_ptr();
            let step = terms * V::N;
            // SAFETY: the caller's; elements of neighbouring taps follow each other in a forward plan.
            unsafe {
                match (count, together) {
                    (8, 2) => accumulate::<V, 2, 8, SPREAD>(pixels, &offsets, term, to, step),
                    (8, _) => accumulate::<V, 1, 8, SPREAD>(pixels, &offsets, term, to, step),
                    (4, 3) => accumulate::<V, 3, 4, SPREAD>(pixels, &offsets, term, to, step),
                    (4, _) => accumulate::<V, 1, 4, SPREAD>(pixels, &offsets, term, to, step),
                    (2, 4) => accumulate::<V, 4, 2, SPREAD>(pixels, &offsets, term, to, step),
                    (2, _) => accumulate::<V, 1, 2, SPREAD>(pixels, &offsets, term, to, step),
                    (1, 7) => accumulate::<V, 7, 1, SPREAD>(pixels, &offsets, term, to, step),
                    _ => accumulate::<V, 1, 1, SPREAD>(pixels, &offsets, term, to, step),
                }
            }
            tap += together;
        }
        term += count;
    }
}

/// Sums of `TAPS` neighbouring taps and `TERMS` terms from `first_term` on; `step` numbers lie between two taps' sums.
#[inline(always)]
unsafe fn accumulate<V: Lanes, const TAPS: usize, const TERMS: usize, const SPREAD: bool>(
    pixels: &Pixels<V>,
    offsets: &[usize; 8],
    first_term: usize,
    to: *mut V::Elem,
    step: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut sums = [[V::splat(V::Elem::default()); TERMS]; TAPS];
        for row in 0..pixels.rows {
            let mut x = pixels.x.add(row * pixels.x_steps.1);
            let mut grad = pixels.grad.add(row * pixels.grad_steps.1);
            for _ in 0..pixels.cols {
                let g = V::load(grad);
                for (tap, sums) in sums.iter_mut().enumerate() {
                    let x = x.add(offsets[tap]);
                    for (term, sum) in sums.iter_mut().enumerate() {
                        let value = if SPREAD {
                            V::load(x).permute(pixels.permutations[first_term + term])
                        } else {
                            V::splat(*x.add(term))
                        };
                        *sum = value.mul_add(g, *sum);
                    }
                }
                x = x.add(pixels.x_steps.0);
                grad = grad.add(pixels.grad_steps.0);
            }
        }
        for (tap, sums) in sums.into_iter().enumerate() {
            for (term, sum) in sums.into_iter().enumerate() {
                let to = to.add(tap * step + term * V::N);
                V::load(to).add(sum).store(to);
            }
        }
    }
}
