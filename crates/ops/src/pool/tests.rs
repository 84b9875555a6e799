use candle_core::{Tensor, Var};

use super::*;
use crate::testing::{
    check_gradients, check_instruction_sets, coarse, distance, message, random, to_vec, var,
};

#[test]
fn the_largest_value_of_each_window() {
    for (h, w, kernel, stride, padding) in [
        (8, 7, 3, 2, 1),
        (7, 8, 3, 2, 1),
        (9, 11, 3, 2, 1),
        (10, 8, 3, 2, 1),
        (5, 6, 2, 2, 0),
        (7, 9, 3, 1, 1),
        (4, 4, 4, 4, 2),
        (11, 8, 5, 3, 2),
        (9, 10, 2, 3, 0),
        (1, 1, 3, 2, 1),
        (1, 6, 1, 2, 0),
    ] {
        let x = random(1, (2, h, w, 3));
        let y = max_pool2d(&x, kernel, stride, padding).unwrap().permute((0, 3, 1, 2)).unwrap();
        let padded = (x.permute((0, 3, 1, 2)).unwrap() + 10.0).unwrap();
        let padded =
            padded.pad_with_zeros(2, padding, padding).unwrap().pad_with_zeros(3, padding, padding).unwrap();
        let expected = (padded.max_pool2d_with_stride(kernel, stride).unwrap() - 10.0).unwrap();
        assert!(distance(&y, &expected) < 1e-14);
        let x = var(2, (2, h, w, 3));
        check_gradients(&[&x], || max_pool2d(&x, kernel, stride, padding));
    }
}

#[test]
fn the_first_of_equal_values_gets_the_gradient() {
    let x = candle_core::Var::ones((1, 3, 3, 1), candle_core::DType::F64, &candle_core::Device::Cpu).unwrap();
    let loss = max_pool2d(&x, 3, 2, 1).unwrap().sum_all().unwrap();
    let grads = crate::backward(&loss).unwrap();
    assert_eq!(to_vec(grads.get(&x).unwrap()), [1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn the_mean_of_each_map() {
    let x = var(1, (3, 4, 5, 3));
    let expected = x.mean((1, 2)).unwrap();
    assert!(distance(&global_avg_pool(&x).unwrap(), &expected) < 1e-14);
    check_gradients(&[&x], || global_avg_pool(&x));
    // several pieces
    let x = var(1, (3, 61, 47, 19));
    assert!(distance(&global_avg_pool(&x).unwrap(), &x.mean((1, 2)).unwrap()) < 1e-13);
    check_gradients(&[&x], || global_avg_pool(&x));
}

/// Large maps, and channels that fill no register.
#[test]
fn f32_is_f64_with_every_instruction_set() {
    for (b, h, w, c) in [(2, 57, 72, 64), (1, 40, 31, 33), (3, 7, 9, 1024), (2, 112, 144, 3)] {
        let x = |dtype| Var::from_tensor(&coarse(1, (b, h, w, c)).to_dtype(dtype)?);
        // up to four windows share a pixel: exact
        check_instruction_sets(0.0, |dtype| {
            let x = x(dtype)?;
            Ok((max_pool2d(&x, 3, 2, 1)?, vec![x]))
        });
        // one rounding, and exact sums
        check_instruction_sets(2f64.powi(-23), |dtype| {
            let x = x(dtype)?;
            Ok((global_avg_pool(&x)?, vec![x]))
        });
    }
}

#[test]
fn what_is_not_a_number_wins() {
    for at in [0, 4, 8] {
        let mut values = vec![1.0; 9];
        values[at] = f64::NAN;
        let x = Tensor::from_vec(values, (1, 3, 3, 1), &candle_core::Device::Cpu).unwrap();
        assert!(to_vec(&max_pool2d(&x, 3, 1, 0).unwrap())[0].is_nan(), "place {at}");
        assert!(to_vec(&global_avg_pool(&x).unwrap())[0].is_nan(), "place {at}");
    }
    let x = Tensor::full(f64::NEG_INFINITY, (1, 3, 3, 1), &candle_core::Device::Cpu).unwrap();
    assert_eq!(to_vec(&max_pool2d(&x, 3, 2, 1).unwrap()), [f64::NEG_INFINITY; 4]);
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    assert!(message(max_pool2d(&random(1, (1, 2, 3, 2)), 5, 1, 0)).contains("[1, 2, 3, 2]"));
    assert!(message(max_pool2d(&random(1, (1, 8, 8, 2)), 3, 2, 2)).contains("half the kernel"));
    assert!(message(max_pool2d(&random(1, (2, 8, 8)), 3, 2, 1)).contains("[2, 8, 8]"));
    assert!(message(global_avg_pool(&random(1, (2, 8, 8)))).contains("[2, 8, 8]"));
}
