mod definition;
mod folded;
mod instruction_sets;

use super::*;
use crate::testing::{check_gradients, message, random, var};

fn spec(stride: usize, padding: usize, dilation: usize, groups: usize) -> Conv2dSpec {
    Conv2dSpec { stride, padding, dilation, groups, ..Conv2dSpec::default() }
}

/// Heights and widths of every parity, groups of every kind, strides and dilations with and without each other.
#[test]
fn gradients_are_difference_quotients() {
    let mut turn = 0;
    for (groups, width) in [(1, 3), (1, 5), (4, 1), (4, 4), (4, 5), (32, 1), (32, 4), (6, 1), (2, 16)] {
        for (stride, dilation) in [(1, 1), (2, 1), (3, 1), (1, 2), (1, 4), (2, 2), (2, 4)] {
            turn += 1;
            let kernel = [3, 1, 5, 3, 7][turn % 5];
            let (h, w) = [(7, 10), (10, 7), (9, 11), (8, 6)][turn % 4];
            let reach: usize = dilation * (kernel - 1);
            let padding = [reach / 2, 0, 1, reach / 2 + 2][turn % 4];
            let padding = padding.max((reach + 1).saturating_sub(h.min(w)).div_ceil(2));
            let outputs = [width, width + 1, 2 * width][turn % 3] * groups;
            let spec = spec(stride, padding, dilation, groups);
            let (x, w) =
                (var(1, (1 + turn % 2, h, w, width * groups)), var(2, (outputs, width, kernel, kernel)));
            check_gradients(&[&x, &w], || conv2d(&x, &w, spec));
        }
    }
}

#[test]
fn shapes_and_types_that_do_not_fit_are_named() {
    let x = random(1, (1, 5, 5, 4));
    let error = message(conv2d(&x, &random(2, (8, 3, 3, 3)), Conv2dSpec::default()));
    assert!(
        error.contains("conv2d") && error.contains("[1, 5, 5, 4]") && error.contains("[8, 3, 3, 3]"),
        "{error}"
    );
    let error = message(conv2d(&x, &random(2, (8, 4, 7, 7)), Conv2dSpec::default()));
    assert!(error.contains("larger than the padded image") && error.contains("[8, 4, 7, 7]"), "{error}");
    let error = message(conv2d(&random(1, (4, 5, 5)), &random(2, (8, 4, 3, 3)), Conv2dSpec::default()));
    assert!(error.contains("[4, 5, 5]"), "{error}");
    let single = random(2, (8, 4, 3, 3)).to_dtype(candle_core::DType::F32).unwrap();
    let error = message(conv2d(&x, &single, Conv2dSpec::default()));
    assert!(error.contains("F64") && error.contains("F32"), "{error}");
    assert!(message(conv2d(&x, &random(2, (8, 4, 1, 1)), spec(0, 0, 1, 1))).contains("stride"));
}
