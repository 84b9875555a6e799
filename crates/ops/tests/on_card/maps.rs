//! Convolution, batch normalisation, the end of a bottleneck, pooling.

use candle_core::{Result, Tensor, Var};
use sonovox_ops::{
    BatchNorm2d, Conv2dSpec, Fuse, Mode, ParamStore, SqueezeExcite, conv2d, global_avg_pool, max_pool2d,
    se_scale_add_relu,
};

use crate::support::{Kind, Made, Way, random, same_everywhere};

#[test]
fn convolution() {
    // batch, height, width, input and output channels, kernel; stride, padding, dilation, groups
    let cases = [
        ([2, 7, 6, 3, 5, 1], [1, 0, 1, 1]),
        ([2, 15, 18, 64, 128, 1], [2, 0, 1, 1]),
        ([2, 28, 37, 256, 64, 1], [1, 0, 1, 1]),
        ([3, 33, 48, 1, 64, 7], [2, 3, 1, 1]),
        ([2, 20, 31, 3, 8, 7], [2, 3, 1, 1]),
        ([2, 9, 12, 16, 24, 3], [1, 1, 1, 4]),
        ([2, 29, 36, 64, 64, 3], [1, 1, 1, 32]),
        ([2, 28, 35, 64, 64, 3], [2, 1, 1, 32]),
        ([2, 13, 18, 64, 64, 3], [1, 2, 2, 32]),
        ([1, 17, 11, 32, 32, 3], [1, 4, 4, 8]),
        ([2, 11, 14, 12, 12, 7], [1, 3, 1, 12]),
        ([1, 5, 5, 1, 1, 3], [2, 1, 2, 1]),
    ];
    for ([b, h, w, c, o, k], [stride, padding, dilation, groups]) in cases {
        let inputs = [(Kind::Map, random(1, (b, h, w, c))), (Kind::Param, random(2, (o, c / groups, k, k)))];
        let what = format!(
            "conv2d {b}x{h}x{w}x{c} to {o}, kernel {k}, stride {stride}, dilation {dilation}, groups {groups}"
        );
        same_everywhere(&what, &Way::of_maps(), &inputs, |way, vars| {
            let spec = Conv2dSpec { stride, padding, dilation, groups, tf32: way.tf32 };
            conv2d(&vars[0], &vars[1], spec)
        });
    }
}

/// Sets what a store holds to random numbers, variances above 1.
fn filled(store: &ParamStore) -> Result<()> {
    for (seed, (name, var)) in store.params().into_iter().chain(store.buffers()).enumerate() {
        let start = if name.ends_with("var") { 2.0 } else { 0.1 };
        let values = (random(20 + seed as u64, var.shape()) + start)?;
        var.set(&values.to_dtype(var.dtype())?.to_device(var.device())?)?;
    }
    Ok(())
}

fn made(y: Tensor, store: &ParamStore) -> Made {
    Made { y, params: store.params(), buffers: store.buffers() }
}

const SHAPES: [(usize, usize, usize, usize); 5] =
    [(2, 1, 1, 1), (3, 5, 7, 6), (2, 17, 13, 33), (2, 56, 72, 64), (4, 7, 9, 520)];

#[test]
fn batch_normalisation() {
    for shape in SHAPES {
        for mode in [Mode::Train, Mode::Eval] {
            for (relu, added) in [(false, false), (true, false), (false, true), (true, true)] {
                let mut inputs = vec![(Kind::Map, (random(1, shape) * 3.0).expect("a map"))];
                inputs.extend(added.then(|| (Kind::Map, random(2, shape))));
                let what = format!("batch_norm2d {shape:?} {mode:?}, relu {relu}, residual {added}");
                // two values to a channel: their normalised values are +-1 whatever they are, and dx is all rounding
                if mode == Mode::Train && shape.0 * shape.1 * shape.2 < 3 {
                    continue;
                }
                same_everywhere(&what, &Way::of_maps(), &inputs, |way, vars| {
                    let store = ParamStore::new(1, way.params, &way.device);
                    let norm = BatchNorm2d::new(&store.scope(), shape.3, 1e-5)?;
                    filled(&store)?;
                    let fuse = Fuse { relu, residual: vars.get(1).map(Var::as_tensor) };
                    Ok(made(norm.forward(&vars[0], mode, fuse)?, &store))
                });
            }
        }
    }
}

#[test]
fn the_end_of_a_bottleneck() {
    for shape in SHAPES {
        let inputs = [
            (Kind::Map, random(1, shape)),
            (Kind::Param, random(2, (shape.0, shape.3))),
            (Kind::Map, random(3, shape)),
        ];
        same_everywhere(&format!("se_scale_add_relu {shape:?}"), &Way::of_maps(), &inputs, |_, vars| {
            se_scale_add_relu(&vars[0], &vars[1], &vars[2])
        });
    }
}

#[test]
fn the_fused_end_of_a_bottleneck() {
    for shape in SHAPES {
        for mode in [Mode::Train, Mode::Eval] {
            if mode == Mode::Train && shape.0 * shape.1 * shape.2 < 3 {
                continue;
            }
            let inputs =
                [(Kind::Map, (random(1, shape) * 3.0).expect("a map")), (Kind::Map, random(2, shape))];
            let what = format!("squeeze_excite {shape:?} {mode:?}");
            same_everywhere(&what, &Way::of_maps(), &inputs, |way, vars| {
                let store = ParamStore::new(1, way.params, &way.device);
                let norm = BatchNorm2d::new(&store.scope().pp("bn"), shape.3, 1e-5)?;
                let gate = SqueezeExcite::new(&store.scope().pp("se"), shape.3, 8)?;
                filled(&store)?;
                Ok(made(gate.forward(&norm, &vars[0], &vars[1], mode)?, &store))
            });
        }
    }
}

#[test]
fn pooling() {
    for shape in SHAPES {
        let inputs = [(Kind::Map, random(1, shape))];
        same_everywhere(&format!("global_avg_pool {shape:?}"), &Way::of_maps(), &inputs, |_, vars| {
            global_avg_pool(&vars[0])
        });
        for (kernel, stride, padding) in [(3, 2, 1), (2, 2, 0), (1, 1, 0), (5, 3, 2)] {
            if shape.1.min(shape.2) + 2 * padding < kernel {
                continue;
            }
            let what = format!("max_pool2d {shape:?}, kernel {kernel}, stride {stride}, padding {padding}");
            same_everywhere(&what, &Way::of_maps(), &inputs, |_, vars| {
                max_pool2d(&vars[0], kernel, stride, padding)
            });
        }
    }
}
