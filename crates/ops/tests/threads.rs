//! The same bits for any number of threads: every operation forward and backward, the optimisers, and what a step of
//! training does with all of them. Maps are large enough to be shared out.

use candle_core::{DType, Device, Result, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sonovox_ops::optim::{AdamW, AdamWConfig, Optimizer, Sgd, SgdConfig, clip_scale, global_norm};
use sonovox_ops::{
    BatchNorm2d, Conv2dSpec, Fuse, Init, Mode, ParamStore, SqueezeExcite, backward, conv2d, conv2d_norm,
    cross_entropy, global_avg_pool, info_nce, max_pool2d, no_grad, se_scale_add_relu, softmax_kl,
};

fn random(seed: u64, dims: &[usize]) -> Var {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> = (0..dims.iter().product()).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::from_vec(values, dims, &Device::Cpu).and_then(|t| Var::from_tensor(&t)).expect("a variable")
}

fn bits(tensors: &[Tensor]) -> Vec<Vec<u32>> {
    let values = |t: &Tensor| t.flatten_all().and_then(|t| t.to_vec1::<f32>()).expect("f32");
    tensors.iter().map(|t| values(t).into_iter().map(f32::to_bits).collect()).collect()
}

/// Runs `f` on pools of 1, 2, 3 and 8 threads and compares all it gives.
fn check(what: &str, f: impl Fn() -> Result<Vec<Tensor>> + Sync) {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        bits(&pool.install(&f).expect("tensors"))
    };
    let expected = run(1);
    assert!(expected.iter().flatten().any(|&bits| bits != 0), "{what}: nothing but zeros");
    for threads in [2, 3, 8] {
        for (i, (found, expected)) in run(threads).iter().zip(&expected).enumerate() {
            assert!(found == expected, "{what}: result {i} is another with {threads} threads");
        }
    }
}

/// The result and the gradients of these variables.
fn all(y: &Tensor, vars: &[&Var]) -> Result<Vec<Tensor>> {
    let grads = backward(&(y * random(9, y.dims()).as_tensor())?.sum_all()?)?;
    let grads = vars.iter().map(|var| grads.get(var).expect("a gradient").clone());
    Ok([y.clone()].into_iter().chain(grads).collect())
}

#[test]
fn convolutions() {
    for (x, w, stride, padding, dilation, groups) in [
        ([4, 28, 37, 128], [128, 4, 3, 3], 1, 1, 1, 32),
        ([3, 28, 37, 128], [128, 4, 3, 3], 2, 1, 1, 32),
        ([1, 28, 36, 256], [256, 8, 3, 3], 1, 4, 4, 32),
        ([2, 65, 80, 3], [64, 3, 7, 7], 2, 3, 1, 1),
        ([2, 28, 36, 96], [96, 1, 7, 7], 1, 3, 1, 96),
        ([5, 28, 37, 64], [200, 64, 1, 1], 1, 0, 1, 1),
        ([5, 28, 37, 64], [200, 64, 1, 1], 2, 0, 1, 1),
        // a product that is wider than high
        ([1, 7, 9, 512], [1024, 512, 1, 1], 1, 0, 1, 1),
    ] {
        let spec = Conv2dSpec { stride, padding, dilation, groups, ..Conv2dSpec::default() };
        check(&format!("{x:?} {w:?} {spec:?}"), || {
            let (x, w) = (random(1, &x), random(2, &w));
            all(&conv2d(&x, &w, spec)?, &[&x, &w])
        });
    }
}

/// In evaluation, with the normalisation applied to the sums in registers; shares end at other rows and columns with
/// other numbers of threads.
#[test]
fn convolutions_with_a_norm() {
    for (x, w, groups) in [
        ([3, 28, 37, 64], [200, 64, 1, 1], 1),
        ([3, 7, 9, 1024], [520, 1024, 1, 1], 1),
        ([1, 7, 9, 512], [1023, 512, 1, 1], 1),
        ([4, 28, 37, 128], [128, 4, 3, 3], 32),
    ] {
        check(&format!("{x:?} {w:?} with a norm"), || {
            let store = ParamStore::new(1, DType::F32, &Device::Cpu);
            let norm = BatchNorm2d::new(&store.scope(), w[0], 1e-5)?;
            for (seed, (_, var)) in store.params().into_iter().chain(store.buffers()).enumerate() {
                var.set(&(random(seed as u64, var.dims()).as_tensor() + 1.5)?)?;
            }
            let spec = Conv2dSpec { stride: 1, padding: 0, dilation: 1, groups, ..Conv2dSpec::default() };
            let (x, w) = (random(1, &x), random(2, &w));
            Ok(vec![no_grad(|| conv2d_norm(&x, &w, spec, &norm, Mode::Eval, true))?])
        });
    }
}

#[test]
fn normalisations() {
    for dims in [[4, 28, 37, 64], [2, 56, 73, 19], [16, 7, 9, 1024]] {
        for (mode, relu) in [(Mode::Train, true), (Mode::Train, false), (Mode::Eval, true)] {
            check(&format!("batch norm {dims:?}"), || {
                let store = ParamStore::new(1, DType::F32, &Device::Cpu);
                let norm = BatchNorm2d::new(&store.scope(), dims[3], 1e-5)?;
                let (x, residual) = (random(1, &dims), random(2, &dims));
                let y = norm.forward(&x, mode, Fuse { relu, residual: Some(&residual) })?;
                let params = store.params();
                let mut found = all(&y, &[&x, &residual, &params[0].1, &params[1].1])?;
                found.extend(store.buffers().into_iter().map(|(_, buffer)| buffer.as_tensor().clone()));
                Ok(found)
            });
        }
    }
}

#[test]
fn pools() {
    for dims in [[4, 57, 72, 64], [3, 14, 19, 1024]] {
        check(&format!("max pool {dims:?}"), || {
            let x = random(1, &dims);
            all(&max_pool2d(&x, 3, 2, 1)?, &[&x])
        });
        check(&format!("mean {dims:?}"), || {
            let x = random(1, &dims);
            all(&global_avg_pool(&x)?, &[&x])
        });
    }
}

#[test]
fn squeeze_and_excitation() {
    for dims in [[4, 28, 37, 64], [8, 7, 9, 1024]] {
        check(&format!("SE tail {dims:?}"), || {
            let (x, gate, residual) = (random(1, &dims), random(2, &[dims[0], dims[3]]), random(3, &dims));
            all(&se_scale_add_relu(&x, &gate, &residual)?, &[&x, &gate, &residual])
        });
        check(&format!("bottleneck end {dims:?}"), || {
            let store = ParamStore::new(1, DType::F32, &Device::Cpu);
            let norm = BatchNorm2d::new(&store.scope().pp("norm"), dims[3], 1e-5)?;
            let se = SqueezeExcite::new(&store.scope().pp("se"), dims[3], 64)?;
            let (x, residual) = (random(1, &dims), random(2, &dims));
            let params = store.params();
            let vars: Vec<&Var> =
                [&x, &residual].into_iter().chain(params.iter().map(|(_, var)| var)).collect();
            all(&se.forward(&norm, &x, &residual, Mode::Train)?, &vars)
        });
    }
}

#[test]
fn losses() {
    check("losses", || {
        let (map, classes) = (random(1, &[16, 1008]), random(2, &[64, 13]));
        let target = random(3, &[16, 1008]).as_tensor().exp()?;
        let target = target.broadcast_div(&target.sum_keepdim(1)?)?;
        let labels = Tensor::new((0..64u32).map(|i| i % 13).collect::<Vec<_>>(), &Device::Cpu)?;
        let (v, s, hard) = (random(4, &[128, 256]), random(5, &[128, 256]), random(6, &[128, 1, 256]));
        let scale = random(7, &[1]);
        let mut found = all(&softmax_kl(&map, &target)?, &[&map])?;
        found.extend(all(&cross_entropy(&classes, &labels)?, &[&classes])?);
        found.extend(all(&info_nce(&v, &s, Some(&hard), &scale)?, &[&v, &s, &hard, &scale])?);
        Ok(found)
    });
}

/// Stem, grouped bottleneck with squeeze and excitation, classes.
struct Net {
    convs: Vec<Var>,
    norms: Vec<BatchNorm2d>,
    se: SqueezeExcite,
    classes: Var,
}

impl Net {
    fn new(store: &ParamStore) -> Result<Self> {
        let scope = store.scope();
        let conv = |name: &str, dims: [usize; 4]| scope.param(name, &dims[..], Init::KaimingNormalFanOut);
        let norm = |name: &str, channels| BatchNorm2d::new(&scope.pp(name), channels, 1e-5);
        Ok(Self {
            convs: vec![
                conv("stem", [64, 1, 7, 7])?,
                conv("reduce", [128, 64, 1, 1])?,
                conv("grouped", [128, 4, 3, 3])?,
                conv("expand", [64, 128, 1, 1])?,
            ],
            norms: vec![norm("n0", 64)?, norm("n1", 128)?, norm("n2", 128)?, norm("n3", 64)?],
            se: SqueezeExcite::new(&scope.pp("se"), 64, 16)?,
            classes: conv("classes", [5, 64, 1, 1])?,
        })
    }

    fn logits(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let layer = |x: &Tensor, i: usize, stride, padding, groups| {
            let spec = Conv2dSpec { stride, padding, dilation: 1, groups, ..Conv2dSpec::default() };
            conv2d_norm(x, &self.convs[i], spec, &self.norms[i], mode, true)
        };
        let x = max_pool2d(&layer(x, 0, 2, 3, 1)?, 3, 2, 1)?;
        let y = layer(&layer(&x, 1, 1, 0, 1)?, 2, 1, 1, 32)?;
        let y = conv2d(&y, &self.convs[3], Conv2dSpec::default())?;
        let y = self.se.forward(&self.norms[3], &y, &x, mode)?;
        let y = conv2d(&y, &self.classes, Conv2dSpec::default())?;
        global_avg_pool(&y)
    }
}

#[test]
fn steps_of_training() {
    for adamw in [false, true] {
        check(&format!("three steps, AdamW {adamw}"), || {
            let store = ParamStore::new(5, DType::F32, &Device::Cpu);
            let net = Net::new(&store)?;
            let x = random(1, &[6, 56, 73, 1]);
            let labels = Tensor::new(&[0u32, 1, 2, 3, 4, 0], &Device::Cpu)?;
            let mut optimizer: Box<dyn Optimizer> = if adamw {
                Box::new(AdamW::new(store.params(), AdamWConfig::default())?)
            } else {
                Box::new(Sgd::new(store.params(), SgdConfig::default())?)
            };
            for _ in 0..3 {
                let grads = backward(&cross_entropy(&net.logits(&x, Mode::Train)?, &labels)?)?;
                let scale = clip_scale(global_norm(&store.params(), &grads)?, 0.5);
                optimizer.step(&grads, 1e-2, scale)?;
            }
            let mut found: Vec<Tensor> = store.to_tensors().into_values().collect();
            found.push(no_grad(|| net.logits(&x, Mode::Eval))?);
            found.extend(optimizer.state()?.into_values().filter(|t| t.dtype() == DType::F32));
            Ok(found)
        });
    }
}
