use candle_core::{DType, Device};

use super::*;
use crate::params::ParamStore;
use crate::testing::{
    check_gradients, check_instruction_sets, coarse, distance, message, random, to_vec, var,
};
use crate::{global_avg_pool, se_scale_add_relu};

fn layers(channels: usize, hidden: usize) -> (ParamStore, BatchNorm2d, SqueezeExcite) {
    let store = ParamStore::new(1, DType::F64, &Device::Cpu);
    let bn = BatchNorm2d::new(&store.scope().pp("bn3"), channels, 1e-5).unwrap();
    let se = SqueezeExcite::new(&store.scope().pp("se"), channels, hidden).unwrap();
    for (seed, (name, var)) in store.params().into_iter().chain(store.buffers()).enumerate() {
        let start = if name.contains("var") || name == "bn3.weight" { 1.5 } else { 0.0 };
        var.set(&(random(20 + seed as u64, var.shape()) + start).unwrap()).unwrap();
    }
    (store, bn, se)
}

/// The same from the single operations.
fn slow(se: &SqueezeExcite, bn: &BatchNorm2d, x: &Tensor, residual: &Tensor, mode: Mode) -> Result<Tensor> {
    let y = bn.forward(x, mode, Fuse::NONE)?;
    let layer = |x: &Tensor, i: usize| -> Result<Tensor> {
        x.matmul(&se.layers[i].flatten_from(1)?.t()?)?.broadcast_add(&se.layers[i + 1])
    };
    let gate = candle_nn_sigmoid(&layer(&layer(&global_avg_pool(&y)?, 0)?.relu()?, 2)?)?;
    se_scale_add_relu(&y, &gate, residual)
}

fn candle_nn_sigmoid(z: &Tensor) -> Result<Tensor> {
    (z.neg()?.exp()? + 1.0)?.recip()
}

#[test]
fn it_is_the_single_operations_one_after_the_other() {
    for (b, h, w, c, hidden) in [(3, 4, 5, 6, 4), (1, 1, 2, 3, 8), (2, 7, 3, 33, 5)] {
        for mode in [Mode::Train, Mode::Eval] {
            let (x, residual) = ((random(1, (b, h, w, c)) * 3.0).unwrap(), random(2, (b, h, w, c)));
            let (store, bn, se) = layers(c, hidden);
            let (other_store, other_bn, other_se) = layers(c, hidden);
            let found = se.forward(&bn, &x, &residual, mode).unwrap();
            let expected = slow(&other_se, &other_bn, &x, &residual, mode).unwrap();
            assert!(distance(&found, &expected) < 1e-13, "{:?} {mode:?}", x.dims());
            for ((name, found), (_, expected)) in store.buffers().iter().zip(other_store.buffers()) {
                assert!(distance(found, &expected) < 1e-14, "{name}");
            }
        }
    }
}

#[test]
fn gradients_are_difference_quotients() {
    for mode in [Mode::Train, Mode::Eval] {
        let (store, bn, se) = layers(6, 4);
        let (x, residual) = (var(1, (3, 4, 5, 6)), var(2, (3, 4, 5, 6)));
        let params = store.params();
        let mut vars: Vec<&Var> = vec![&x, &residual];
        vars.extend(params.iter().map(|(_, var)| var));
        check_gradients(&vars, || se.forward(&bn, &x, &residual, mode));
    }
}

#[test]
fn gradients_are_those_of_the_single_operations() {
    for mode in [Mode::Train, Mode::Eval] {
        // several pieces to an image
        let (store, bn, se) = layers(20, 8);
        let (x, residual) = (var(1, (2, 43, 47, 20)), var(2, (2, 43, 47, 20)));
        let weights = random(9, x.shape());
        let gradients = |y: Tensor| crate::backward(&(y * &weights).unwrap().sum_all().unwrap()).unwrap();
        let found = gradients(se.forward(&bn, &x, &residual, mode).unwrap());
        let expected = gradients(slow(&se, &bn, &x, &residual, mode).unwrap());
        let named = [("x".to_owned(), x), ("residual".to_owned(), residual)];
        for (name, var) in named.into_iter().chain(store.params()) {
            let (found, expected) = (found.get(&var).expect("a gradient"), expected.get(&var).expect("one"));
            assert!(distance(found, expected) < 1e-11, "{name} {mode:?}");
            assert!(to_vec(found).iter().any(|g| *g != 0.0), "{name} {mode:?}");
        }
    }
}

#[test]
fn f32_is_f64_with_every_instruction_set() {
    // The gate goes through sums over pieces (2 sqrt(2 n) u, n at most 862 rows) and two layers of at most 1024 products.
    const TOLERANCE: f64 = 5e-5;
    for (dims, hidden) in [
        ([2, 43, 47, 19], 8),
        ([3, 14, 18, 1024], 64),
        ([2, 1, 1, 5], 3),
        ([1, 7, 9, 33], 16),
        ([2, 28, 36, 256], 16),
    ] {
        for mode in [Mode::Train, Mode::Eval] {
            check_instruction_sets(TOLERANCE, |dtype| {
                let store = ParamStore::new(1, dtype, &Device::Cpu);
                let bn = BatchNorm2d::new(&store.scope().pp("bn3"), dims[3], 1e-3)?;
                let se = SqueezeExcite::new(&store.scope().pp("se"), dims[3], hidden)?;
                for (seed, (name, var)) in store.params().into_iter().chain(store.buffers()).enumerate() {
                    let start = if name.contains("var") || name == "bn3.weight" { 1.5 } else { 0.0 };
                    let spread = if name.starts_with("se.fc") { 1.0 / 16.0 } else { 1.0 };
                    let value = coarse(20 + seed as u64, var.shape()).affine(spread, start)?;
                    var.set(&value.to_dtype(dtype)?)?;
                }
                let of_type = |t: Tensor| Var::from_tensor(&t.to_dtype(dtype)?);
                let x = of_type((coarse(1, &dims[..]) + 1.0)?)?;
                let residual = of_type(coarse(2, &dims[..]))?;
                let y = se.forward(&bn, &x, &residual, mode)?;
                let params = store.params().into_iter().map(|(_, var)| var);
                Ok((y, [x, residual].into_iter().chain(params).collect()))
            });
        }
    }
}

/// What training must not hide: PyTorch's ReLU passes it on as well.
#[test]
fn what_is_not_a_number_stays_so() {
    for mode in [Mode::Train, Mode::Eval] {
        let (_store, bn, se) = layers(3, 2);
        let x = random(1, (1, 2, 3, 3));
        let mut values = to_vec(&x);
        values[4] = f64::NAN;
        let broken = Tensor::from_vec(values, x.shape(), x.device()).unwrap();
        for y in [se.forward(&bn, &broken, &x, mode), se.forward(&bn, &x, &broken, mode)] {
            assert!(to_vec(&y.unwrap())[4].is_nan(), "{mode:?}");
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let (_store, bn, se) = layers(4, 4);
    let x = random(1, (2, 3, 5, 4));
    let error = message(se.forward(&bn, &x, &random(1, (2, 5, 3, 4)), Mode::Train));
    assert!(
        error.contains("squeeze_excite") && error.contains("[2, 3, 5, 4]") && error.contains("[2, 5, 3, 4]"),
        "{error}"
    );
    let wide = random(1, (2, 3, 5, 6));
    assert!(message(se.forward(&bn, &wide, &wide, Mode::Train)).contains("[2, 3, 5, 6]"));
}
