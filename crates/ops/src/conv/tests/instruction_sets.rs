//! Every instruction set against the definition.

use super::definition::Case;
use super::spec;
use crate::element::Element;
use crate::simd::Isa;
use crate::testing::{to_vec, with_isa};

/// Runs all sets, and holds AVX2 and AVX-512 to the same bits.
fn check(cases: &[Case]) {
    let definitions: Vec<_> = cases.iter().map(Case::definition).collect();
    let run = |isa: Isa| {
        with_isa(isa, || {
            let mut found = Vec::new();
            for (case, definition) in cases.iter().zip(&definitions) {
                let what = format!("{isa:?} {}", case.name());
                let single = case.run::<f32>();
                for ((sums, single), double) in definition.iter().zip(&single).zip(case.run::<f64>()) {
                    sums.compare::<f32>(single, &what);
                    sums.compare::<f64>(&double, &what);
                }
                found.push(single);
            }
            found
        })
    };
    let mut of_x86 = Vec::new();
    for isa in Isa::available() {
        let found = run(isa);
        if isa != Isa::Portable {
            of_x86.push(found);
        }
    }
    let [avx512, avx2] = &of_x86[..] else { return };
    for (case, (avx512, avx2)) in cases.iter().zip(avx512.iter().zip(avx2)) {
        for (what, (a, b)) in
            ["result", "input gradient", "weight gradient"].iter().zip(avx512.iter().zip(avx2))
        {
            assert!(to_vec(a) == to_vec(b), "{what} of {}: AVX-512 and AVX2 differ", case.name());
        }
    }
}

/// Widths of groups that are narrower than, as wide as and wider than a register, or do not divide it; as many or more
/// outputs; every kernel with every stride, and in turn every dilation, padding and parity of height and width.
#[test]
fn small_images_of_every_kind() {
    let mut turn = 0;
    let mut cases = Vec::new();
    for width in [1, 2, 3, 4, 5, 8, 16, 32, 64] {
        for groups in [1, 2, 4, 32] {
            for (kernel, stride) in [1, 3, 5, 7].into_iter().flat_map(|k| [1, 2, 3].map(|s| (k, s))) {
                turn += 1;
                let outputs = [width, width, 2 * width, width + 3][turn % 4];
                let dilation = [1, 2, 4, 1, 2][turn % 5];
                let reach: usize = dilation * (kernel - 1);
                let (h, w) = [(7, 10), (9, 5), (6, 6), (8, 11), (5, 8), (10, 7), (11, 9)][turn % 7];
                let padding = [reach / 2, 0, reach / 2 + 1, 1, reach][turn % 5];
                // the kernel has to fit
                let padding = padding.max((reach + 1).saturating_sub(h.min(w)).div_ceil(2));
                let spec = spec(stride, padding, dilation, groups);
                let case =
                    Case::new([1 + turn % 2, h, w, width * groups], [outputs * groups, kernel, kernel], spec);
                if case.work() < 3_000_000 {
                    cases.push(case);
                }
            }
        }
    }
    assert!(cases.len() > 300, "{}", cases.len());
    check(&cases);
}

#[test]
fn kernels_that_are_even_or_not_square() {
    check(&[
        Case::new([2, 8, 9, 6], [10, 1, 3], spec(1, 1, 1, 1)),
        Case::new([1, 8, 9, 32], [32, 3, 1], spec(2, 1, 1, 8)),
        Case::new([2, 7, 8, 4], [6, 4, 2], spec(1, 1, 1, 2)),
        Case::new([1, 1, 9, 4], [8, 1, 5], spec(1, 0, 2, 1)),
        Case::new([1, 9, 1, 16], [16, 5, 1], spec(2, 0, 1, 16)),
        Case::new([3, 8, 9, 3], [20, 8, 9], spec(1, 0, 1, 1)),
        // more taps than there is room for on the stack
        Case::new([1, 20, 23, 16], [16, 9, 11], spec(2, 4, 1, 4)),
    ]);
}

/// Layers of SE-ResNeXt-50 32x4d, of the half-width net and of the gaze head.
#[test]
fn layers_of_the_networks() {
    let grouped = |b, h, w, c, stride, dilation| {
        Case::new([b, h, w, c], [c, 3, 3], spec(stride, dilation, dilation, 32))
    };
    let pointwise = |b, h, w, c, o, stride| Case::new([b, h, w, c], [o, 1, 1], spec(stride, 0, 1, 1));
    check(&[
        Case::new([1, 111, 144, 1], [64, 7, 7], spec(2, 3, 1, 1)),
        Case::new([1, 112, 143, 3], [64, 7, 7], spec(2, 3, 1, 1)),
        grouped(2, 56, 72, 128, 1, 1),
        grouped(2, 55, 71, 64, 1, 1),
        grouped(5, 28, 36, 256, 1, 1),
        grouped(4, 14, 18, 512, 1, 1),
        grouped(2, 7, 9, 1024, 1, 1),
        grouped(1, 56, 72, 256, 2, 1),
        grouped(2, 27, 36, 512, 2, 1),
        grouped(2, 14, 17, 1024, 2, 1),
        grouped(1, 28, 36, 512, 1, 2),
        grouped(1, 28, 36, 1024, 1, 4),
        Case::new([1, 28, 36, 1024], [1024, 7, 7], spec(1, 3, 1, 1024)),
        pointwise(1, 56, 72, 64, 128, 1),
        pointwise(1, 28, 36, 512, 256, 1),
        pointwise(2, 28, 35, 256, 512, 2),
        pointwise(3, 7, 9, 1024, 1000, 1),
    ]);
}

/// Sums cannot hide in f64 that does not use the set: the kernels of f64 listen as well.
#[test]
fn registers_of_both_types_are_known() {
    for isa in Isa::available() {
        let lanes = with_isa(isa, || (f32::lanes(), f64::lanes()));
        let expected = if format!("{isa:?}") == "Avx512" { 16 } else { 8 };
        assert_eq!(lanes, (expected, 4), "{isa:?}");
    }
}
