use super::*;
use crate::testing::{check_gradients, distance, message, random, var};

#[test]
fn result_and_gradients_are_those_of_the_formula() {
    let (x, gate, residual) = (var(1, (2, 3, 4, 5)), var(2, (2, 5)), var(3, (2, 3, 4, 5)));
    let scaled = x.broadcast_mul(&gate.reshape((2, 1, 1, 5)).unwrap()).unwrap();
    let expected = (scaled + residual.as_tensor()).unwrap().relu().unwrap();
    assert!(distance(&se_scale_add_relu(&x, &gate, &residual).unwrap(), &expected) < 1e-15);
    check_gradients(&[&x, &gate, &residual], || se_scale_add_relu(&x, &gate, &residual));
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let (x, r) = (random(1, (2, 3, 4, 5)), random(1, (2, 4, 3, 5)));
    let error = message(se_scale_add_relu(&x, &random(1, (2, 5)), &r));
    assert!(error.contains("[2, 3, 4, 5]") && error.contains("[2, 4, 3, 5]"), "{error}");
    assert!(message(se_scale_add_relu(&x, &random(1, (5, 2)), &x)).contains("[5, 2]"));
}
