//! Every operation and optimiser against PyTorch in f64: golden/ops.py makes golden/ops.safetensors and says how.

#[path = "../../model/tests/model/support/device.rs"]
mod device;
#[path = "../../model/tests/model/support/fill.rs"]
#[allow(dead_code)] // what networks need
mod fill;

use candle_core::{DType, Device, Result, Tensor, Var};
use device::device;
use sonovox_ops::optim::{AdamW, AdamWConfig, DecayOn, Optimizer, Sgd, SgdConfig, clip_scale, global_norm};
use sonovox_ops::{
    BatchNorm2d, Conv2dSpec, Fuse, Mode, ParamStore, backward, conv2d, cross_entropy, global_avg_pool,
    info_nce, max_pool2d, paper_contrastive, se_scale_add_relu, softmax_kl,
};

const DOTS: usize = 4;
const TOLERANCE: f64 = 1e-11;

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().and_then(|t| t.to_vec1()).expect("f64")
}

fn uniform(name: &str, dims: &[usize]) -> Tensor {
    fill::tensor(fill::uniform(name).take(dims.iter().product()).collect(), dims, DType::F64)
}

fn leaf(name: &str, dims: &[usize]) -> Var {
    Var::from_tensor(&uniform(name, dims)).expect("a variable")
}

/// Its length, and how it lies to fixed directions.
fn row(tensor: &Tensor) -> Vec<f64> {
    let values = values(tensor);
    let dot = |j| fill::uniform(&format!("dot{j}")).zip(&values).map(|(u, v)| u * v).sum();
    let norm = values.iter().map(|v| v * v).sum::<f64>().sqrt();
    [norm].into_iter().chain((0..DOTS).map(dot)).collect()
}

type Rows = Vec<Vec<f64>>;

fn result_and_gradients(y: &Tensor, leaves: &[&Var]) -> Result<Rows> {
    let grads = backward(&(y * uniform("gradient", y.dims()))?.sum_all()?)?;
    let gradients = leaves.iter().map(|leaf| row(grads.get(leaf).expect("a gradient")));
    Ok([row(y)].into_iter().chain(gradients).collect())
}

fn conv(n: &[usize]) -> Result<Rows> {
    let &[b, h, w, c, o, kh, kw, stride, padding, dilation, groups] = n else { unreachable!("{n:?}") };
    let (x, weight) = (leaf("x", &[b, h, w, c]), leaf("weight", &[o, c / groups, kh, kw]));
    let y = conv2d(&x, &weight, Conv2dSpec { stride, padding, dilation, groups, ..Conv2dSpec::default() })?;
    result_and_gradients(&y, &[&x, &weight])
}

fn batch_norm(n: &[usize]) -> Result<Rows> {
    let &[train, relu, residual, b, h, w, c] = n else { unreachable!("{n:?}") };
    let mode = if train == 1 { Mode::Train } else { Mode::Eval };
    let store = ParamStore::new(0, DType::F64, device());
    let layer = BatchNorm2d::new(&store.scope(), c, 1e-3)?;
    let given = |name: &str, spread, center| uniform(name, &[c]).affine(spread, center);
    let start =
        [("weight", 0.5, 1.0), ("bias", 1.0, 0.0), ("running_mean", 1.0, 0.0), ("running_var", 1.0, 1.5)];
    let start = start.map(|(name, spread, center)| Ok((name.to_string(), given(name, spread, center)?)));
    store.set_strict(&start.into_iter().collect::<Result<_>>()?, "formula")?;
    let (x, r) = (leaf("x", &[b, h, w, c]), leaf("residual", &[b, h, w, c]));
    layer.forward(&x.as_detached_tensor().affine(2.0, 1.0)?, mode, Fuse::NONE)?;
    let fuse = Fuse { relu: relu == 1, residual: (residual == 1).then_some(r.as_tensor()) };
    let y = layer.forward(&x, mode, fuse)?;
    let [(_, bias), (_, weight)] = &store.params()[..] else { unreachable!("two parameters") };
    let mut leaves = vec![&x, weight, bias];
    leaves.extend((residual == 1).then_some(&r));
    let mut rows = result_and_gradients(&y, &leaves)?;
    rows.extend(store.buffers().iter().map(|(_, buffer)| row(buffer)));
    Ok(rows)
}

fn max_pool(n: &[usize]) -> Result<Rows> {
    let &[h, w, kernel, stride, padding] = n else { unreachable!("{n:?}") };
    let x = leaf("x", &[2, h, w, 19]);
    result_and_gradients(&max_pool2d(&x, kernel, stride, padding)?, &[&x])
}

fn mean_pool(n: &[usize]) -> Result<Rows> {
    let x = leaf("x", &[3, n[0], n[1], 19]);
    result_and_gradients(&global_avg_pool(&x)?, &[&x])
}

fn se(n: &[usize]) -> Result<Rows> {
    let &[h, w, c] = n else { unreachable!("{n:?}") };
    let (x, gate, residual) =
        (leaf("x", &[2, h, w, c]), leaf("gate", &[2, c]), leaf("residual", &[2, h, w, c]));
    result_and_gradients(&se_scale_add_relu(&x, &gate, &residual)?, &[&x, &gate, &residual])
}

fn kl(n: &[usize]) -> Result<Rows> {
    let z = leaf("logits", n);
    let target = uniform("target", n).relu()?;
    let target = target.broadcast_div(&target.sum_keepdim(1)?)?;
    result_and_gradients(&softmax_kl(&(z.as_tensor() * 8.0)?, &target)?, &[&z])
}

fn classes(n: &[usize]) -> Result<Rows> {
    let z = leaf("logits", n);
    let labels: Vec<u32> =
        fill::indices("labels", n[0], n[1]).into_iter().map(|label| label as u32).collect();
    let labels = Tensor::new(labels, device())?;
    result_and_gradients(&cross_entropy(&(z.as_tensor() * 8.0)?, &labels)?, &[&z])
}

fn contrast(n: &[usize]) -> Result<Rows> {
    let &[b, d, h] = n else { unreachable!("{n:?}") };
    let (v, s) = (leaf("video", &[b, d]), leaf("speech", &[b, d]));
    let scale = Var::new(2.5, device())?;
    if h == 0 {
        return result_and_gradients(&info_nce(&v, &s, None, &scale)?, &[&v, &s, &scale]);
    }
    let hard = leaf("hard", &[b, h, d]);
    result_and_gradients(&info_nce(&v, &s, Some(&hard), &scale)?, &[&v, &s, &scale, &hard])
}

fn paper(n: &[usize]) -> Result<Rows> {
    let [v, s, hard] = ["video", "speech", "hard"].map(|name| leaf(name, n));
    let (loss, clamped) = paper_contrastive(&v, &s, &hard, 0.05)?;
    assert!(clamped > 0 && clamped < n[0], "both kinds of pairs");
    result_and_gradients(&loss, &[&v, &s, &hard])
}

/// In order of name, as a store has them.
fn parameters() -> Vec<(String, Var)> {
    let shapes = [("bias", vec![3]), ("matrix", vec![5, 7]), ("weight", vec![4, 3, 3, 3])];
    shapes.map(|(name, dims)| (name.to_string(), leaf(name, &dims))).into()
}

/// Three steps with the gradients clipped to a length that is given in tenths.
fn optimizer(mut optimizer: Box<dyn Optimizer>, params: &[(String, Var)], clip: &[usize]) -> Result<Rows> {
    let clip = clip[0] as f64 / 10.0;
    let mut norms = Vec::new();
    for _ in 0..3 {
        let mut loss = Tensor::zeros((), DType::F64, device())?;
        for (_, p) in params {
            loss = (loss + (p.sqr()? * p.as_tensor() * uniform("gradient", p.dims()))?.sum_all()?)?;
        }
        let grads = backward(&loss)?;
        norms.push(global_norm(params, &grads)?);
        optimizer.step(&grads, 0.05, clip_scale(norms[norms.len() - 1], clip))?;
    }
    norms.resize(1 + DOTS, 0.0);
    Ok([norms].into_iter().chain(params.iter().map(|(_, p)| row(p))).collect())
}

fn sgd(tenths: &[usize]) -> Result<Rows> {
    let params = parameters();
    let config = SgdConfig { momentum: 0.9, weight_decay: 0.1, decay_on: DecayOn::All };
    optimizer(Box::new(Sgd::new(params.clone(), config)?), &params, tenths)
}

fn adamw(tenths: &[usize]) -> Result<Rows> {
    let params = parameters();
    let config =
        AdamWConfig { beta1: 0.8, beta2: 0.95, eps: 1e-6, weight_decay: 0.1, decay_on: DecayOn::Matrices };
    optimizer(Box::new(AdamW::new(params.clone(), config)?), &params, tenths)
}

/// Runs what is made by `run` for every golden entry of the operation.
fn check(op: &str, count: usize, run: impl Fn(&[usize]) -> Result<Rows>) {
    // a test program that was built elsewhere is told where this crate is
    let crate_dir = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into());
    let path = std::path::PathBuf::from(crate_dir).join("tests/golden/ops.safetensors");
    let golden = candle_core::safetensors::load(path, &Device::Cpu).expect("a golden file");
    let mut seen = 0;
    for (name, expected) in &golden {
        let Some(numbers) = name.strip_prefix(op).and_then(|rest| rest.strip_prefix(' ')) else { continue };
        let numbers: Vec<usize> = numbers.split(' ').map(|n| n.parse().expect("a number")).collect();
        let found = run(&numbers).unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = expected.to_vec2::<f64>().expect("rows");
        assert_eq!(found.len(), expected.len(), "{name}");
        for (number, (found, expected)) in found.iter().zip(&expected).enumerate() {
            // A dot product may be small by chance: the measure is the tensor's length.
            let length = expected[0].max(1e-3);
            let close = found.iter().zip(expected).all(|(f, e)| (f - e).abs() <= TOLERANCE * length);
            assert!(close, "{name}: row {number} is {found:?}, PyTorch has {expected:?}");
        }
        seen += 1;
    }
    assert_eq!(seen, count, "{op}: golden entries");
}

#[test]
fn convolution() {
    check("conv", 41, conv);
}

#[test]
fn normalisation() {
    check("batch_norm", 24, batch_norm);
}

#[test]
fn pools() {
    check("max_pool", 5, max_pool);
    check("mean_pool", 3, mean_pool);
}

#[test]
fn squeeze_and_excitation() {
    check("se", 3, se);
}

#[test]
fn losses() {
    check("softmax_kl", 3, kl);
    check("cross_entropy", 2, classes);
    check("info_nce", 4, contrast);
    check("paper_contrastive", 1, paper);
}

#[test]
fn optimizers_with_clipping() {
    check("sgd", 2, sgd);
    check("adamw", 2, adamw);
}
