//! Parameter counts, and images of any size.

use candle_core::DType;
use sonovox_model::{EncoderConfig, GazeHead, GazeHeadConfig, PlaneHead, PlaneHeadConfig, Preset};
use sonovox_ops::{Mode, ParamStore, no_grad};

use crate::support::{device, fill, fresh};

/// timm's counts for the same nets, see scripts/peers/timm_nets.py.
#[test]
fn encoders_have_as_many_parameters_as_timms() {
    let expected = [
        (Preset::Full, 1, true, 25_504_624),
        (Preset::Full, 3, false, 25_510_896),
        (Preset::Half, 1, true, 6_759_448),
        (Preset::Small, 1, true, 585_568),
        (Preset::Tiny, 1, false, 9_748),
        (Preset::Tiny, 1, true, 9_748),
        (Preset::EfficientNetLite0, 3, false, 3_371_008),
        (Preset::EfficientNetLite0, 3, true, 3_371_008),
    ];
    for (preset, in_channels, dilated, count) in expected {
        let (_, store) = fresh(&EncoderConfig { preset, in_channels, dilated }, DType::F32);
        assert_eq!(store.count(), count, "{preset:?}, {in_channels} channels, dilated {dilated}");
    }
}

/// Droste et al. 2019: 6.76 M, and 7.41 M with the heads for 14 planes and for gaze.
#[test]
fn the_half_width_net_with_both_heads_has_the_papers_size() {
    for batch_norm in [false, true] {
        let (encoder, store) = fresh(&EncoderConfig::new(Preset::Half), DType::F32);
        let channels = encoder.config().features();
        assert_eq!((store.count() as f64 / 1e4).round() as usize, 676);
        let heads = ParamStore::new(1, DType::F32, device());
        let plane = PlaneHeadConfig { batch_norm, ..Default::default() };
        PlaneHead::new(&plane, channels, 14, &heads.scope().pp("plane")).expect("a plane head");
        let gaze = GazeHeadConfig { batch_norm, ..Default::default() };
        GazeHead::new(&gaze, channels, &heads.scope().pp("gaze")).expect("a gaze head");
        let total = store.count() + heads.count();
        assert_eq!((total as f64 / 1e4).round() as usize, 741, "{total} parameters");
    }
}

#[test]
fn odd_sizes_and_single_pixels_are_encoded() {
    for (preset, dilated) in
        [Preset::Tiny, Preset::EfficientNetLite0].into_iter().flat_map(|p| [(p, false), (p, true)])
    {
        let config = EncoderConfig::new(preset).with_dilated(dilated);
        let (encoder, _) = fresh(&config, DType::F32);
        for (height, width) in [(33, 47), (64, 81), (7, 120), (1, 1)] {
            let x = fill::image([2, 1, height, width], DType::F32);
            let features = no_grad(|| encoder.forward(&x, Mode::Eval)).expect("features");
            for (map, (h, w)) in features.stages.iter().zip(config.map_sizes(height, width)) {
                assert_eq!(map.dims()[1..3], [h, w], "{height}x{width}, dilated {dilated}");
            }
            assert_eq!(features.pooled.dims(), [2, config.features()]);
        }
    }
}
