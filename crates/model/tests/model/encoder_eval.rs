//! Evaluation: timm's features from timm's weights, f32, plain and dilated.

use candle_core::DType;
use sonovox_model::{EncoderConfig, Preset};
use sonovox_ops::{Mode, no_grad};

use crate::support::{difference, fill, filled, form, golden, name, timm_axes, values};

/// Values kept of every stage's map, see `golden/encoder_eval.py`.
const SLICE: usize = 512;
/// timm in f32 is itself up to 6e-7 from the f64 values in the golden file.
const TOLERANCE: f64 = 1e-5;

fn check(preset: Preset, dims: [usize; 4]) {
    check_with("encoder_eval.safetensors", preset, dims);
}

/// Both forms of an encoder against a golden file.
pub fn check_with(file: &str, preset: Preset, [batch, channels, height, width]: [usize; 4]) {
    let golden = golden(file);
    for dilated in [false, true] {
        let config = EncoderConfig { preset, in_channels: channels, dilated };
        let (encoder, _) = filled(&config, DType::F32);
        let x = fill::image([batch, channels, height, width], DType::F32);
        let features = no_grad(|| encoder.forward(&x, Mode::Eval)).expect("features");
        let key = format!("{}.{channels}x{height}x{width}.{}", name(preset), form(dilated));
        let expect = |part: &str| values(&golden[&format!("{key}.{part}")]);
        assert_eq!(features.pooled.dims(), [batch, config.features()]);
        let error = difference(&values(&features.pooled), &expect("pooled"));
        assert!(error < TOLERANCE, "{key}: pooled features differ by {error:e}");
        let sizes = config.map_sizes(height, width);
        for (k, map) in features.stages.iter().enumerate() {
            let map = timm_axes(map);
            assert_eq!(map.dims(), [batch, config.channels()[k], sizes[k].0, sizes[k].1], "{key}");
            let part = format!("stage{}", k + 1);
            let map = values(&map);
            let kept: Vec<f64> =
                fill::indices(&format!("slice.{part}"), SLICE, map.len()).iter().map(|&i| map[i]).collect();
            let error = difference(&kept, &expect(&part));
            assert!(error < TOLERANCE, "{key}: {part} differs by {error:e}");
        }
    }
}

#[test]
fn full_width_on_grey_frames() {
    check(Preset::Full, [1, 1, 224, 288]);
}

#[test]
fn full_width_on_colour_frames() {
    check(Preset::Full, [1, 3, 224, 288]);
}

#[test]
fn half_width() {
    check(Preset::Half, [1, 1, 224, 288]);
}

#[test]
fn small() {
    check(Preset::Small, [2, 1, 224, 288]);
    check(Preset::Small, [2, 3, 95, 133]);
}

#[test]
fn tiny() {
    check(Preset::Tiny, [2, 1, 31, 50]);
}
