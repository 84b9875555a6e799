"""What a pass through an encoder costs at the least: multiply-adds and the memory its maps take, from the architecture.

The presets are read out of timm_nets.py beside this file, without importing it: it needs PyTorch.
"""

import ast
from pathlib import Path

# How often a map goes through memory if no part of it stays in a cache and everything is fused that can be. A map is
# what a convolution gives, before its batch normalisation.
#
# eval: written by the convolution; read by the next one, which normalises what it reads.
# train: the same two (statistics are taken while it is written), and in the backward pass: the gradient of the
# normalised map is written; it and the map are read for the sums of batch normalisation, and once more, when the sums
# are known, by the gradients of the convolution.
PASSES = {"eval": 2, "train": 2 + 1 + 2 + 2}


def cost(preset, batch, height, width, mode, in_channels=1):
    """Thousand millions of multiply-adds, bytes of all maps, and bytes that go through memory."""
    stem, *rest = convolutions(preset, height, width, in_channels)
    forward = stem.multiply_adds + sum(layer.multiply_adds for layer in rest)
    # Backward is the gradient of the input and that of the weight, each as much as forward; the image needs none.
    multiply_adds = forward if mode == "eval" else 3 * forward - stem.multiply_adds
    maps = 4 * batch * sum(layer.numbers for layer in (stem, *rest))
    return dict(gmac=batch * multiply_adds / 1e9, map_bytes=maps, memory_bytes=maps * PASSES[mode])


class Layer:
    """A convolution, or a linear layer as one of 1x1, on one image."""

    def __init__(self, inputs, outputs, kernel, size, groups=1):
        self.numbers = outputs * size[0] * size[1]
        self.multiply_adds = self.numbers * inputs // groups * kernel**2


def convolutions(preset, height, width, in_channels=1):
    """The stem, then all other convolutions and the gates of the plain (not dilated) encoder."""
    stem, cardinality, base_width, planes, blocks = presets()[preset]
    size = half(height), half(width)
    yield Layer(in_channels, stem, 7, size)
    size, inputs = tuple(map(half, size)), stem
    for stage, (plane, count) in enumerate(zip(planes, blocks)):
        mid, outputs = plane * base_width // 64 * cardinality, 4 * plane
        for block in range(count):
            before, first = size, block == 0
            if first and stage > 0:
                size = tuple(map(half, size))
            yield Layer(inputs, mid, 1, before)
            yield Layer(mid, mid, 3, size, cardinality)
            yield Layer(mid, outputs, 1, size)
            squeezed = max(8, (outputs // 16 + 4) // 8 * 8)
            yield Layer(outputs, squeezed, 1, (1, 1))
            yield Layer(squeezed, outputs, 1, (1, 1))
            if first:
                yield Layer(inputs, outputs, 1, size)
            inputs = outputs


def half(size):
    """What a stride of 2 leaves."""
    return (size + 1) // 2


def presets():
    tree = ast.parse((Path(__file__).parent / "timm_nets.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "PRESETS":
            return ast.literal_eval(node.value)
    raise LookupError("timm_nets.py: expected PRESETS, found none")
