"""The encoders of sonovox built from timm's own blocks: what golden files and speed comparisons measure against.

`full` is timm's `seresnext50_32x4d`. The narrower presets are the same `Bottleneck` blocks with the widths of
`crates/model/src/config.rs`. timm's ResNet ties a plain 7x7 stem to 64 channels, so a narrower stem is put in
afterwards, with the stages built by timm's own `make_blocks`.
"""

import torch
from timm.models import resnet
from timm.models.resnet import Bottleneck, ResNet

# preset: stem channels, cardinality, base width, planes (a stage's output is 4 x planes), blocks
PRESETS = {
    "full": (64, 32, 4, (64, 128, 256, 512), (3, 4, 6, 3)),
    "half": (64, 16, 8, (32, 64, 128, 256), (3, 4, 6, 3)),
    "small": (32, 8, 16, (16, 32, 64, 128), (1, 1, 1, 1)),
    "tiny": (8, 2, 32, (4, 6, 8, 12), (1, 2, 1, 1)),
}


def build(preset, in_channels=1, dilated=False, num_classes=0):
    """A timm ResNet in evaluation mode; `dilated` is timm's output_stride=8."""
    stem, cardinality, base_width, planes, blocks = PRESETS[preset]
    output_stride = 8 if dilated else 32
    net = ResNet(
        Bottleneck,
        blocks,
        num_classes=num_classes,
        in_chans=in_channels,
        output_stride=output_stride,
        cardinality=cardinality,
        base_width=base_width,
        channels=planes,
        block_args=dict(attn_layer="se"),
        zero_init_last=False,
    )
    if stem != 64:
        narrow_stem(net, in_channels, stem, output_stride)
    return net.eval()


def narrow_stem(net, in_channels, stem, output_stride):
    cardinality = net.layer1[0].conv2.groups
    planes = [layer[-1].conv3.out_channels // Bottleneck.expansion for layer in stages(net)]
    base_width = 64 * net.layer1[0].conv2.out_channels // (planes[0] * cardinality)
    net.conv1 = torch.nn.Conv2d(in_channels, stem, 7, stride=2, padding=3, bias=False)
    net.bn1 = torch.nn.BatchNorm2d(stem)
    layers, _ = resnet.make_blocks(
        (Bottleneck,) * 4,
        planes,
        [len(layer) for layer in stages(net)],
        stem,
        cardinality=cardinality,
        base_width=base_width,
        output_stride=output_stride,
        norm_layer=torch.nn.BatchNorm2d,
        attn_layer=resnet.get_attn("se"),
        act_layer=torch.nn.ReLU,
    )
    for name, layer in layers:
        setattr(net, name, layer)


def stages(net):
    return [net.layer1, net.layer2, net.layer3, net.layer4]


def stage_maps(net, x):
    """The four stages' maps, as `Features::stages`."""
    x = net.maxpool(net.act1(net.bn1(net.conv1(x))))
    maps = []
    for layer in stages(net):
        x = layer(x)
        maps.append(x)
    return maps
