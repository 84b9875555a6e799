"""Features of timm's nets in evaluation mode, for ../model/encoder_eval.rs. Run: python encoder_eval.py

Weights and inputs come from fill.py; float64, stored as float32. Of every stage's map SLICE values are kept.
timm in float32 is within 6e-7 (relative to the largest value of a map) of these; the script checks 2e-6.
"""

import fill
import torch
from safetensors.torch import save_file
from timm_path import HERE
from timm_nets import PRESETS, build, stage_maps

SLICE = 512
# preset, input channels, batch, height, width
CASES = [
    ("full", 1, 1, 224, 288),
    ("full", 3, 1, 224, 288),
    ("half", 1, 1, 224, 288),
    ("small", 1, 2, 224, 288),
    ("small", 3, 2, 95, 133),
    ("tiny", 1, 2, 31, 50),
]


def main():
    out = {}
    for preset, channels, batch, height, width in CASES:
        for dilated in (False, True):
            key = f"{preset}.{channels}x{height}x{width}.{'dilated' if dilated else 'plain'}"
            x = fill.image("input", (batch, channels, height, width))
            net = fill.fill(build(preset, channels, dilated))
            single = features(net, x.float())
            exact = features(net.double(), x)
            for name, value in exact.items():
                error = (single[name] - value).abs().max() / value.abs().max()
                assert error < 2e-6, (key, name, error)
                out[f"{key}.{name}"] = value.float()
    save_file(out, HERE / "encoder_eval.safetensors")
    print(len(out), "tensors,", sum(v.numel() for v in out.values()), "values")


@torch.no_grad()
def features(net, x):
    maps = stage_maps(net, x)
    out = {"pooled": net.global_pool(maps[-1])}
    assert torch.equal(out["pooled"], net(x))
    for k, m in enumerate(maps, start=1):
        out[f"stage{k}"] = m.flatten()[fill.indices(f"slice.stage{k}", SLICE, m.numel())]
    return out


if __name__ == "__main__":
    assert set(PRESETS) == {case[0] for case in CASES}
    main()
