use candle_core::Var;

use super::*;
use crate::testing::{
    check_gradients, check_instruction_sets, coarse, distance, message, random, to_vec, var,
};

#[test]
fn result_and_gradients_are_those_of_the_formula() {
    let (x, gate, residual) = (var(1, (2, 3, 4, 5)), var(2, (2, 5)), var(3, (2, 3, 4, 5)));
    let scaled = x.broadcast_mul(&gate.reshape((2, 1, 1, 5)).unwrap()).unwrap();
    let expected = (scaled + residual.as_tensor()).unwrap().relu().unwrap();
    assert!(distance(&se_scale_add_relu(&x, &gate, &residual).unwrap(), &expected) < 1e-15);
    check_gradients(&[&x, &gate, &residual], || se_scale_add_relu(&x, &gate, &residual));
}

/// Images of several pieces, and channels that fill no register.
#[test]
fn f32_is_f64_with_every_instruction_set() {
    // Results are exact; the gate's gradient sums the rows of a piece in f32, 2 sqrt(2 n) u for n = 16384 / 19 rows.
    const TOLERANCE: f64 = 5e-6;
    for (b, h, w, c) in [(2, 57, 73, 19), (3, 14, 18, 1024), (3, 1, 1, 5), (1, 40, 31, 33), (5, 7, 9, 256)] {
        check_instruction_sets(TOLERANCE, |dtype| {
            let of_type = |t: Tensor| Var::from_tensor(&t.to_dtype(dtype)?);
            let x = of_type(coarse(1, (b, h, w, c)))?;
            let gate = of_type(coarse(2, (b, c)))?;
            // never on the edge of the ReLU
            let residual = of_type((coarse(3, (b, h, w, c)) + 2f64.powi(-18))?)?;
            Ok((se_scale_add_relu(&x, &gate, &residual)?, vec![x, gate, residual]))
        });
    }
}

/// Each image of several pieces has a gate of its own.
#[test]
fn large_maps_are_those_of_the_formula() {
    let (x, gate, residual) = (var(1, (3, 61, 47, 19)), var(2, (3, 19)), var(3, (3, 61, 47, 19)));
    let scaled = x.broadcast_mul(&gate.reshape((3, 1, 1, 19)).unwrap()).unwrap();
    let expected = (scaled + residual.as_tensor()).unwrap().relu().unwrap();
    assert!(distance(&se_scale_add_relu(&x, &gate, &residual).unwrap(), &expected) < 1e-15);
    check_gradients(&[&x, &gate, &residual], || se_scale_add_relu(&x, &gate, &residual));
}

/// What training must not hide: PyTorch's ReLU passes it on as well.
#[test]
fn what_is_not_a_number_stays_so() {
    let (x, gate) = (random(1, (1, 2, 3, 3)), random(2, (1, 3)));
    let mut values = to_vec(&x);
    values[4] = f64::NAN;
    let broken = Tensor::from_vec(values, x.shape(), x.device()).unwrap();
    for y in [se_scale_add_relu(&broken, &gate, &x), se_scale_add_relu(&x, &gate, &broken)] {
        let y = to_vec(&y.unwrap());
        assert!(y[4].is_nan() && !y[3].is_nan(), "{y:?}");
    }
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let (x, r) = (random(1, (2, 3, 4, 5)), random(1, (2, 4, 3, 5)));
    let error = message(se_scale_add_relu(&x, &random(1, (2, 5)), &r));
    assert!(error.contains("[2, 3, 4, 5]") && error.contains("[2, 4, 3, 5]"), "{error}");
    assert!(message(se_scale_add_relu(&x, &random(1, (5, 2)), &x)).contains("[5, 2]"));
}
