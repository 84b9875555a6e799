use super::*;
use crate::testing::{check_gradients, message, random, to_vec, var};

#[test]
fn the_value_is_candles_and_gradients_are_difference_quotients() {
    let z = var(1, (4, 6));
    let labels = Tensor::new(&[5u32, 0, 3, 3], z.device()).unwrap();
    let log_p = (z.broadcast_sub(&z.exp().unwrap().sum_keepdim(1).unwrap().log().unwrap())).unwrap();
    let expected =
        to_vec(&log_p.gather(&labels.unsqueeze(1).unwrap(), 1).unwrap()).iter().sum::<f64>() / -4.0;
    assert!((to_vec(&cross_entropy(&z, &labels).unwrap())[0] - expected).abs() < 1e-14);
    check_gradients(&[&z], || cross_entropy(&z, &labels));
}

#[test]
fn large_logits_do_not_overflow() {
    let z = Tensor::new(&[[1e4f32, 0.0], [0.0, 1e4]], &candle_core::Device::Cpu).unwrap();
    let labels = Tensor::new(&[0u32, 0], z.device()).unwrap();
    assert_eq!(to_vec(&cross_entropy(&z, &labels).unwrap())[0], 5e3);
}

#[test]
fn labels_that_do_not_fit_are_refused() {
    let z = random(1, (2, 3));
    assert!(
        message(cross_entropy(&z, &Tensor::new(&[0u32, 3], z.device()).unwrap()))
            .contains("below 3, found 3")
    );
    assert!(message(cross_entropy(&z, &Tensor::new(&[0u32], z.device()).unwrap())).contains("[1]"));
    assert!(message(cross_entropy(&z, &Tensor::new(&[0i64, 1], z.device()).unwrap())).contains("u32"));
}
