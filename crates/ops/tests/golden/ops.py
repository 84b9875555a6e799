"""PyTorch's results and gradients, float64, for ../golden.rs. Run: python ops.py (scripts/peers/torch_venv.py has torch)

Inputs come from the formula of crates/model/tests/golden/fill.py, in our order of axes: maps are [B, H, W, C]. The name
of an entry says all that the test has to know: op, then numbers that belong to it. A tensor is kept as a row
[norm, DOTS dot products with u("dot{j}")], and the rows of one case stand below each other in the order of its function
here.
"""

import pathlib
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "model" / "tests" / "golden"))
import fill  # noqa: E402

DOTS = 4

# batch, height, width, input channels, output channels, kernel height and width, stride, padding, dilation, groups
CONVS = [
    # stems
    (2, 15, 22, 1, 64, 7, 7, 2, 3, 1, 1),
    (1, 16, 21, 3, 64, 7, 7, 2, 3, 1, 1),
    (1, 11, 12, 3, 5, 7, 7, 3, 3, 1, 1),
    # pointwise, with stride, padding and groups
    (2, 5, 8, 7, 12, 1, 1, 1, 0, 1, 1),
    (2, 9, 8, 33, 17, 1, 1, 2, 0, 1, 1),
    (1, 8, 11, 20, 24, 1, 1, 3, 0, 1, 1),
    (1, 4, 5, 6, 9, 1, 1, 1, 2, 1, 1),
    (1, 5, 6, 6, 9, 1, 1, 2, 1, 1, 1),
    (2, 6, 5, 12, 20, 1, 1, 1, 0, 1, 4),
    # groups of the network
    (2, 9, 12, 128, 128, 3, 3, 1, 1, 1, 32),
    (1, 9, 12, 128, 128, 3, 3, 2, 1, 1, 32),
    (1, 8, 11, 128, 128, 3, 3, 2, 1, 1, 32),
    (1, 7, 9, 256, 256, 3, 3, 1, 1, 1, 32),
    (1, 7, 9, 512, 512, 3, 3, 1, 2, 2, 32),
    (1, 9, 11, 1024, 1024, 3, 3, 1, 4, 4, 32),
    (1, 5, 4, 1024, 1024, 3, 3, 2, 1, 1, 32),
    # depthwise
    (2, 9, 8, 6, 6, 7, 7, 1, 3, 1, 6),
    (1, 8, 10, 40, 40, 7, 7, 1, 3, 1, 40),
    (1, 10, 7, 18, 18, 5, 5, 2, 2, 1, 18),
    (1, 9, 7, 5, 15, 3, 3, 1, 1, 1, 5),
    # every width of a group, output channels that fill no register
    (1, 7, 8, 32, 32, 3, 3, 1, 1, 1, 32),
    (1, 7, 8, 8, 8, 3, 3, 1, 1, 1, 4),
    (1, 8, 7, 12, 12, 3, 3, 2, 1, 1, 4),
    (1, 8, 7, 12, 20, 3, 3, 1, 1, 1, 4),
    (1, 7, 6, 20, 20, 3, 3, 1, 2, 2, 4),
    (1, 7, 6, 24, 24, 3, 3, 1, 1, 1, 3),
    (1, 6, 9, 48, 48, 3, 3, 3, 1, 1, 3),
    (1, 6, 9, 64, 64, 5, 5, 2, 2, 1, 2),
    (1, 6, 7, 64, 37, 3, 3, 1, 1, 1, 1),
    (1, 6, 7, 128, 66, 3, 3, 2, 1, 1, 2),
    # strides, dilations and paddings that leave pixels unseen or reach far outside
    (1, 10, 13, 8, 8, 3, 3, 3, 0, 1, 2),
    (1, 11, 14, 8, 8, 3, 3, 2, 4, 4, 4),
    (1, 12, 9, 6, 10, 3, 3, 2, 0, 2, 1),
    (2, 4, 3, 4, 4, 3, 3, 1, 5, 1, 2),
    (1, 13, 12, 4, 6, 2, 2, 4, 0, 1, 2),
    (1, 5, 5, 4, 4, 3, 3, 2, 4, 4, 1),
    # kernels that are not square, or even
    (1, 8, 9, 6, 10, 1, 3, 1, 1, 1, 1),
    (1, 8, 9, 8, 8, 3, 1, 2, 1, 1, 4),
    (2, 7, 8, 4, 6, 4, 2, 1, 1, 1, 2),
    (1, 1, 9, 4, 8, 1, 5, 1, 0, 2, 1),
    (1, 3, 3, 16, 24, 3, 3, 1, 0, 1, 1),
]
# batch, height, width, channels
NORMS = [(2, 7, 10, 5), (3, 1, 2, 17), (2, 28, 36, 32)]
# height, width, kernel, stride, padding
POOLS = [(15, 22, 3, 2, 1), (16, 21, 3, 2, 1), (9, 8, 2, 2, 0), (7, 10, 5, 3, 2), (6, 5, 3, 1, 1)]


def row(tensor):
    """Its length, and how it lies to DOTS fixed directions."""
    dots = [(tensor * fill.uniform(f"dot{j}", tuple(tensor.shape))).sum() for j in range(DOTS)]
    return torch.stack([tensor.norm(), *dots]).detach()


def leaf(name, *shape):
    return fill.uniform(name, shape).requires_grad_()


def nchw(image):
    return image.permute(0, 3, 1, 2)


def nhwc(image):
    return image.permute(0, 2, 3, 1)


def result_and_gradients(y, leaves):
    """Rows of `y` and of the gradients of sum(y * u("gradient"))."""
    (y * fill.uniform("gradient", tuple(y.shape))).sum().backward()
    return torch.stack([row(y), *(row(leaf.grad) for leaf in leaves)])


def conv(b, h, w, c, o, kh, kw, stride, padding, dilation, groups):
    x, weight = leaf("x", b, h, w, c), leaf("weight", o, c // groups, kh, kw)
    y = F.conv2d(nchw(x), weight, None, stride, padding, dilation, groups)
    return result_and_gradients(nhwc(y), [x, weight])


def batch_norm(train, relu, residual, b, h, w, c):
    """Two passes in a row, so that the second mixes into statistics that have moved."""
    layer = torch.nn.BatchNorm2d(c, eps=1e-3, dtype=torch.float64).train(bool(train))
    with torch.no_grad():
        layer.weight.copy_(1 + 0.5 * fill.uniform("weight", (c,)))
        layer.bias.copy_(fill.uniform("bias", (c,)))
        layer.running_mean.copy_(fill.uniform("running_mean", (c,)))
        layer.running_var.copy_(1.5 + fill.uniform("running_var", (c,)))
    x, r = leaf("x", b, h, w, c), leaf("residual", b, h, w, c)
    layer(nchw(2 * x.detach() + 1))
    y = nhwc(layer(nchw(x)))
    y = y + r if residual else y
    y = torch.relu(y) if relu else y
    leaves = [x, layer.weight, layer.bias] + ([r] if residual else [])
    rows = result_and_gradients(y, leaves)
    return torch.cat([rows, torch.stack([row(layer.running_mean), row(layer.running_var)])])


def max_pool(h, w, kernel, stride, padding):
    x = leaf("x", 2, h, w, 19)
    return result_and_gradients(nhwc(F.max_pool2d(nchw(x), kernel, stride, padding)), [x])


def mean_pool(h, w):
    x = leaf("x", 3, h, w, 19)
    return result_and_gradients(x.mean((1, 2)), [x])


def se(h, w, c):
    x, gate, residual = leaf("x", 2, h, w, c), leaf("gate", 2, c), leaf("residual", 2, h, w, c)
    return result_and_gradients(torch.relu(x * gate[:, None, None] + residual), [x, gate, residual])


def distributions(name, b, n):
    target = torch.relu(fill.uniform(name, (b, n)))
    return target / target.sum(1, keepdim=True)


def softmax_kl(b, n):
    z = leaf("logits", b, n)
    loss = F.kl_div(F.log_softmax(8 * z, 1), distributions("target", b, n), reduction="batchmean")
    return result_and_gradients(loss, [z])


def cross_entropy(b, n):
    z = leaf("logits", b, n)
    return result_and_gradients(F.cross_entropy(8 * z, fill.indices("labels", b, n)), [z])


def info_nce(b, d, h):
    v, s, hard = leaf("video", b, d), leaf("speech", b, d), leaf("hard", b, h, d)
    scale = torch.tensor(2.5, dtype=torch.float64, requires_grad=True)
    vn, sn = F.normalize(v, dim=1), F.normalize(s, dim=1)
    logits = vn @ sn.T
    wide = torch.cat([logits, torch.einsum("bd,bhd->bh", vn, F.normalize(hard, dim=2))], 1) if h else logits
    at, factor = torch.arange(b), scale.exp()
    loss = (F.cross_entropy(factor * wide, at) + F.cross_entropy(factor * logits.T, at)) / 2
    return result_and_gradients(loss, [v, s, scale] + ([hard] if h else []))


def paper_contrastive(b, d):
    """Eq. 2 in two parts: hard negatives that score below their positive, and whose margin is clamped."""
    v, s, hard = leaf("video", b, d), leaf("speech", b, d), leaf("hard", b, d)
    sims = v @ torch.cat([v, s, hard]).T
    at = torch.arange(b)
    positive, margin = sims[at, b + at], sims[at, b + at] - sims[at, 2 * b + at]
    others = sims.masked_fill(torch.eye(b, 3 * b, dtype=torch.bool), -torch.inf)
    gap = -torch.expm1(-margin.clamp(min=0.05))
    loss = (others.logsumexp(1) - positive - gap.log()).mean()
    return result_and_gradients(loss, [v, s, hard])


PARAMETERS = {"bias": (3,), "matrix": (5, 7), "weight": (4, 3, 3, 3)}


def optimizer(make, clip):
    """Three steps of sum(p^3 u("gradient")), with the gradients clipped; rows of the lengths and the parameters."""
    params = [leaf(name, *shape) for name, shape in PARAMETERS.items()]
    optim = make(params)
    norms = []
    for _ in range(3):
        optim.zero_grad()
        sum((p**3 * fill.uniform("gradient", tuple(p.shape))).sum() for p in params).backward()
        norms.append(torch.nn.utils.clip_grad_norm_(params, clip))
        optim.step()
    norms += [torch.zeros((), dtype=torch.float64)] * (1 + DOTS - len(norms))
    return torch.stack([torch.stack(norms), *(row(p) for p in params)])


def sgd(params):
    return torch.optim.SGD(params, lr=0.05, momentum=0.9, weight_decay=0.1)


def adamw(params):
    groups = [
        {"params": [p for p in params if p.dim() < 2], "weight_decay": 0.0},
        {"params": [p for p in params if p.dim() >= 2], "weight_decay": 0.1},
    ]
    return torch.optim.AdamW(groups, lr=0.05, betas=(0.8, 0.95), eps=1e-6)


def main():
    out = {}

    def keep(function, *numbers):
        name = " ".join([function.__name__, *map(str, numbers)])
        assert name not in out, name
        out[name] = function(*numbers)

    for case in CONVS:
        keep(conv, *case)
    for train, relu, residual in [(t, r, s) for t in (0, 1) for r in (0, 1) for s in (0, 1)]:
        for case in NORMS:
            keep(batch_norm, train, relu, residual, *case)
    for case in POOLS:
        keep(max_pool, *case)
    for case in [(5, 8), (1, 1), (40, 30)]:
        keep(mean_pool, *case)
    for case in [(5, 8, 19), (1, 1, 3), (28, 33, 40)]:
        keep(se, *case)
    for case in [(3, 7), (1, 1008), (2, 5)]:
        keep(softmax_kl, *case)
    for case in [(5, 12), (1, 2)]:
        keep(cross_entropy, *case)
    for case in [(6, 16, 0), (6, 16, 1), (5, 33, 3), (2, 1, 2)]:
        keep(info_nce, *case)
    keep(paper_contrastive, 6, 5)
    for name, make in (("sgd", sgd), ("adamw", adamw)):
        for tenths in (5, 10000):
            out[f"{name} {tenths}"] = optimizer(make, tenths / 10)
    save_file({name: value.contiguous() for name, value in out.items()}, HERE / "ops.safetensors")
    print(len(out), "cases,", sum(value.numel() for value in out.values()), "numbers")


if __name__ == "__main__":
    main()
