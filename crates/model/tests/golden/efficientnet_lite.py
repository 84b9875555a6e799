"""Features and gradients of timm's tf_efficientnet_lite0, for ../model/efficientnet_lite.rs.

    python efficientnet_lite.py [PATH TO THE SHARED DATA FOLDER weights] [PATH TO chelsea.png OF scikit-image]

Writes, beside itself:

- efficientnet_lite.safetensors: as encoder_eval.py and encoder_train.py write theirs, weights and inputs from fill.py.
- efficientnet_lite_imagenet.safetensors: what the published ImageNet weights give in float64. `colour.*`: pooled features and
  slices of the stages of noise of three channels; `cat`: chelsea.png (Stefan van der Walt, CC0), its middle square as grey
  levels, 224 x 224; `cat.grey` and `cat.colour`: the six classes of the highest probability, and those, where the picture is
  shown grey in all three channels, and in colour; `cat.pooled`: its features where the standardised grey picture takes
  the place of one of ImageNet's mean and spread, as crates/model/src/imagenet.rs says, computed here with three channels; the
  zeros around it are ImageNet's mean colour.
"""

import pathlib
import sys

import fill
import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from timm_path import HERE

from encoder_eval import SLICE
from encoder_train import summary, weighted

SHARED = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else HERE / "../../../../../shared/data/weights")
CHELSEA = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else "chelsea.png")
KEY = "efficientnet-lite0"
# input channels, batch, height, width
EVAL_CASES = [(1, 1, 224, 288), (3, 2, 95, 133)]
# dilated, batch, input channels, height, width
TRAIN_CASES = [(False, 3, 1, 65, 96), (True, 2, 3, 48, 65)]
MEAN = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64)
STD = torch.tensor([0.229, 0.224, 0.225], dtype=torch.float64)


def build(channels, dilated=False, classes=0):
    stride = 8 if dilated else 32
    return timm.create_model("tf_efficientnet_lite0", in_chans=channels, num_classes=classes, output_stride=stride).eval()


def stage_maps(net, x):
    x = net.bn1(net.conv_stem(x))
    maps = []
    for i, row in enumerate(net.blocks):
        x = row(x)
        if i in (1, 2, 4):
            maps.append(x)
    return [*maps, net.bn2(net.conv_head(x))]


@torch.no_grad()
def features(net, x):
    maps = stage_maps(net, x)
    out = {"pooled": maps[-1].mean((2, 3))}
    for k, m in enumerate(maps, start=1):
        out[f"stage{k}"] = m.flatten()[fill.indices(f"slice.stage{k}", SLICE, m.numel())]
    return out


def from_formula():
    out = {}
    for channels, batch, height, width in EVAL_CASES:
        for dilated in (False, True):
            key = f"{KEY}.{channels}x{height}x{width}.{'dilated' if dilated else 'plain'}"
            net = fill.fill(build(channels, dilated)).double()
            # from float64, as the tests have them
            for name, value in features(fill.fill(net), fill.image("input", (batch, channels, height, width))).items():
                out[f"{key}.{name}"] = value.float()
    for dilated, batch, channels, height, width in TRAIN_CASES:
        key = f"{KEY}.{'dilated' if dilated else 'plain'}"
        net = fill.fill(build(channels, dilated).double()).train()
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 0.1  # ours; timm's tf_ models have 0.01
        x = fill.image("input", (batch, channels, height, width)).requires_grad_()
        maps = stage_maps(net, x)
        value = weighted(maps[-1].mean((2, 3)), "pooled").sum()
        for k, m in enumerate(maps, start=1):
            value = value + weighted(m, f"stage{k}").mean()
        value.backward()
        found = {"input": x.grad}
        found |= {name: p.grad for name, p in net.named_parameters() if p.grad is not None}
        found |= {name: b for name, b in net.named_buffers() if b.is_floating_point()}
        out[f"{key}.loss"] = value.detach().reshape(1)
        out[f"{key}.summary"] = torch.stack([summary(name, found[name]) for name in sorted(found)])
    save_file({name: value.contiguous() for name, value in out.items()}, HERE / "efficientnet_lite.safetensors")


def theirs(net):
    """timm's net with the published weights: both keep their tensors in the order of the forward pass."""
    file = load_file(SHARED / "efficientnet_lite0_imagenet.safetensors")
    blocks = [(i, j) for i, row in enumerate(net.blocks) for j in range(len(row))]
    state = {}
    for name, tensor in file.items():
        parts = name.split(".")
        if parts[0] == "_blocks":
            row, j = blocks[int(parts[1])]
            first = row == 0
            layer = {
                "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw",
                "_bn1": "bn1" if first else "bn2", "_project_conv": "conv_pw" if first else "conv_pwl",
                "_bn2": "bn2" if first else "bn3",
            }[parts[2]]
            state[f"blocks.{row}.{j}.{layer}.{parts[3]}"] = tensor
        else:
            layer = {
                "_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier",
            }[parts[0]]
            state[f"{layer}.{parts[1]}"] = tensor
    net.load_state_dict(state, strict=True)
    return net.double()


@torch.no_grad()
def published():
    net = theirs(build(3, classes=1000))
    found = features(net, fill.image("input", (1, 3, 224, 224)))
    out = {f"colour.{name}": value.float() for name, value in found.items()}
    picture = Image.open(CHELSEA).convert("RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    picture = picture.crop((left, top, left + side, top + side)).resize((224, 224), Image.Resampling.BICUBIC)
    grey = np.array(picture.convert("L"))
    out["cat"] = torch.from_numpy(grey.copy())
    colour = torch.from_numpy(np.array(picture)).double().permute(2, 0, 1)[None]
    shown = torch.from_numpy(grey).double()[None, None].expand(1, 3, -1, -1)
    for name, x in (("colour", colour), ("grey", shown)):
        top = net((x - 127) / 128).softmax(1)[0].topk(6)
        out[f"cat.{name}"] = top.indices
        print(name, top.indices.tolist(), [round(p, 3) for p in top.values.tolist()])
    standardised = (shown - shown.mean()) / shown.std(unbiased=False)
    by_channel = lambda values: values[None, :, None, None]
    # the pixel that SAME padding adds at the end of both sides is 0 after standardising
    around = torch.nn.functional.pad(standardised, (0, 1, 0, 1))
    stands_for = (255 * by_channel(MEAN) - 127) / 128 + 255 * by_channel(STD) / 128 * around
    weight = net.conv_stem.weight
    net.conv_stem.forward = lambda x: torch.nn.functional.conv2d(x, weight, stride=2)
    out["cat.pooled"] = features(net, stands_for)["pooled"].float()
    top = net(stands_for).softmax(1)[0].topk(6)
    print("standardised", top.indices.tolist(), [round(p, 3) for p in top.values.tolist()])
    save_file({k: v.contiguous() for k, v in out.items()}, HERE / "efficientnet_lite_imagenet.safetensors")


if __name__ == "__main__":
    from_formula()
    published()
