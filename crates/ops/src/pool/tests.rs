use super::*;
use crate::testing::{check_gradients, distance, message, random, to_vec, var};

#[test]
fn the_largest_value_of_each_window() {
    for (h, w, kernel, stride, padding) in
        [(8, 7, 3, 2, 1), (5, 6, 2, 2, 0), (7, 9, 3, 1, 1), (4, 4, 4, 4, 2)]
    {
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
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    assert!(message(max_pool2d(&random(1, (1, 2, 3, 2)), 5, 1, 0)).contains("[1, 2, 3, 2]"));
    assert!(message(max_pool2d(&random(1, (1, 8, 8, 2)), 3, 2, 2)).contains("half the kernel"));
    assert!(message(max_pool2d(&random(1, (2, 8, 8)), 3, 2, 1)).contains("[2, 8, 8]"));
    assert!(message(global_avg_pool(&random(1, (2, 8, 8)))).contains("[2, 8, 8]"));
}
