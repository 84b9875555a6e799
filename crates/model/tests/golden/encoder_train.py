"""Gradients of timm's nets in training mode, float64, for ../model/encoder_train.rs. Run: python encoder_train.py

Weights, input and the loss' coefficients come from fill.py:
loss = sum(pooled * u("probe.pooled")) + sum over stages k of mean(stage_k * u("probe.stage{k}")).
Kept: the loss, the gradient of the input, every parameter's gradient and the updated running statistics, of the
tiny net as they are, of the others as a row [norm, DOTS dot products with u("dot{j}.NAME")] in order of name.
"""

import fill
import torch
from safetensors.torch import save_file
from timm_path import HERE
from timm_nets import build, stage_maps

DOTS = 4
# preset, dilated, batch, input channels, height, width
CASES = [
    ("tiny", False, 3, 1, 33, 49),
    ("tiny", True, 3, 2, 33, 49),
    ("small", False, 3, 1, 64, 80),
    ("half", False, 2, 1, 65, 96),
    ("full", False, 2, 3, 65, 96),
    ("full", True, 2, 1, 48, 65),
]


def main():
    out = {}
    for preset, dilated, batch, channels, height, width in CASES:
        key = f"{preset}.{'dilated' if dilated else 'plain'}"
        net = fill.fill(build(preset, channels, dilated).double()).train()
        x = fill.image("input", (batch, channels, height, width)).requires_grad_()
        value = loss(net, x)
        value.backward()
        out[f"{key}.loss"] = value.detach().reshape(1)
        found = {"input": x.grad}
        found |= {name: p.grad for name, p in net.named_parameters()}
        found |= {name: b for name, b in net.named_buffers() if b.is_floating_point()}
        if preset == "tiny":
            out |= {f"{key}.{name}": value for name, value in found.items()}
        else:
            rows = [summary(name, found[name]) for name in sorted(found)]
            out[f"{key}.summary"] = torch.stack(rows)
    save_file({name: value.contiguous() for name, value in out.items()}, HERE / "encoder_train.safetensors")
    print(len(out), "tensors,", sum(v.numel() for v in out.values()), "values")


def loss(net, x):
    maps = stage_maps(net, x)
    value = weighted(net.global_pool(maps[-1]), "pooled").sum()
    for k, m in enumerate(maps, start=1):
        value = value + weighted(m, f"stage{k}").mean()
    return value


def weighted(tensor, name):
    return tensor * fill.uniform(f"probe.{name}", tuple(tensor.shape))


def summary(name, tensor):
    dots = [(tensor * fill.uniform(f"dot{j}.{name}", tuple(tensor.shape))).sum() for j in range(DOTS)]
    return torch.stack([tensor.norm(), *dots])


if __name__ == "__main__":
    main()
