"""A checkpoint as timm's users have them, and its features, for ../model/timm_file.rs. Run: python timm_file.py

The tiny net with a classifier, torch's own seeded initialisation, running statistics moved by three training-mode
batches, written by safetensors without any change of name.
"""

import fill
import torch
from safetensors.torch import save_file
from timm_path import HERE
from timm_nets import build


def main():
    torch.manual_seed(7)
    net = build("tiny", 3, num_classes=5).train()
    with torch.no_grad():
        for _ in range(3):
            net(torch.randn(4, 3, 48, 64))
        net.eval()
        pooled = net.forward_head(net.forward_features(fill.image("input", (2, 3, 48, 64)).float()), pre_logits=True)
    save_file(net.state_dict(), HERE / "tiny_timm.safetensors")
    save_file({"pooled": pooled}, HERE / "tiny_timm_features.safetensors")
    print(tuple(pooled.shape), float(pooled.mean()))


if __name__ == "__main__":
    main()
