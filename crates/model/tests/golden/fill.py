"""Weights and inputs from a closed formula of name and index, so that no golden file holds a network.

The same formula is in ../model/support/fill.rs. Value i of the tensor NAME is scaled from
u(NAME, i) = 2 * (splitmix64(fnv1a64(NAME) + (i + 1) * GAMMA) >> 11) / 2^53 - 1, uniform in [-1, 1):
weights of convolutions and linear layers by sqrt(6 / fan_in) (He's variance); running variances around the
1.5 that such weights give, so that activations stay near 1 through all blocks as they do in a trained network;
scales around 1, but around 0.5 at the end of a residual branch (with 1 the branches outgrow the shortcut, gates
saturate, and float32 is 1e-3 from float64 in timm itself); shifts and running means around 0.
"""

import math

import numpy as np
import torch

GAMMA = np.uint64(0x9E3779B97F4A7C15)


def fnv1a64(name):
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return value


def mix(name, count):
    """`count` 64-bit values of the stream called `name`."""
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a64(name)) + np.arange(1, count + 1, dtype=np.uint64) * GAMMA
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uniform(name, shape):
    count = math.prod(shape)
    u = (mix(name, count) >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0
    return torch.from_numpy(u.reshape(shape))


def indices(name, count, below):
    """`count` positions below `below`: which values of a large tensor a golden file keeps."""
    return torch.from_numpy((mix(name, count) % np.uint64(below)).astype(np.int64))


def parameter(name, shape):
    u = uniform(name, shape)
    if len(shape) >= 2:
        return u * math.sqrt(6.0 / math.prod(shape[1:]))
    if name.endswith("running_var"):
        return 1.5 + 0.5 * u
    if name.endswith("bn3.weight"):
        return 0.5 + 0.3 * u
    if name.endswith(".weight"):
        return 1.0 + 0.3 * u
    return 0.2 * u


def image(name, shape):
    """Noise of zero mean and unit variance."""
    return uniform(name, shape) * math.sqrt(3.0)


def fill(net):
    """Overwrites every weight and running statistic of `net` (any dtype) by the formula."""
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                tensor.copy_(parameter(name, tuple(tensor.shape)))
    return net
