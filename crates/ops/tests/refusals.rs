//! Every input that an operation refuses: one line each, with what the message has to say. It always names the
//! operation, and the shapes of all that does not fit together.

use candle_core::{DType, Device, Result, Tensor, Var};
use sonovox_ops::optim::{AdamW, AdamWConfig, Optimizer, Sgd, SgdConfig, global_norm};
use sonovox_ops::{
    BatchNorm2d, Conv2dSpec, Fuse, Init, Mode, ParamStore, SqueezeExcite, backward, conv2d, conv2d_norm,
    cross_entropy, global_avg_pool, info_nce, max_pool2d, no_grad, paper_contrastive, se_scale_add_relu,
    softmax_kl,
};

fn of(dims: &[usize], dtype: DType) -> Tensor {
    Tensor::ones(dims, dtype, &Device::Cpu).expect("a tensor")
}

fn ones(dims: &[usize]) -> Tensor {
    of(dims, DType::F32)
}

/// Holds messages to what they have to say.
struct Refusals(&'static str);

impl Refusals {
    fn check<T>(&self, result: Result<T>, says: &[&str]) {
        let Err(error) = result else { panic!("{}: no error, where one should say {says:?}", self.0) };
        let error = error.to_string();
        let first = error.lines().next().unwrap_or_default();
        for part in [&self.0].into_iter().chain(says) {
            assert!(first.contains(part), "{}: {part:?} is missing in {first:?}", self.0);
        }
    }
}

/// The types without a kernel.
const TYPES: [(DType, &str); 4] =
    [(DType::F16, "F16"), (DType::BF16, "BF16"), (DType::U8, "U8"), (DType::I64, "I64")];

#[test]
fn conv2d_refuses() {
    let refused = Refusals("conv2d");
    let run = |x: &[usize], w: &[usize], stride, padding, dilation, groups, says: &[&str]| {
        let (xs, ws) = (format!("{x:?}"), format!("{w:?}"));
        let spec = Conv2dSpec { stride, padding, dilation, groups, ..Conv2dSpec::default() };
        let says: Vec<&str> = says.iter().copied().chain([xs.as_str(), ws.as_str()]).collect();
        refused.check(conv2d(&ones(x), &ones(w), spec), &says);
    };
    run(&[5, 5, 4], &[8, 4, 3, 3], 1, 0, 1, 1, &["[B, H, W, C]"]);
    run(&[1, 1, 5, 5, 4], &[8, 4, 3, 3], 1, 0, 1, 1, &["[B, H, W, C]"]);
    run(&[1, 5, 5, 4], &[8, 4, 3], 1, 0, 1, 1, &["[O, C / groups, KH, KW]"]);
    run(&[1, 5, 5, 4], &[8, 3, 3, 3], 1, 0, 1, 1, &["do not fit"]);
    run(&[1, 5, 5, 4], &[8, 4, 3, 3], 1, 0, 1, 2, &["do not fit"]);
    run(&[1, 5, 5, 4], &[9, 2, 3, 3], 1, 0, 1, 2, &["do not fit"]);
    run(&[1, 5, 5, 5], &[8, 2, 3, 3], 1, 0, 1, 2, &["do not fit"]);
    run(&[1, 5, 5, 4], &[8, 4, 3, 3], 0, 0, 1, 1, &["stride"]);
    run(&[1, 5, 5, 4], &[8, 4, 3, 3], 1, 0, 0, 1, &["dilation"]);
    run(&[1, 5, 5, 4], &[8, 4, 3, 3], 1, 0, 1, 0, &["groups"]);
    run(&[1, 5, 9, 4], &[8, 4, 6, 3], 1, 0, 1, 1, &["larger than the padded image"]);
    run(&[1, 9, 5, 4], &[8, 4, 3, 8], 1, 1, 1, 1, &["larger than the padded image"]);
    run(&[1, 5, 5, 4], &[8, 4, 3, 3], 1, 0, 3, 1, &["larger than the padded image"]);
    run(&[0, 5, 5, 4], &[8, 4, 3, 3], 1, 0, 1, 1, &["length 0"]);
    run(&[1, 5, 0, 4], &[8, 4, 3, 3], 1, 4, 1, 1, &["length 0"]);
    run(&[1, 5, 5, 0], &[8, 0, 3, 3], 1, 0, 1, 1, &["length 0"]);
    run(&[1, 5, 5, 4], &[0, 4, 3, 3], 1, 0, 1, 1, &["length 0"]);
    run(&[1, 5, 5, 4], &[8, 4, 0, 3], 1, 0, 1, 1, &["length 0"]);
    // sizes that no memory holds, and whose sums do not fit a machine word
    run(&[1, 5, 5, 4], &[8, 4, 3, 3], 1, usize::MAX / 2 + 1, 1, 1, &["padding"]);
    run(&[1, 5, 5, 4], &[8, 4, 3, 3], 1, 1 << 40, 1, 1, &["padding"]);
    run(&[1, 5, 5, 4], &[8, 4, 3, 3], 1, 1, usize::MAX / 2 + 1, 1, &["dilation"]);
    run(&[1, 5, 5, 4], &[8, 4, 3, 3], usize::MAX, 1, 1, 1, &["stride"]);
    let (x, w, spec) = ([1, 5, 5, 4], [8, 4, 3, 3], Conv2dSpec::default());
    let shapes = ["[1, 5, 5, 4]", "[8, 4, 3, 3]"];
    for (dtype, name) in TYPES {
        refused.check(conv2d(&of(&x, dtype), &of(&w, dtype), spec), &[name, shapes[0]]);
        refused.check(conv2d(&ones(&x), &of(&w, dtype), spec), &[name, shapes[1]]);
    }
    let says = ["F64", "F32", shapes[0], shapes[1]];
    refused.check(conv2d(&of(&x, DType::F64), &ones(&w), spec), &says);
}

fn norm(channels: usize) -> (ParamStore, BatchNorm2d) {
    let store = ParamStore::new(1, DType::F32, &Device::Cpu);
    let norm = BatchNorm2d::new(&store.scope(), channels, 1e-5).expect("a layer");
    (store, norm)
}

#[test]
fn batch_norm_refuses() {
    let refused = Refusals("batch_norm2d");
    let (_store, norm) = norm(4);
    for mode in [Mode::Train, Mode::Eval] {
        let run = |x: Tensor, residual: Option<Tensor>, says: &[&str]| {
            refused.check(norm.forward(&x, mode, Fuse { relu: true, residual: residual.as_ref() }), says);
        };
        run(ones(&[4, 4]), None, &["[B, H, W, 4]", "[4, 4]"]);
        run(ones(&[2, 3, 3, 5]), None, &["4", "[2, 3, 3, 5]"]);
        run(ones(&[2, 4, 3, 3]), None, &["4", "[2, 4, 3, 3]"]);
        run(ones(&[2, 0, 3, 4]), None, &["[2, 0, 3, 4]"]);
        run(ones(&[2, 3, 5, 4]), Some(ones(&[2, 5, 3, 4])), &["[2, 3, 5, 4]", "[2, 5, 3, 4]"]);
        run(of(&[2, 3, 5, 4], DType::F64), None, &["F64", "F32", "[2, 3, 5, 4]", "[4]"]);
        for (dtype, name) in TYPES {
            run(of(&[2, 3, 5, 4], dtype), None, &[name, "[2, 3, 5, 4]"]);
            run(ones(&[2, 3, 5, 4]), Some(of(&[2, 3, 5, 4], dtype)), &[name, "[2, 3, 5, 4]"]);
        }
    }
    refused.check(norm.forward(&ones(&[1, 1, 1, 4]), Mode::Train, Fuse::NONE), &["[1, 1, 1, 4]"]);
    norm.forward(&ones(&[1, 1, 1, 4]), Mode::Eval, Fuse::NONE).expect("evaluation needs no second value");
}

#[test]
fn convolution_before_a_norm_refuses() {
    let (_store, norm) = norm(5);
    let (x, w) = (ones(&[1, 4, 5, 3]), ones(&[4, 3, 3, 3]));
    let spec = Conv2dSpec::default();
    for mode in [Mode::Train, Mode::Eval] {
        let run = || conv2d_norm(&x, &w, spec, &norm, mode, true);
        Refusals("").check(run(), &["5", "4"]);
        Refusals("").check(no_grad(run), &["5", "4"]);
        let wide = || conv2d_norm(&of(&[1, 4, 5, 3], DType::F64), &w, spec, &norm, mode, true);
        Refusals("conv2d").check(no_grad(wide), &["F64", "[1, 4, 5, 3]", "[4, 3, 3, 3]"]);
    }
}

#[test]
fn pools_refuse() {
    let refused = Refusals("max_pool2d");
    let run = |x: &[usize], kernel, stride, padding, says: &str| {
        refused.check(max_pool2d(&ones(x), kernel, stride, padding), &[says, &format!("{x:?}")]);
    };
    run(&[2, 8, 8], 3, 2, 1, "[B, H, W, C]");
    run(&[1, 8, 8, 2], 0, 2, 0, "kernel 0");
    run(&[1, 8, 8, 2], 256, 2, 128, "kernel 256");
    run(&[1, 8, 8, 2], 3, 0, 1, "stride 0");
    run(&[1, 8, 8, 2], 3, 2, 2, "half the kernel");
    run(&[1, 2, 8, 2], 5, 1, 1, "larger than the padded image");
    run(&[1, 8, 2, 2], 5, 1, 1, "larger than the padded image");
    run(&[1, 0, 8, 2], 3, 2, 1, "length 0");
    let refused_mean = Refusals("global_avg_pool");
    for dims in [&[2, 8, 8][..], &[1, 0, 8, 2]] {
        refused_mean.check(global_avg_pool(&ones(dims)), &[&format!("{dims:?}")]);
    }
    for (dtype, name) in TYPES {
        let x = of(&[1, 8, 8, 2], dtype);
        refused.check(max_pool2d(&x, 3, 2, 1), &[name, "[1, 8, 8, 2]"]);
        refused_mean.check(global_avg_pool(&x), &[name, "[1, 8, 8, 2]"]);
    }
}

#[test]
fn se_scale_add_relu_refuses() {
    let refused = Refusals("se_scale_add_relu");
    let run = |x: &[usize], gate: &[usize], residual: &[usize]| {
        let shapes = [x, gate, residual].map(|dims| format!("{dims:?}"));
        let result = se_scale_add_relu(&ones(x), &ones(gate), &ones(residual));
        refused.check(result, &shapes.each_ref().map(String::as_str));
    };
    run(&[2, 3, 4, 5], &[5, 2], &[2, 3, 4, 5]);
    run(&[2, 3, 4, 5], &[2, 4], &[2, 3, 4, 5]);
    run(&[2, 3, 4, 5], &[2, 5], &[2, 4, 3, 5]);
    run(&[2, 3, 4, 5], &[2, 5], &[2, 12, 5]);
    run(&[2, 3, 4, 5], &[2, 1, 1, 5], &[2, 3, 4, 5]);
    run(&[3, 4, 5], &[3, 5], &[3, 4, 5]);
    run(&[2, 0, 4, 5], &[2, 5], &[2, 0, 4, 5]);
    let (x, gate) = (ones(&[2, 3, 4, 5]), ones(&[2, 5]));
    for (dtype, name) in TYPES.into_iter().chain([(DType::F64, "F64")]) {
        let result = se_scale_add_relu(&x, &of(&[2, 5], dtype), &x);
        refused.check(result, &[name, "[2, 5]"]);
        let result = se_scale_add_relu(&x, &gate, &of(&[2, 3, 4, 5], dtype));
        refused.check(result, &[name, "[2, 3, 4, 5]"]);
    }
}

#[test]
fn squeeze_excite_refuses() {
    let refused = Refusals("squeeze_excite");
    let (store, norm) = norm(4);
    let se = SqueezeExcite::new(&store.scope().pp("se"), 4, 2).expect("a layer");
    let x = ones(&[2, 3, 5, 4]);
    for mode in [Mode::Train, Mode::Eval] {
        let narrow = ones(&[2, 3, 5, 3]);
        refused.check(se.forward(&norm, &x, &narrow, mode), &["[2, 3, 5, 4]", "[2, 3, 5, 3]"]);
        Refusals("").check(se.forward(&norm, &narrow, &narrow, mode), &["4", "[2, 3, 5, 3]"]);
        Refusals("").check(se.forward(&norm, &ones(&[6, 4]), &ones(&[6, 4]), mode), &["[6, 4]"]);
        for (dtype, name) in TYPES.into_iter().chain([(DType::F64, "F64")]) {
            let other = of(&[2, 3, 5, 4], dtype);
            refused.check(se.forward(&norm, &x, &other, mode), &[name, "[2, 3, 5, 4]"]);
            refused.check(se.forward(&norm, &other, &other, mode), &[name, "[2, 3, 5, 4]"]);
        }
    }
    let wrong = SqueezeExcite::new(&store.scope().pp("wrong"), 6, 2).expect("a layer");
    refused.check(wrong.forward(&norm, &x, &x, Mode::Eval), &["6", "[2, 3, 5, 4]"]);
}

#[test]
fn softmax_kl_refuses() {
    let refused = Refusals("softmax_kl");
    let run = |z: &[usize], target: &[usize]| {
        let target_values = ones(target).affine(1.0 / target.last().map_or(1.0, |&n| n as f64), 0.0);
        let result = softmax_kl(&ones(z), &target_values.expect("a target"));
        refused.check(result, &[&format!("{z:?}"), &format!("{target:?}")]);
    };
    run(&[2, 3], &[3, 2]);
    run(&[2, 3], &[2, 4]);
    run(&[6], &[6]);
    run(&[2, 3, 1], &[2, 3, 1]);
    run(&[0, 3], &[0, 3]);
    let z = ones(&[2, 2]);
    for (row, says) in [([0.6, 0.5], "sum"), ([1.5, -0.5], "row 1"), ([f32::NAN, 1.0], "row 1")] {
        let target = Tensor::new(&[[0.5, 0.5], row], &Device::Cpu).expect("a target");
        refused.check(softmax_kl(&z, &target), &[says]);
    }
    for (dtype, name) in TYPES.into_iter().chain([(DType::F64, "F64")]) {
        refused.check(softmax_kl(&z, &of(&[2, 2], dtype)), &[name, "[2, 2]"]);
    }
}

#[test]
fn cross_entropy_refuses() {
    let refused = Refusals("cross_entropy");
    let run = |z: &[usize], labels: &[usize]| {
        let result =
            cross_entropy(&ones(z), &Tensor::zeros(labels, DType::U32, &Device::Cpu).expect("labels"));
        refused.check(result, &[&format!("{z:?}"), &format!("{labels:?}")]);
    };
    run(&[2, 3], &[3]);
    run(&[2, 3], &[2, 1]);
    run(&[6], &[6]);
    run(&[0, 3], &[0]);
    let z = ones(&[2, 3]);
    for (dtype, name) in [(DType::F32, "F32"), (DType::I64, "I64"), (DType::U8, "U8")] {
        refused.check(cross_entropy(&z, &of(&[2], dtype)), &[name, "u32", "[2]", "[2, 3]"]);
    }
    let large = Tensor::new(&[0u32, 3], &Device::Cpu).expect("labels");
    refused.check(cross_entropy(&z, &large), &["below 3", "found 3", "[2, 3]"]);
    let labels = Tensor::new(&[0u32, 1], &Device::Cpu).expect("labels");
    for (dtype, name) in TYPES {
        refused.check(cross_entropy(&of(&[2, 3], dtype), &labels), &[name, "[2, 3]"]);
    }
}

#[test]
fn contrastive_losses_refuse() {
    let refused = Refusals("info_nce");
    let one = ones(&[]);
    let run = |v: &[usize], s: &[usize], hard: Option<&[usize]>| {
        let hard_tensor = hard.map(ones);
        let shapes =
            [format!("{v:?}"), format!("{s:?}"), hard.map_or(String::new(), |dims| format!("{dims:?}"))];
        let result = info_nce(&ones(v), &ones(s), hard_tensor.as_ref(), &one);
        refused.check(result, &shapes.each_ref().map(String::as_str));
    };
    run(&[4, 6], &[5, 6], None);
    run(&[4, 6], &[4, 7], None);
    run(&[24], &[24], None);
    run(&[0, 6], &[0, 6], None);
    run(&[4, 0], &[4, 0], None);
    run(&[4, 6], &[4, 6], Some(&[4, 1, 5]));
    run(&[4, 6], &[4, 6], Some(&[3, 1, 6]));
    run(&[4, 6], &[4, 6], Some(&[4, 6]));
    run(&[4, 6], &[4, 6], Some(&[6]));
    let z = ones(&[4, 6]);
    refused.check(info_nce(&z, &z, None, &ones(&[2])), &["[2]"]);
    for (dtype, name) in TYPES.into_iter().chain([(DType::F64, "F64")]) {
        refused.check(info_nce(&z, &of(&[4, 6], dtype), None, &one), &[name, "[4, 6]"]);
        refused.check(info_nce(&z, &z, Some(&of(&[4, 1, 6], dtype)), &one), &[name, "[4, 1, 6]"]);
    }
    let refused = Refusals("paper_contrastive");
    for (v, s, hard) in [
        (&[3, 4][..], &[3, 5][..], &[3, 4][..]),
        (&[3, 4], &[3, 4], &[2, 4]),
        (&[12], &[12], &[12]),
        (&[0, 4], &[0, 4], &[0, 4]),
    ] {
        let shapes = [v, s, hard].map(|dims| format!("{dims:?}"));
        let result = paper_contrastive(&ones(v), &ones(s), &ones(hard), 0.1);
        refused.check(result, &shapes.each_ref().map(String::as_str));
    }
    for margin in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        refused.check(paper_contrastive(&z, &z, &z, margin), &["margin"]);
    }
    for (dtype, name) in TYPES.into_iter().chain([(DType::F64, "F64")]) {
        refused.check(paper_contrastive(&z, &z, &of(&[4, 6], dtype), 0.1), &[name, "[4, 6]"]);
    }
}

/// A parameter and a gradient of another shape or type under its name.
#[test]
fn optimizers_refuse() {
    let param = |dims: &[usize], dtype| Var::from_tensor(&of(dims, dtype)).expect("a variable");
    let named = |var: &Var| vec![("fc.weight".to_string(), var.clone())];
    let refused = Refusals("fc.weight");
    for (dtype, name) in TYPES {
        let var = param(&[2, 3], dtype);
        refused.check(Sgd::new(named(&var), SgdConfig::default()).map(drop), &[name, "[2, 3]"]);
        refused.check(AdamW::new(named(&var), AdamWConfig::default()).map(drop), &[name, "[2, 3]"]);
    }
    let var = param(&[2, 3], DType::F32);
    let optimizers: [Box<dyn Optimizer>; 2] = [
        Box::new(Sgd::new(named(&var), SgdConfig::default()).expect("an optimiser")),
        Box::new(AdamW::new(named(&var), AdamWConfig::default()).expect("an optimiser")),
    ];
    for mut optimizer in optimizers {
        let before = optimizer.state().expect("a state");
        for (grad, says) in [
            (ones(&[3, 2]), ["[2, 3]", "[3, 2]"]),
            (ones(&[6]), ["[2, 3]", "[6]"]),
            (of(&[2, 3], DType::F64), ["F32", "F64"]),
        ] {
            let mut grads = backward(&var.sum_all().expect("a loss")).expect("gradients");
            grads.insert(&var, grad);
            refused.check(optimizer.step(&grads, 0.1, 1.0), &says);
        }
        let mut state = before;
        state.insert("surplus".into(), ones(&[1]));
        Refusals("surplus").check(optimizer.load_state(&state), &["state"]);
    }
    let mut grads = backward(&var.sum_all().expect("a loss")).expect("gradients");
    grads.insert(&var, of(&[2, 3], DType::I64));
    refused.check(global_norm(&named(&var), &grads), &["I64"]);
}

#[test]
fn layers_and_losses_refuse() {
    let store = ParamStore::new(1, DType::F32, &Device::Cpu);
    BatchNorm2d::new(&store.scope().pp("a"), 3, 1e-5).expect("a layer");
    Refusals("a.weight").check(BatchNorm2d::new(&store.scope().pp("a"), 3, 1e-5).map(drop), &["taken"]);
    SqueezeExcite::new(&store.scope().pp("b"), 3, 2).expect("a layer");
    Refusals("b.fc1.weight").check(SqueezeExcite::new(&store.scope().pp("b"), 3, 2).map(drop), &["taken"]);
    let result = store.scope().param("c", 3, Init::UniformFanIn);
    Refusals("c").check(result, &["[3]"]);
    let refused = Refusals("backward");
    refused.check(backward(&ones(&[2, 2])), &["[2, 2]"]);
    refused.check(backward(&ones(&[])), &["variable"]);
}
