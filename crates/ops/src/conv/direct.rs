//! Correlation without an intermediate patch matrix, for kernels larger than a pixel and for groups.
//!
//! One task fills one register-wide block of output channels of one image. Up to [`PIXELS`] pixels of a row are summed
//! in registers at once; each weight that is loaded serves all of them.
#![allow(unsafe_code)] // registers and pointers

use rayon::prelude::*;

use super::pad::Padded;
use super::plan::{ChannelBlock, Pattern, Phase, Plan};
use crate::element::Element;
use crate::gemm::Finish;
use crate::memory;
use crate::scratch::{self, Shared};
use crate::simd::{Kernel, Lanes};

/// Pixels summed at once: enough sums to keep the multipliers busy while they wait for each other, few enough for the
/// registers.
const PIXELS: usize = 8;
/// Multiply-adds below which one thread does all the work.
const SMALL: usize = 1 << 16;

/// The correlation that the plan describes: `x` `[B, H, W, C]` of its input's extent, `w` as the parameter stands.
pub(super) fn correlate<T: Element>(x: &[T], w: &[T], plan: &Plan, finish: Option<Finish<T>>) -> Vec<T> {
    let lanes = T::lanes();
    let blocks = plan.blocks(lanes, T::registers_side_by_side());
    let packed = pack_weights(plan, &blocks, lanes, w);
    let filled = finish.map(|finish| filled_up(&finish, output_width(&blocks, lanes)));
    let (input, output) = (plan.input, plan.output);
    let mut y = memory::unset(plan.b * output.h * output.w * output.c);
    let shared = Shared::new(&mut y);
    let task = |at: usize| {
        let (image, block) = (at / blocks.len(), at % blocks.len());
        let x = &x[image * input.h * input.w * input.c..][..input.h * input.w * input.c];
        let padded = Padded::new(plan, &blocks[block], lanes);
        scratch::with(padded.len(), |buffer| {
            let (block, weights) = (&blocks[block], &packed[block]);
            let finish = filled.as_ref().map(|(scale, shift, relu)| {
                let from = block.first_output;
                Finish { scale: &scale[from..], shift: &shift[from..], relu: *relu }
            });
            T::run(Task { plan, block, padded, buffer, x, weights, finish, y: shared, image });
        });
    };
    let tasks = plan.b * blocks.len();
    let work = plan.b * output.h * output.w * output.c * plan.group_channels().0 * plan.elements;
    if work < SMALL {
        (0..tasks).for_each(task);
    } else {
        (0..tasks).into_par_iter().for_each(task);
    }
    y
}

/// Output channels, filled up to whole registers of every block.
fn output_width(blocks: &[ChannelBlock], lanes: usize) -> usize {
    blocks.last().map_or(0, |last| last.first_output + last.outputs.next_multiple_of(lanes))
}

/// Scales and shifts, filled up with zeros.
fn filled_up<T: Element>(finish: &Finish<T>, width: usize) -> (Vec<T>, Vec<T>, bool) {
    let fill = |values: &[T]| {
        let mut values = values.to_vec();
        values.resize(width.max(values.len()), T::zero());
        values
    };
    (fill(finish.scale), fill(finish.shift), finish.relu)
}

fn pack_weights<T: Element>(plan: &Plan, blocks: &[ChannelBlock], lanes: usize, w: &[T]) -> Vec<Vec<T>> {
    let pack = |block: &ChannelBlock| {
        let width = block.outputs.next_multiple_of(lanes);
        let mut packed = vec![T::zero(); plan.elements * block.pattern.terms(block.inputs) * width];
        plan.pack(block, lanes, w, &mut packed);
        packed
    };
    if w.len() < SMALL { blocks.iter().map(pack).collect() } else { blocks.par_iter().map(pack).collect() }
}

/// One block of output channels of one image.
struct Task<'a, T> {
    plan: &'a Plan,
    block: &'a ChannelBlock,
    padded: Padded,
    buffer: &'a mut [T],
    x: &'a [T],
    weights: &'a [T],
    /// Filled up to whole registers.
    finish: Option<Finish<'a, T>>,
    y: Shared<T>,
    image: usize,
}

impl<T: Element> Kernel<T> for Task<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes<Elem = T>>(self) {
        // SAFETY: this task's part of `y` is its alone.
        unsafe {
            self.padded.fill::<V>(self.x, self.plan.input, self.block, self.buffer);
            let two = self.block.outputs == 2 * V::N;
            for phase in &self.plan.phases {
                match self.block.pattern {
                    Pattern::Spread { width } => self.phase::<V, 1, true>(phase, width),
                    Pattern::Dense if two => self.phase::<V, 2, false>(phase, self.block.inputs),
                    Pattern::Dense => self.phase::<V, 1, false>(phase, self.block.inputs),
                }
            }
        }
    }
}

/// What every stretch of pixels of a phase shares.
struct Taps<'a, V: Lanes> {
    /// Offsets of a tap in the padded image and in the weights.
    offsets: &'a [(usize, usize)],
    terms: usize,
    permutations: [V::Index; 16],
    weights: *const V::Elem,
    finish: &'a Option<Finish<'a, V::Elem>>,
    /// Numbers from one pixel to the next that is seen.
    step: usize,
}

impl<T: Element> Task<'_, T> {
    #[inline(always)]
    unsafe fn phase<V: Lanes<Elem = T>, const REGISTERS: usize, const SPREAD: bool>(
        &self,
        phase: &Phase,
        terms: usize,
    ) {
        let (output, padded) = (self.plan.output, &self.padded);
        let width = REGISTERS * V::N;
        let mut offsets = [(0, 0); 64];
        let mut many = Vec::new();
        let offsets = if phase.taps.len() <= offsets.len() {
            &mut offsets[..phase.taps.len()]
        } else {
            many.resize(phase.taps.len(), (0, 0));
            &mut many[..]
        };
        for (offset, tap) in offsets.iter_mut().zip(&phase.taps) {
            *offset = (padded.offset(tap.dy, tap.dx), tap.element * terms * width);
        }
        // SAFETY: taps end inside of the padded image (`Padded::new`), rows and columns inside of the output.
        unsafe {
            let mut permutations = [V::index(|lane| lane); 16];
            if SPREAD {
                for (term, permutation) in permutations.iter_mut().enumerate().take(terms) {
                    *permutation = V::index(|lane| lane / terms * terms + term);
                }
            }
            let step = self.plan.step * padded.channels;
            let (weights, finish) = (self.weights.as_ptr(), &self.finish);
            let taps = Taps::<V> { offsets, terms, permutations, weights, finish, step };
            for row in 0..phase.rows.count {
                let x = self.buffer.as_ptr().add(row * self.plan.step * padded.w * padded.channels);
                let y_row = self.image * output.h + phase.rows.first + row * phase.rows.step;
                let y = (y_row * output.w + phase.cols.first) * output.c + self.block.first_output;
                let y = self.y.get().add(y);
                self.row::<V, REGISTERS, SPREAD>(&taps, phase, x, y);
            }
        }
    }

    /// One row of output pixels, in stretches of nearly equal length.
    #[inline(always)]
    unsafe fn row<V: Lanes<Elem = T>, const REGISTERS: usize, const SPREAD: bool>(
        &self,
        taps: &Taps<V>,
        phase: &Phase,
        x: *const T,
        y: *mut T,
    ) {
        let y_step = phase.cols.step * self.plan.output.c;
        let whole = self.block.outputs == REGISTERS * V::N;
        let mut done = 0;
        let mut stretches = phase.cols.count.div_ceil(PIXELS);
        while stretches > 0 {
            let count = (phase.cols.count - done).div_ceil(stretches);
            // SAFETY: the caller's.
            unsafe {
                let x = x.add(done * taps.step);
                let y = y.add(done * y_step);
                let to = Target { y, step: y_step, whole, outputs: self.block.outputs };
                match count {
                    1 => stretch::<V, 1, REGISTERS, SPREAD>(taps, x, &to),
                    2 => stretch::<V, 2, REGISTERS, SPREAD>(taps, x, &to),
                    3 => stretch::<V, 3, REGISTERS, SPREAD>(taps, x, &to),
                    4 => stretch::<V, 4, REGISTERS, SPREAD>(taps, x, &to),
                    5 => stretch::<V, 5, REGISTERS, SPREAD>(taps, x, &to),
                    6 => stretch::<V, 6, REGISTERS, SPREAD>(taps, x, &to),
                    7 => stretch::<V, 7, REGISTERS, SPREAD>(taps, x, &to),
                    _ => stretch::<V, 8, REGISTERS, SPREAD>(taps, x, &to),
                }
            }
            done += count;
            stretches -= 1;
        }
    }
}

/// Where the sums of a stretch go.
struct Target<T> {
    y: *mut T,
    step: usize,
    /// All lanes are outputs.
    whole: bool,
    outputs: usize,
}

#[inline(always)]
unsafe fn stretch<V: Lanes, const COUNT: usize, const REGISTERS: usize, const SPREAD: bool>(
    taps: &Taps<V>,
    x: *const V::Elem,
    to: &Target<V::Elem>,
) {
    // SAFETY: the caller's.
    unsafe {
        let zero = V::splat(V::Elem::default());
        let mut sums = [[zero; REGISTERS]; COUNT];
        for &(x_offset, w_offset) in taps.offsets {
            let x = x.add(x_offset);
            let mut w = taps.weights.add(w_offset);
            for term in 0..taps.terms {
                let mut weights = [zero; REGISTERS];
                for (r, weights) in weights.iter_mut().enumerate() {
                    *weights = V::load(w.add(r * V::N));
                }
                w = w.add(REGISTERS * V::N);
                for (p, sums) in sums.iter_mut().enumerate() {
                    let value = if SPREAD {
                        V::load(x.add(p * taps.step)).permute(taps.permutations[term])
                    } else {
                        V::splat(*x.add(p * taps.step + term))
                    };
                    for (sum, weights) in sums.iter_mut().zip(weights) {
                        *sum = value.mul_add(weights, *sum);
                    }
                }
            }
        }
        for (p, sums) in sums.into_iter().enumerate() {
            let y = to.y.add(p * to.step);
            for (r, mut sum) in sums.into_iter().enumerate() {
                if let Some(finish) = taps.finish {
                    let (scale, shift) = (finish.scale.as_ptr(), finish.shift.as_ptr());
                    sum = sum.mul_add(V::load(scale.add(r * V::N)), V::load(shift.add(r * V::N)));
                    if finish.relu {
                        sum = sum.max(zero);
                    }
                }
                if to.whole {
                    sum.store(y.add(r * V::N));
                    continue;
                }
                let mut lanes = [V::Elem::default(); 16];
                sum.store(lanes.as_mut_ptr());
                for (i, &value) in lanes.iter().enumerate().take(to.outputs) {
                    *y.add(i) = value;
                }
            }
        }
    }
}
