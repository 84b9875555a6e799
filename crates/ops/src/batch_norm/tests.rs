use candle_core::{DType, Device};

use super::*;
use crate::params::ParamStore;
use crate::testing::{check_gradients, distance, message, random, to_vec, var};

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
