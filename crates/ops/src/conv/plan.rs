//! A convolution, or its gradient with respect to the input, as one correlation: which output pixels see which input
//! pixels through which taps.
//!
//! The input gradient of a convolution with a stride falls into `stride * stride` phases: output pixels whose place has
//! the same remainder see the same taps, and none sees the zeros that a naive transposed convolution puts between.

use super::Dims;

/// Size of an image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub h: usize,
    pub w: usize,
    pub c: usize,
}

/// One tap of a kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tap {
    /// From the place of an output pixel to the input pixel, in input pixels.
    pub dy: isize,
    pub dx: isize,
    /// Which element of the kernel, `ky * KW + kx`.
    pub element: usize,
}

/// Every `step`-th place from `first` on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub first: usize,
    pub step: usize,
    pub count: usize,
}

/// Output pixels that see the same taps.
#[derive(Clone, Debug)]
pub(super) struct Phase {
    pub rows: Places,
    pub cols: Places,
    pub taps: Vec<Tap>,
}

/// What is correlated with what. Output pixel (i, j) of a phase sees input pixel (i * step + dy, j * step + dx).
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub b: usize,
    pub input: Extent,
    pub output: Extent,
    pub step: usize,
    pub groups: usize,
    /// Elements of a kernel.
    pub elements: usize,
    pub phases: Vec<Phase>,
    /// Weights stand as `[input, output / groups]`, not `[output, input / groups]`.
    pub transposed: bool,
}

impl Plan {
    pub fn forward(d: &Dims) -> Self {
        let spec = d.spec;
        let at = |k: usize| (k * spec.dilation) as isize - spec.padding as isize;
        let taps = (0..d.kh * d.kw)
            .map(|element| Tap { dy: at(element / d.kw), dx: at(element % d.kw), element })
            .collect();
        let all = |count| Places { first: 0, step: 1, count };
        Self {
            b: d.b,
            input: Extent { h: d.h, w: d.w, c: d.c },
            output: Extent { h: d.oh, w: d.ow, c: d.o },
            step: spec.stride,
            groups: spec.groups,
            elements: d.kh * d.kw,
            phases: vec![Phase { rows: all(d.oh), cols: all(d.ow), taps }],
            transposed: false,
        }
    }

    pub fn input_gradient(d: &Dims) -> Self {
        let stride = d.spec.stride;
        // tap k of a pixel with remainder r sees the gradient (r + padding - k * dilation) / stride further on
        let seen = |remainder: usize, k: usize| {
            let at = (remainder + d.spec.padding) as isize - (k * d.spec.dilation) as isize;
            (at.rem_euclid(stride as isize) == 0).then(|| at.div_euclid(stride as isize))
        };
        let places =
            |first: usize, of: usize| Places { first, step: stride, count: (of - first).div_ceil(stride) };
        let mut phases = Vec::new();
        for y in 0..stride.min(d.h) {
            for x in 0..stride.min(d.w) {
                let taps = (0..d.kh * d.kw).filter_map(|element| {
                    let (dy, dx) = (seen(y, element / d.kw)?, seen(x, element % d.kw)?);
                    Some(Tap { dy, dx, element })
                });
                phases.push(Phase { rows: places(y, d.h), cols: places(x, d.w), taps: taps.collect() });
            }
        }
        Self {
            b: d.b,
            input: Extent { h: d.oh, w: d.ow, c: d.o },
            output: Extent { h: d.h, w: d.w, c: d.c },
            step: 1,
            groups: d.spec.groups,
            elements: d.kh * d.kw,
            phases,
            transposed: true,
        }
    }

    /// Input and output channels of a group.
    pub fn group_channels(&self) -> (usize, usize) {
        (self.input.c / self.groups, self.output.c / self.groups)
    }

    /// Where in the weights the tap from input `i` of output `o`'s group to output `o` stands.
    pub fn weight(&self, o: usize, i: usize, element: usize) -> usize {
        let (inputs, outputs) = self.group_channels();
        let pair =
            if self.transposed { (o / outputs * inputs + i) * outputs + o % outputs } else { o * inputs + i };
        pair * self.elements + element
    }
}

/// The output channels that one pass over an image fills, and the input channels that they see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChannelBlock {
    pub outputs: usize,
    pub first_output: usize,
    pub first_input: usize,
    pub inputs: usize,
    pub pattern: Pattern,
}

/// How a register of outputs sees the input channels of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// Narrow groups: lane i of a register sees its own group's channels, which lie in the same register of inputs; a
    /// permutation brings channel number k of every group to the group's lanes.
    Spread { width: usize },
    /// All lanes see all the channels of the block, with zero weights where they are of another group.
    Dense,
}

impl Pattern {
    /// Weights to an output and tap.
    pub fn terms(self, inputs: usize) -> usize {
        match self {
            Pattern::Spread { width } => width,
            Pattern::Dense => inputs,
        }
    }
}

impl Plan {
    /// The blocks for registers of `lanes`, `registers` of them side by side where groups are wide enough.
    pub fn blocks(&self, lanes: usize, registers: usize) -> Vec<ChannelBlock> {
        let (inputs, outputs) = self.group_channels();
        let channels = self.output.c;
        let spread = inputs == outputs && inputs < lanes && lanes.is_multiple_of(inputs);
        let together = if outputs.is_multiple_of(lanes * registers) { lanes * registers } else { lanes };
        let block = |first: usize| {
            let last = (first + if spread { lanes } else { together }).min(channels) - 1;
            let (from, until) = if spread {
                (first, last + 1)
            } else {
                (first / outputs * inputs, (last / outputs + 1) * inputs)
            };
            ChannelBlock {
                outputs: last + 1 - first,
                first_output: first,
                first_input: from,
                inputs: until - from,
                pattern: if spread { Pattern::Spread { width: inputs } } else { Pattern::Dense },
            }
        };
        (0..channels).step_by(if spread { lanes } else { together }).map(block).collect()
    }

    /// The weights of a block as the kernels read them, `[element][term][registers * lanes]`; zero where a lane has no
    /// output or sees another group.
    pub fn pack<T: crate::element::Element>(
        &self,
        block: &ChannelBlock,
        lanes: usize,
        w: &[T],
        packed: &mut [T],
    ) {
        let (inputs, outputs) = self.group_channels();
        let terms = block.pattern.terms(block.inputs);
        let width = block.outputs.next_multiple_of(lanes);
        packed.fill(T::zero());
        for lane in 0..block.outputs {
            let o = block.first_output + lane;
            let skipped = match block.pattern {
                Pattern::Spread { .. } => 0,
                Pattern::Dense => o / outputs * inputs - block.first_input,
            };
            for i in 0..inputs {
                for element in 0..self.elements {
                    packed[(element * terms + skipped + i) * width + lane] = w[self.weight(o, i, element)];
                }
            }
        }
    }
}
