"""The heads in PyTorch, float64, for ../model/heads.rs. Run: python heads.py

Parameters have the names of crates/model/src/heads and, like the inputs, values from fill.py.
"""

import fill
import torch
from safetensors.torch import save_file
from timm_path import HERE
from torch import nn

WIDTH, EMBEDDING, HIDDEN, PLANES = 6, 4, 5, 3


class ConvRelu(nn.Conv2d):
    def __init__(self, inputs, outputs, kernel, groups, batch_norm):
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=not batch_norm)
        if batch_norm:
            self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x):
        x = super().forward(x)
        return torch.relu(self.bn(x) if self.bias is None else x)


class TwoLayers(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(inputs, hidden), nn.Linear(hidden, outputs)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


class Projection(nn.Module):
    def __init__(self, width, embedding):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, width), nn.Linear(width, embedding)
        self.bn1, self.bn2 = nn.BatchNorm1d(width), nn.BatchNorm1d(embedding)

    def forward(self, x):
        return self.bn2(self.fc2(torch.relu(self.bn1(self.fc1(x)))))


class Plane(nn.Module):
    def __init__(self, batch_norm):
        super().__init__()
        self.conv1, self.conv2 = ConvRelu(WIDTH, HIDDEN, 1, 1, batch_norm), nn.Conv2d(HIDDEN, PLANES, 1)

    def forward(self, x):
        return self.conv2(self.conv1(x)).mean((2, 3))


class Gaze(nn.Module):
    def __init__(self, batch_norm):
        super().__init__()
        self.depthwise = ConvRelu(WIDTH, WIDTH, 7, WIDTH, batch_norm)
        self.conv1 = ConvRelu(WIDTH, HIDDEN, 1, 1, batch_norm)
        self.conv2 = ConvRelu(HIDDEN, HIDDEN, 1, 1, batch_norm)
        self.conv3 = nn.Conv2d(HIDDEN, 1, 1, bias=False)

    def forward(self, x):
        return self.conv3(self.conv2(self.conv1(self.depthwise(x)))).flatten(1)


@torch.no_grad()
def main():
    features, frames = fill.uniform("features", (2, WIDTH)), fill.uniform("frames", (2, 4, WIDTH))
    pair = torch.cat([fill.uniform("z_video", (3, EMBEDDING)), fill.uniform("z_speech", (3, EMBEDDING))], 1)
    image = fill.image("input", (2, WIDTH, 5, 8))
    literal = nn.ModuleDict({"fc2": nn.Linear(2 * EMBEDDING, 2)})
    out = {
        "projection": made(TwoLayers(WIDTH, WIDTH, EMBEDDING))(features),
        "fusion": made(TwoLayers(2 * EMBEDDING, 2 * EMBEDDING, 2))(pair),
        "fusion.linear": made(literal)["fc2"](pair),
        "order": made(TwoLayers(4 * WIDTH, HIDDEN, 12))(frames.flatten(1)),
    }
    for name, head in (("plane", Plane), ("gaze", Gaze)):
        out[f"{name}.bias"] = made(head(False))(image)
        out[f"{name}.norm.eval"] = made(head(True))(image)
        out[f"{name}.norm.train"] = made(head(True)).train()(image)
    normalised = fill.uniform("normalised", (5, WIDTH))
    out["projection.norm.eval"] = made(Projection(WIDTH, EMBEDDING))(normalised)
    out["projection.norm.train"] = made(Projection(WIDTH, EMBEDDING)).train()(normalised)
    save_file({name: value.contiguous() for name, value in out.items()}, HERE / "heads.safetensors")
    print({name: tuple(value.shape) for name, value in out.items()})


def made(net):
    return fill.fill(net.double()).eval()


if __name__ == "__main__":
    main()
