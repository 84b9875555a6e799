use candle_core::{DType, Device};

use super::*;
use crate::params::ParamStore;
use crate::testing::{
    check_gradients, check_instruction_sets, coarse, distance, message, random, to_vec, var,
};

fn layer(channels: usize) -> (ParamStore, BatchNorm2d) {
    let store = ParamStore::new(1, DType::F64, &Device::Cpu);
    let bn = BatchNorm2d::new(&store.scope().pp("bn1"), channels, 1e-5).unwrap();
    bn.weight.set(&(random(11, channels) + 1.5).unwrap()).unwrap();
    bn.bias.set(&random(12, channels)).unwrap();
    bn.running_mean.set(&random(13, channels)).unwrap();
    bn.running_var.set(&(random(14, channels) + 1.5).unwrap()).unwrap();
    (store, bn)
}

/// The definition with candle's operations.
fn slow(bn: &BatchNorm2d, x: &Tensor, mode: Mode, fuse: Fuse) -> Tensor {
    let c = x.dim(3).unwrap();
    let flat = x.flatten_to(2).unwrap();
    let (mean, var) = match mode {
        Mode::Train => {
            let mean = flat.mean_keepdim(0).unwrap();
            (mean.clone(), flat.broadcast_sub(&mean).unwrap().sqr().unwrap().mean_keepdim(0).unwrap())
        }
        Mode::Eval => (bn.running_mean.as_detached_tensor(), bn.running_var.as_detached_tensor()),
    };
    let shape = |t: &Tensor| t.reshape((1, 1, 1, c)).unwrap();
    let normal = x.broadcast_sub(&shape(&mean)).unwrap();
    let normal = normal.broadcast_div(&shape(&(var + bn.eps).unwrap().sqrt().unwrap())).unwrap();
    let mut y = normal.broadcast_mul(&shape(&bn.weight)).unwrap().broadcast_add(&shape(&bn.bias)).unwrap();
    if let Some(residual) = fuse.residual {
        y = (y + residual).unwrap();
    }
    if fuse.relu { y.relu().unwrap() } else { y }
}

#[test]
fn the_result_is_the_definition() {
    let x = (random(1, (3, 4, 7, 5)) * 3.0).unwrap();
    let residual = random(2, (3, 4, 7, 5));
    for mode in [Mode::Train, Mode::Eval] {
        for relu in [false, true] {
            for residual in [None, Some(&residual)] {
                let (_store, bn) = layer(5);
                let fuse = Fuse { relu, residual };
                let expected = slow(&bn, &x, mode, fuse);
                assert!(distance(&bn.forward(&x, mode, fuse).unwrap(), &expected) < 1e-14);
            }
        }
    }
}

#[test]
fn gradients_are_difference_quotients() {
    for mode in [Mode::Train, Mode::Eval] {
        for relu in [false, true] {
            let (_store, bn) = layer(5);
            let (x, residual) = (var(1, (3, 4, 7, 5)), var(2, (3, 4, 7, 5)));
            let vars = [&x, &bn.weight, &bn.bias];
            check_gradients(&vars, || bn.forward(&x, mode, Fuse { relu, residual: None }));
            let vars = [&x, &bn.weight, &bn.bias, &residual];
            check_gradients(&vars, || bn.forward(&x, mode, Fuse { relu, residual: Some(&residual) }));
        }
    }
}

/// Maps of several pieces, of channels that fill no register, of one pixel, and far from zero.
#[test]
fn f32_is_f64_with_every_instruction_set() {
    // A sum in f32 runs over the rows of a piece, 410 at most for 40 channels: 2 sqrt(2 n) u = 3.4e-6 of its magnitudes,
    // and inputs around 2 lose two bits.
    const TOLERANCE: f64 = 2e-5;
    for dims in [[2, 57, 73, 40], [3, 14, 18, 1024], [5, 1, 1, 3], [1, 1, 2, 17], [1, 40, 31, 33]] {
        for (mode, relu, with_residual) in [
            (Mode::Train, false, false),
            (Mode::Train, true, false),
            (Mode::Train, true, true),
            (Mode::Eval, true, true),
            (Mode::Eval, false, true),
        ] {
            check_instruction_sets(TOLERANCE, |dtype| {
                let store = ParamStore::new(1, dtype, &Device::Cpu);
                let bn = BatchNorm2d::new(&store.scope(), dims[3], 1e-3)?;
                let of_type = |t: Tensor| Var::from_tensor(&t.to_dtype(dtype)?);
                bn.weight.set(of_type((coarse(11, dims[3]) + 1.5)?)?.as_tensor())?;
                bn.bias.set(of_type(coarse(12, dims[3]))?.as_tensor())?;
                bn.running_mean.set(of_type((coarse(13, dims[3]) + 2.0)?)?.as_tensor())?;
                let x = of_type((coarse(1, &dims[..]) + 2.0)?)?;
                let residual = of_type(coarse(2, &dims[..]))?;
                let fuse = Fuse { relu, residual: with_residual.then_some(residual.as_tensor()) };
                let y = bn.forward(&x, mode, fuse)?;
                let mut leaves = vec![x.clone(), bn.weight.clone(), bn.bias.clone()];
                leaves.extend(with_residual.then(|| residual.clone()));
                Ok((y, leaves))
            });
        }
    }
}

/// The definition once more where a map is summed in pieces.
#[test]
fn large_maps_are_normalised_by_all_of_their_pixels() {
    let x = ((random(1, (3, 61, 47, 19)) * 3.0).unwrap() + 50.0).unwrap();
    let (_store, bn) = layer(19);
    let expected = slow(&bn, &x, Mode::Train, Fuse::RELU);
    assert!(distance(&bn.forward(&x, Mode::Train, Fuse::RELU).unwrap(), &expected) < 1e-12);
    // its gradients too: candle's, since a difference quotient of a sum of so many drowns in rounding
    let (x, residual) = (var(1, (3, 61, 47, 19)), var(2, (3, 61, 47, 19)));
    for (mode, relu) in [(Mode::Train, true), (Mode::Train, false), (Mode::Eval, true)] {
        let (_store, bn) = layer(19);
        let fuse = Fuse { relu, residual: Some(&residual) };
        let gradients = |y: Tensor| {
            let grads = autograd::backward(&(y * random(9, x.shape())).unwrap().sum_all().unwrap()).unwrap();
            [&x, &bn.weight, &bn.bias, &residual].map(|var| grads.get(var).unwrap().clone())
        };
        let expected = gradients(slow(&bn, &x, mode, fuse));
        let found = gradients(bn.forward(&x, mode, fuse).unwrap());
        for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let apart = distance(found, expected);
            assert!(apart < 1e-12, "{mode:?}, ReLU {relu}: gradient {i} is {apart:e} apart");
        }
    }
}

/// What training must not hide: PyTorch's ReLU passes it on as well.
#[test]
fn what_is_not_a_number_stays_so() {
    for mode in [Mode::Train, Mode::Eval] {
        for residual in [false, true] {
            let (_store, bn) = layer(3);
            let x = random(1, (1, 2, 3, 3));
            let mut values = to_vec(&x);
            values[4] = f64::NAN;
            let broken = Tensor::from_vec(values, x.shape(), x.device()).unwrap();
            let (x, residual) = if residual { (x, Some(&broken)) } else { (broken, None) };
            let y = to_vec(&bn.forward(&x, mode, Fuse { relu: true, residual }).unwrap());
            assert!(y[4].is_nan() && !y[3].is_nan(), "{mode:?}: {y:?}");
        }
    }
}

#[test]
fn running_statistics_move_in_training_only() {
    let (_store, bn) = layer(2);
    let x = random(1, (2, 3, 3, 2));
    let before = to_vec(&bn.running_var);
    bn.forward(&x, Mode::Eval, Fuse::NONE).unwrap();
    assert_eq!(to_vec(&bn.running_var), before);
    let mean_before = to_vec(&bn.running_mean);
    bn.forward(&x, Mode::Train, Fuse::NONE).unwrap();
    for c in 0..2 {
        let values = to_vec(&x.narrow(3, c, 1).unwrap());
        let mean = values.iter().sum::<f64>() / 18.0;
        let unbiased = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 17.0;
        assert!((to_vec(&bn.running_mean)[c] - (0.9 * mean_before[c] + 0.1 * mean)).abs() < 1e-15);
        assert!((to_vec(&bn.running_var)[c] - (0.9 * before[c] + 0.1 * unbiased)).abs() < 1e-15);
    }
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let (_store, bn) = layer(4);
    let error = message(bn.forward(&random(1, (2, 4, 4, 3)), Mode::Train, Fuse::NONE));
    assert!(
        error.contains("batch_norm2d")
            && error.contains("expected 4 channels")
            && error.contains("[2, 4, 4, 3]")
    );
    let residual = random(1, (2, 4, 5, 4));
    let error = message(bn.forward(
        &random(1, (2, 4, 4, 4)),
        Mode::Train,
        Fuse { relu: false, residual: Some(&residual) },
    ));
    assert!(error.contains("[2, 4, 4, 4]") && error.contains("[2, 4, 5, 4]"), "{error}");
    assert!(
        message(bn.forward(&random(1, (1, 1, 1, 4)), Mode::Train, Fuse::NONE))
            .contains("more than one value")
    );
}
