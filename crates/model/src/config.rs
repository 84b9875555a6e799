//! Which encoder: width, input channels, plain or dilated.

use serde::{Deserialize, Serialize};

use crate::efficientnet_lite;

/// A choice of encoder, as it stands in a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderConfig {
    /// Width and depth.
    pub preset: Preset,
    /// Channels of the input: 1 for grey frames and for spectrograms.
    #[serde(default = "one")]
    pub in_channels: usize,
    /// Keep the last two stages at an eighth of the input's size, their 3x3 convolutions dilated 2 and 4 (timm's
    /// `output_stride=8`). The weights are the same, so one checkpoint serves both forms.
    #[serde(default)]
    pub dilated: bool,
}

fn one() -> usize {
    1
}

/// The nets there are: SE-ResNeXt in four sizes, and a second backbone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// SE-ResNeXt-50 32x4d, timm's `seresnext50_32x4d`: 25.5 M parameters.
    Full,
    /// The net of Droste et al. 2019 (IPMI, arXiv 1903.02974): half the width, cardinality 16, 6.76 M parameters.
    Half,
    /// One block to a stage and a quarter of the width, 0.59 M parameters: two CPU cores train it in minutes.
    Small,
    /// Ten thousand parameters, for tests.
    Tiny,
    /// EfficientNet-Lite0, timm's `tf_efficientnet_lite0`: 3.37 M parameters without its classifier.
    #[serde(rename = "efficientnet-lite0")]
    EfficientNetLite0,
}

/// What a preset of SE-ResNeXt stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// Channels of the 7x7 stem.
    pub stem: usize,
    /// Groups of every 3x3 convolution.
    pub cardinality: usize,
    /// The four stages.
    pub stages: [StageShape; 4],
}

/// One stage: `blocks` bottlenecks that narrow to `mid` channels and give `out`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageShape {
    /// Number of bottlenecks.
    pub blocks: usize,
    /// Channels inside a bottleneck.
    pub mid: usize,
    /// Channels a bottleneck gives. They grow from stage to stage, so that every stage's first block has a
    /// projection on its shortcut in both the plain and the dilated form.
    pub out: usize,
}

impl Preset {
    /// All presets.
    pub const ALL: [Preset; 5] =
        [Preset::Full, Preset::Half, Preset::Small, Preset::Tiny, Preset::EfficientNetLite0];

    /// What the net is called in a table.
    pub fn title(self) -> &'static str {
        match self {
            Preset::Full => "SE-ResNeXt-50 32x4d",
            Preset::Half => "SE-ResNeXt-50, half width",
            Preset::Small => "SE-ResNeXt, small",
            Preset::Tiny => "SE-ResNeXt, tiny",
            Preset::EfficientNetLite0 => "EfficientNet-Lite0",
        }
    }

    /// Widths and depths of an SE-ResNeXt; `None` of any other net.
    pub fn architecture(self) -> Option<Architecture> {
        let net = |stem, cardinality, shapes: [(usize, usize, usize); 4]| Architecture {
            stem,
            cardinality,
            stages: shapes.map(|(blocks, mid, out)| StageShape { blocks, mid, out }),
        };
        Some(match self {
            Preset::Full => net(64, 32, [(3, 128, 256), (4, 256, 512), (6, 512, 1024), (3, 1024, 2048)]),
            Preset::Half => net(64, 16, [(3, 64, 128), (4, 128, 256), (6, 256, 512), (3, 512, 1024)]),
            Preset::Small => net(32, 8, [(1, 32, 64), (1, 64, 128), (1, 128, 256), (1, 256, 512)]),
            Preset::Tiny => net(8, 2, [(1, 4, 16), (2, 6, 24), (1, 8, 32), (1, 12, 48)]),
            Preset::EfficientNetLite0 => return None,
        })
    }
}

/// How a stage walks over the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Walk {
    /// Stride of the first block.
    pub stride: usize,
    /// Dilation of the first block's 3x3 convolution: that of the stage before, as in timm.
    pub first_dilation: usize,
    /// Dilation of the other blocks' 3x3 convolutions.
    pub dilation: usize,
}

impl EncoderConfig {
    /// The plain encoder of grey images.
    pub fn new(preset: Preset) -> Self {
        Self { preset, in_channels: 1, dilated: false }
    }

    /// The same encoder in dilated (or plain) form.
    pub fn with_dilated(self, dilated: bool) -> Self {
        Self { dilated, ..self }
    }

    /// Channels of the four stages' maps.
    pub fn channels(&self) -> [usize; 4] {
        match self.preset.architecture() {
            Some(net) => net.stages.map(|stage| stage.out),
            None => efficientnet_lite::CHANNELS,
        }
    }

    /// Width of the pooled features: the last stage's channels.
    pub fn features(&self) -> usize {
        self.channels()[3]
    }

    /// Height and width of the four stages' maps, in pixels, for an input of `height` x `width` pixels.
    pub fn map_sizes(&self, height: usize, width: usize) -> [(usize, usize); 4] {
        // Stem and pool (or the first stride of EfficientNet) halve twice; every stride-2 convolution here gives the half, rounded up.
        let mut size = (height.div_ceil(2).div_ceil(2), width.div_ceil(2).div_ceil(2));
        self.walks().map(|walk| {
            size = (size.0.div_ceil(walk.stride), size.1.div_ceil(walk.stride));
            size
        })
    }

    pub(crate) fn walks(&self) -> [Walk; 4] {
        let walk = |stride, first_dilation, dilation| Walk { stride, first_dilation, dilation };
        let plain = walk(2, 1, 1);
        let [third, fourth] = if self.dilated { [walk(1, 1, 2), walk(1, 2, 4)] } else { [plain, plain] };
        [walk(1, 1, 1), plain, third, fourth]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_names_the_preset_and_may_leave_the_rest() {
        let config: EncoderConfig = serde_json::from_str(r#"{"preset": "half"}"#).unwrap();
        assert_eq!(config, EncoderConfig { preset: Preset::Half, in_channels: 1, dilated: false });
        let error =
            serde_json::from_str::<EncoderConfig>(r#"{"preset": "half", "dilation": 2}"#).unwrap_err();
        assert!(error.to_string().contains("dilation"), "{error}");
        let error = serde_json::from_str::<EncoderConfig>(r#"{"preset": "big"}"#).unwrap_err();
        assert!(error.to_string().contains("`full`"), "{error}");
    }

    #[test]
    fn maps_of_the_paper_have_the_papers_sizes() {
        let half = EncoderConfig::new(Preset::Half);
        assert_eq!(half.map_sizes(224, 288), [(56, 72), (28, 36), (14, 18), (7, 9)]);
        assert_eq!(half.with_dilated(true).map_sizes(224, 288), [(56, 72), (28, 36), (28, 36), (28, 36)]);
        assert_eq!(half.channels(), [128, 256, 512, 1024]);
    }

    #[test]
    fn widths_grow_from_stage_to_stage_and_split_into_groups() {
        for preset in [Preset::Full, Preset::Half, Preset::Small, Preset::Tiny] {
            let net = preset.architecture().expect("a preset of SE-ResNeXt");
            let mut before = net.stem;
            for stage in net.stages {
                assert!(stage.out > before && stage.blocks > 0, "{preset:?}");
                assert_eq!(stage.mid % net.cardinality, 0, "{preset:?}");
                before = stage.out;
            }
        }
    }
}
