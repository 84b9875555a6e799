//! The graph on a card: sums of gradients, views with offsets, the same bits every time.

use candle_core::{DType, Tensor, Var};
use sonovox_ops::{Conv2dSpec, Mode, ParamStore, Place, backward, conv2d, global_avg_pool, no_grad};

use crate::support::{Kind, Way, card, random, same_everywhere, values};

fn plain() -> Conv2dSpec {
    Conv2dSpec::default()
}

#[test]
fn a_result_used_several_times_gets_the_sum_of_its_gradients() {
    let inputs = [(Kind::Map, random(1, (2, 5, 6, 8))), (Kind::Param, random(2, (8, 8, 1, 1)))];
    same_everywhere("a sum of gradients", &Way::of_maps(), &inputs, |way, vars| {
        let spec = Conv2dSpec { tf32: way.tf32, ..plain() };
        let y = conv2d(&vars[0], &vars[1], spec)?;
        let z = conv2d(&y, &vars[1], spec)?;
        // candle's operations and ours, and y in three places
        global_avg_pool(&(conv2d(&(&y + &z)?, &vars[1], spec)? + y.relu()?)?)
    });
}

#[test]
fn a_view_into_a_larger_tensor_is_read_where_it_is() {
    // the second image starts at 15 values: no multiple of 16 bytes
    let inputs = [(Kind::Map, random(1, (3, 5, 3, 1))), (Kind::Param, random(2, (2, 1, 1, 1)))];
    same_everywhere("a view", &Way::of_maps(), &inputs, |way, vars| {
        conv2d(&vars[0].narrow(0, 1, 2)?, &vars[1], Conv2dSpec { tf32: way.tf32, ..plain() })
    });
}

#[test]
fn the_same_bits_every_time() {
    let Some(card) = card() else { return };
    let run = |dtype: DType| {
        let store = ParamStore::new(3, DType::F32, &card);
        let norm = sonovox_ops::BatchNorm2d::new(&store.scope(), 64, 1e-5).expect("a norm");
        let on = |seed, dims: (usize, usize, usize, usize), dtype| {
            let t = random(seed, dims).to_dtype(dtype).and_then(|t| t.to_device(&card));
            Var::from_tensor(&t.expect("there")).expect("a variable")
        };
        let (x, w) = (on(1, (4, 28, 36, 64), dtype), on(2, (64, 2, 3, 3), DType::F32));
        let spec = Conv2dSpec { padding: 1, groups: 32, ..plain() };
        let y = conv2d(&x, &w, spec).and_then(|y| norm.forward(&y, Mode::Train, sonovox_ops::Fuse::RELU));
        let loss = y.and_then(|y| global_avg_pool(&y)?.sqr()?.sum_all()).expect("a loss");
        let grads = backward(&loss).expect("gradients");
        [&x, &w].map(|var| values(grads.get(var).expect("a gradient")))
    };
    for dtype in [DType::F32, DType::BF16] {
        assert_eq!(run(dtype), run(dtype), "{dtype:?}");
    }
}

/// A loader's thread uploads what the training thread reads: one stream puts the two in order.
#[test]
fn what_another_thread_uploads_is_there() {
    let Ok(device) = Place::Cuda(0).open() else { return };
    let ones = Tensor::ones((64, 64, 64, 16), DType::F32, &candle_core::Device::Cpu).expect("ones");
    for _ in 0..8 {
        let (device, ones) = (device.clone(), ones.clone());
        let upload = move || (ones.to_device(&device)?.transpose(1, 2)?.contiguous()? * 2.0)?.contiguous();
        let there = std::thread::spawn(upload).join().expect("the thread").expect("uploaded");
        let mean = no_grad(|| global_avg_pool(&there)).expect("means");
        assert!(values(&mean).iter().all(|&v| v == 2.0));
    }
}
