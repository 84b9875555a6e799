use candle_core::{DType, Device};

use super::*;
use crate::testing::{check_gradients, message, random, to_vec, var};
use crate::{Conv2dSpec, conv2d, global_avg_pool};

fn square_sum(x: &Tensor) -> Result<Tensor> {
    x.sqr()?.sum_all()
}

#[test]
fn candles_operations_and_ours_mix_in_any_order() {
    let (x, w, v) = (var(1, (2, 4, 5, 3)), var(2, (4, 3, 1, 1)), var(3, (4, 2)));
    check_gradients(&[&x, &w, &v], || {
        let y = conv2d(&(x.as_tensor() * 2.0)?.tanh()?, &w, Conv2dSpec::default())?.relu()?;
        global_avg_pool(&(&y + y.sqr()?)?)?.matmul(&v)
    });
}

#[test]
fn a_result_used_several_times_gets_the_sum_of_its_gradients() {
    let (x, w) = (var(1, (1, 3, 3, 2)), var(2, (2, 2, 1, 1)));
    check_gradients(&[&x, &w], || {
        let y = conv2d(&x, &w, Conv2dSpec::default())?;
        let z = conv2d(&y, &w, Conv2dSpec::default())?;
        conv2d(&(&y + &z)?, &w, Conv2dSpec::default())? + y
    });
}

#[test]
fn candles_backward_stops_with_a_hint() {
    let (x, w) = (var(1, (1, 3, 3, 2)), var(2, (2, 2, 1, 1)));
    let loss = square_sum(&conv2d(&x, &w, Conv2dSpec::default()).unwrap()).unwrap();
    assert!(message(loss.backward()).contains("sonovox_ops::backward"));
}

#[test]
fn nothing_is_recorded_under_no_grad() {
    let (x, w) = (var(1, (1, 3, 3, 2)), var(2, (2, 2, 1, 1)));
    let y = no_grad(|| conv2d(&x, &w, Conv2dSpec::default())).unwrap();
    assert!(!y.track_op());
    assert!(conv2d(&x, &w, Conv2dSpec::default()).unwrap().track_op());
}

#[test]
fn a_graph_is_walked_once_and_leaves_nothing_behind() {
    let (x, w) = (var(1, (1, 3, 3, 2)), var(2, (2, 2, 1, 1)));
    let y = conv2d(&x, &w, Conv2dSpec::default()).unwrap();
    let id = y.id();
    let loss = square_sum(&y).unwrap();
    backward(&loss).unwrap();
    assert!(message(backward(&loss)).contains("second time"));
    assert!(lock(&NODES).contains_key(&id));
    drop((y, loss));
    assert!(!lock(&NODES).contains_key(&id));
}

#[test]
fn a_loss_has_one_element_and_a_variable() {
    let x = var(1, (2, 2));
    assert!(message(backward(&x.sqr().unwrap())).contains("[2, 2]"));
    let constant = Tensor::ones((), DType::F64, &Device::Cpu).unwrap();
    assert!(message(backward(&constant)).contains("any variable"));
}

#[test]
fn gradients_shared_by_two_inputs_are_not_added_to_in_place() {
    // y = a + b through our batch norm's residual: its gradient goes to both; a is used once more.
    let store = crate::ParamStore::new(1, DType::F64, &Device::Cpu);
    let bn = crate::BatchNorm2d::new(&store.scope(), 2, 1e-5).unwrap();
    let (a, w) = (var(1, (2, 3, 3, 2)), var(2, (2, 2, 1, 1)));
    check_gradients(&[&a, &w], || {
        let y = conv2d(&a, &w, Conv2dSpec::default())?;
        let fuse = crate::Fuse { relu: false, residual: Some(&y) };
        bn.forward(&random(5, (2, 3, 3, 2)), crate::Mode::Train, fuse)? + y.sqr()?
    });
    assert_eq!(to_vec(&a).len(), 36);
}
