"""Cases for the operations on maps [B, H W, C]: batch normalisation, squeeze-and-excitation, pooling, convolution."""

import numpy as np

import geometry as g
from device import Guarded, Module, empty

EPS = 1e-5


def accumulator(entry: str) -> str:
    return "f64" if entry.startswith("f64") else "f32"


def kind(entry: str) -> str:
    return entry.split("x")[0]


def near(found, expected, entry: str, what: str, stored: bool, slack: float = 1.0) -> None:
    """`stored`: the value was rounded to the type of the maps."""
    found = found.get() if isinstance(found, Guarded) else found
    expected = np.asarray(expected)
    relative = {"f64": 1e-11, "f32": 2e-5, "bf16": 2e-5}[kind(entry)]
    if stored and kind(entry) == "bf16":
        relative = 2.0**-8
    size = np.abs(expected).max() if expected.size else 0.0
    error = np.abs(found - expected)
    bad = ~(error <= slack * relative * (np.abs(expected) + 0.1 * size + 1e-2))
    if bad.any():
        raise AssertionError(f"{what}: off by {np.nanmax(error):.3g} of {size:.3g} at {bad.sum()} of {bad.size} places")


def normal(rng, *shape):
    return rng.standard_normal(shape)


def maps(entry: str, *arrays):
    """Arrays as the kernel gets them, and the values that it really gets (bf16 rounds)."""
    device = [Guarded(a, kind(entry)) for a in arrays]
    return [item for d in device for item in (d, d.get())]


def scalars(entry: str, *arrays):
    device = [Guarded(a, accumulator(entry)) for a in arrays]
    return [item for d in device for item in (d, d.get())]


def statistics(bn, entry, x, weight, images, rows, channels, order, running=(None, None)):
    """bn_sums and bn_train; the partial sums by image come along."""
    acc, width = accumulator(entry), g.WIDTH[entry]
    grid, block = g.sums(images, rows, channels, width)
    splits = grid[2]
    partial, centre = empty((2, images, splits, channels), acc), empty(channels, acc)
    bn(f"bn_sums_{entry}", grid, block, partial, centre, x, images, rows, channels, order=order)
    mean, inv_std, scale = (empty(channels, acc) for _ in range(3))
    bn(f"bn_train_{acc}", *g.combine(channels, 1, images * splits), mean, inv_std, scale, *running, partial, centre, weight,
       images * splits, float(images * rows), EPS, 0.1, channels, order=order)
    return partial, centre, splits, mean, inv_std, scale


def batch_norm(entry, b, n, c, offset, training, relu, residual, order):
    rng = np.random.default_rng(1)
    bn, acc, width, rows = Module("batch_norm/batch_norm.cu"), accumulator(entry), g.WIDTH[entry], b * n
    x, xv, dy, dyv, r, rv = maps(entry, offset + 2 * normal(rng, rows, c), normal(rng, rows, c), normal(rng, rows, c))
    weight, wv, bias, bv, rmean, rmv, rvar, rvv = scalars(
        entry, 1 + 0.3 * normal(rng, c), normal(rng, c), offset + normal(rng, c), 1 + rng.random(c))
    # reference
    mu, var = (xv.mean(0), xv.var(0)) if training else (rmv, rvv)
    inv = 1 / np.sqrt(var + EPS)
    hat = (xv - mu) * inv
    y_expected = hat * wv + bv + (rv if residual else 0)
    y_expected = np.maximum(y_expected, 0) if relu else y_expected
    # kernels
    if training:
        *_, mean, inv_std, scale = statistics(bn, entry, x, weight, 1, rows, c, order, (rmean, rvar))
        near(mean, mu, entry, "mean", False)
        near(inv_std, inv, entry, "inv_std", False, 5)
        near(rmean, 0.9 * rmv + 0.1 * mu, entry, "running mean", False)
        near(rvar, 0.9 * rvv + 0.1 * xv.var(0, ddof=1), entry, "running variance", False, 5)
    else:
        mean, (inv_std, scale) = rmean, (empty(c, acc) for _ in range(2))
        bn(f"bn_eval_{acc}", *g.flat(c), inv_std, scale, rvar, weight, EPS, c, order=order)
    y = empty((rows, c), kind(entry))
    r = r if residual else None
    grid, block = g.rows(rows, c, width)
    bn(f"bn_apply_{entry}", grid, block, y, x, r, mean, scale, bias, rows, c, int(relu), order=order)
    near(y, y_expected, entry, "y", True, 5)
    # The two ways of masking have to agree, where both are possible.
    results = {"y": y.inside}
    masks = [0] if not relu else [1] if residual else [1, 2]
    for mask in masks:
        gm = np.where(y.get() > 0, dyv, 0) if relu else dyv
        dbias_e, dweight_e = gm.sum(0), (gm * hat).sum(0)
        dx_e = wv * inv * (gm - ((dbias_e + hat * dweight_e) / rows if training else 0))
        sgrid, sblock = g.sums(1, rows, c, width)
        partial = empty((2, 1, sgrid[2], c), acc)
        seen = y if mask == 1 else None
        bn(f"bn_grad_sums_{entry}", sgrid, sblock, partial, dy, x, seen, mean, scale, bias, rows, c, mask, order=order)
        dweight, dbias, k1, k2 = (empty(c, acc) for _ in range(4))
        bn(f"bn_grad_{acc}", *g.combine(c, 1, sgrid[2]), dweight, dbias, k1, k2, partial, inv_std, scale, sgrid[2], float(rows), c,
           int(training), order=order)
        dx, dres = empty((rows, c), kind(entry)), empty((rows, c), kind(entry)) if residual else None
        bn(f"bn_grad_input_{entry}", grid, block, dx, dres, dy, x, seen, mean, scale, bias, k1, k2, rows, c, mask,
           order=order)
        near(dbias, dbias_e, entry, "dbias", False, 5)
        near(dweight, dweight_e, entry, "dweight", False, 5)
        near(dx, dx_e, entry, "dx", True, 5)
        results |= {f"dx{mask}": dx.inside, f"dweight{mask}": dweight.inside}
        if residual:
            near(dres, gm, entry, "dresidual", True)
    return results


def se(entry, b, n, c, order):
    rng = np.random.default_rng(2)
    module, acc, width = Module("se/se.cu"), accumulator(entry), g.WIDTH[entry]
    x, xv, r, rv, dout, dv = maps(entry, *(normal(rng, b, n, c) for _ in range(3)))
    gate, gv = scalars(entry, rng.random((b, c)))
    out, dx, dres = (empty((b, n, c), kind(entry)) for _ in range(3))
    grid, block = g.pixels(b, n, c, width)
    module(f"se_apply_{entry}", grid, block, out, x, gate, r, b, n, c, order=order)
    near(out, np.maximum(xv * gv[:, None] + rv, 0), entry, "out", True)
    gm = np.where(out.get() > 0, dv, 0)
    sgrid, sblock = g.sums(b, n, c, width)
    partial, dgate = empty((b, sgrid[2], c), acc), empty((b, c), acc)
    module(f"se_grad_sums_{entry}", sgrid, sblock, partial, dout, out, x, b, n, c, order=order)
    module(f"se_gate_grad_{acc}", *g.combine(c, b, sgrid[2]), dgate, partial, b, sgrid[2], c, order=order)
    module(f"se_grad_input_{entry}", grid, block, dx, dres, dout, out, gate, b, n, c, order=order)
    near(dgate, (gm * xv).sum(1), entry, "dgate", False)
    near(dx, gm * gv[:, None], entry, "dx", True)
    near(dres, gm, entry, "dresidual", True)
    return {"dgate": dgate.inside, "dx": dx.inside}


def se_bn(entry, b, n, c, offset, training, order):
    rng = np.random.default_rng(3)
    module, bn, acc, width = Module("se/se.cu"), Module("batch_norm/batch_norm.cu"), accumulator(entry), g.WIDTH[entry]
    x, xv, r, rv, dout, dv = maps(entry, offset + normal(rng, b, n, c), normal(rng, b, n, c), normal(rng, b, n, c))
    gate, gv, dpooled, dpv = scalars(entry, rng.random((b, c)), normal(rng, b, c))
    weight, wv, bias, bv, rmean, rmv, rvar, rvv = scalars(
        entry, 1 + 0.3 * normal(rng, c), normal(rng, c), offset + normal(rng, c), 1 + rng.random(c))
    mu, var = (xv.mean((0, 1)), xv.var((0, 1))) if training else (rmv, rvv)
    inv = 1 / np.sqrt(var + EPS)
    hat = (xv - mu) * inv
    normed = hat * wv + bv
    partial, centre, splits, mean, inv_std, scale = statistics(bn, entry, x, weight, b, n, c, order)
    if not training:
        mean = rmean
        bn(f"bn_eval_{acc}", *g.flat(c), inv_std, scale, rvar, weight, EPS, c, order=order)
    pooled, centred = empty((b, c), acc), empty((b, c), acc)
    module(f"se_bn_pool_{acc}", *g.combine(c, b, splits), pooled, centred, partial, centre, mean, scale, bias, b, splits, n, c,
           order=order)
    near(pooled, normed.mean(1), entry, "pooled", False, 5)
    out = empty((b, n, c), kind(entry))
    grid, block = g.pixels(b, n, c, width)
    module(f"se_bn_apply_{entry}", grid, block, out, x, gate, r, mean, scale, bias, b, n, c, order=order)
    near(out, np.maximum(normed * gv[:, None] + rv, 0), entry, "out", True, 5)
    # backward
    gm = np.where(out.get() > 0, dv, 0)
    sgrid, sblock = g.sums(b, n, c, width)
    partial = empty((2, b, sgrid[2], c), acc)
    module(f"se_bn_grad_sums_{entry}", sgrid, sblock, partial, dout, out, x, mean, b, n, c, order=order)
    s0, s1, dgate, k1 = (empty((b, c), acc) for _ in range(4))
    module(f"se_bn_gate_grad_{acc}", *g.combine(c, b, sgrid[2]), s0, s1, dgate, partial, scale, bias, b, sgrid[2], c, order=order)
    near(dgate, (gm * normed).sum(1), entry, "dgate", False, 5)
    dweight, dbias, k2 = (empty(c, acc) for _ in range(3))
    module(f"se_bn_grad_{acc}", *g.combine(c, 1, b), dweight, dbias, k1, k2, s0, s1, gate, dpooled, centred, inv_std, scale, b,
           n, c, int(training), order=order)
    dx, dres = empty((b, n, c), kind(entry)), empty((b, n, c), kind(entry))
    module(f"se_bn_grad_input_{entry}", grid, block, dx, dres, dout, out, x, gate, mean, scale, k1, k2, b, n, c,
           order=order)
    dn = gm * gv[:, None] + dpv[:, None] / n
    dbias_e, dweight_e = dn.sum((0, 1)), (dn * hat).sum((0, 1))
    dx_e = wv * inv * (dn - ((dbias_e + hat * dweight_e) / (b * n) if training else 0))
    near(dbias, dbias_e, entry, "dbias", False, 5)
    near(dweight, dweight_e, entry, "dweight", False, 20)
    near(dx, dx_e, entry, "dx", True, 5)
    near(dres, gm, entry, "dresidual", True)
    return {"dx": dx.inside, "dweight": dweight.inside, "dgate": dgate.inside}


def max_pool(entry, b, h, w, c, kernel, stride, padding, order):
    rng = np.random.default_rng(4)
    module, width = Module("pool/pool.cu"), g.WIDTH[entry]
    oh, ow = (h + 2 * padding - kernel) // stride + 1, (w + 2 * padding - kernel) // stride + 1
    # few distinct values, so that there are ties
    x, xv, dy, dyv = maps(entry, rng.integers(-3, 3, (b, h, w, c)), normal(rng, b, oh, ow, c))
    y_e, dx_e = np.empty((b, oh, ow, c)), np.zeros((b, h, w, c))
    for oy in range(oh):
        for ox in range(ow):
            ys = slice(max(0, oy * stride - padding), min(h, oy * stride - padding + kernel))
            xs = slice(max(0, ox * stride - padding), min(w, ox * stride - padding + kernel))
            window = xv[:, ys, xs].reshape(b, -1, c)
            y_e[:, oy, ox] = window.max(1)
            first = window.argmax(1)
            part = np.zeros_like(window)
            np.put_along_axis(part, first[:, None], dyv[:, oy, ox][:, None], 1)
            dx_e[:, ys, xs] += part.reshape(b, ys.stop - ys.start, xs.stop - xs.start, c)
    y, index, dx = empty((b, oh, ow, c), kind(entry)), empty((b, oh, ow, c), "u8"), empty((b, h, w, c), kind(entry))
    shape = (b, h, w, c, oh, ow, kernel, stride, padding)
    module(f"max_pool_{entry}", *g.rows(b * oh * ow, c, width), y, index, x, *shape, order=order)
    module(f"max_pool_grad_{entry}", *g.rows(b * h * w, c, width), dx, dy, index, *shape, order=order)
    near(y, y_e, entry, "y", True)
    near(dx, dx_e, entry, "dx", True)
    return {"dx": dx.inside, "index": index.inside}


def avg_pool(entry, b, n, c, order):
    rng = np.random.default_rng(5)
    module, acc, width = Module("pool/pool.cu"), accumulator(entry), g.WIDTH[entry]
    x, xv = maps(entry, normal(rng, b, n, c))
    dy, dyv = scalars(entry, normal(rng, b, c))
    grid, block = g.sums(b, n, c, width)
    partial, y, dx = empty((b, grid[2], c), acc), empty((b, c), acc), empty((b, n, c), kind(entry))
    module(f"avg_pool_sums_{entry}", grid, block, partial, x, b, n, c, order=order)
    module(f"avg_pool_mean_{acc}", *g.combine(c, b, grid[2]), y, partial, b, grid[2], n, c, order=order)
    module(f"avg_pool_grad_{entry}", *g.pixels(b, n, c, width), dx, dy, b, n, c, order=order)
    near(y, xv.mean(1), entry, "y", False)
    near(dx, np.broadcast_to(dyv[:, None] / n, (b, n, c)), entry, "dx", True)
    return {"y": y.inside, "dx": dx.inside}


def conv(entry, b, h, w, c, o, k, stride, padding, dilation, groups, order):
    """The direct convolution, against a convolution by patches in NumPy."""
    rng = np.random.default_rng(6)
    module, acc = Module("conv/direct.cu"), accumulator(entry)
    oh, ow = ((s + 2 * padding - dilation * (k - 1) - 1) // stride + 1 for s in (h, w))
    x, xv, dy, dyv = maps(entry, normal(rng, b, h, w, c), normal(rng, b, oh, ow, o))
    weight, wv = scalars(entry, normal(rng, o, c // groups, k, k))
    padded = np.pad(xv, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    dpadded, y_e, dw_e = np.zeros_like(padded), np.zeros((b, oh, ow, o)), np.zeros_like(wv)
    cg, og = c // groups, o // groups
    for ky in range(k):
        for kx in range(k):
            at = (slice(None), slice(ky * dilation, ky * dilation + (oh - 1) * stride + 1, stride),
                  slice(kx * dilation, kx * dilation + (ow - 1) * stride + 1, stride))
            for group in range(groups):
                cs, os = slice(group * cg, (group + 1) * cg), slice(group * og, (group + 1) * og)
                y_e[..., os] += padded[at][..., cs] @ wv[os, :, ky, kx].T
                dw_e[os, :, ky, kx] = np.einsum("bhwo,bhwc->oc", dyv[..., os], padded[at][..., cs])
                dpadded[at][..., cs] += dyv[..., os] @ wv[os, :, ky, kx]
    y, dx, dw = empty(y_e.shape, kind(entry)), empty(xv.shape, kind(entry)), empty(wv.shape, acc)
    shape = (b, h, w, c, o, k, k, oh, ow, stride, padding, dilation, groups)
    module(f"conv_forward_{entry}", *g.flat(y_e.size), y, x, weight, *shape, order=order)
    module(f"conv_input_grad_{entry}", *g.flat(xv.size), dx, dy, weight, *shape, order=order)
    module(f"conv_weight_grad_{entry}", *g.flat(wv.size), dw, dy, x, *shape, order=order)
    near(y, y_e, entry, "y", True)
    near(dx, dpadded[:, padding : padding + h, padding : padding + w], entry, "dx", True)
    near(dw, dw_e, entry, "dw", False)
    return {"y": y.inside, "dx": dx.inside, "dw": dw.inside}


def cases():
    # images, pixels, channels: one pixel, odd sizes, several splits, more channels than a block has columns
    sizes = {1: [(2, 3, 5), (1, 35, 33), (3, 7, 70)], 2: [(2, 9, 6), (3, 301, 66)], 4: [(2, 1, 4), (3, 77, 12), (2, 301, 132)],
             8: [(2, 7, 8), (3, 77, 24), (2, 301, 264), (40, 4, 16)]}
    for entry, width in g.WIDTH.items():
        for b, n, c in sizes[width]:
            for training, relu, residual in [(True, True, False), (True, True, True), (False, True, False),
                                             (True, False, False), (False, False, True)]:
                yield "batch_norm", (entry, b, n, c, 0.0, training, relu, residual), batch_norm
            for training in (True, False):
                yield "se_bn", (entry, b, n, c, 0.5, training), se_bn
            yield "se", (entry, b, n, c), se
            yield "avg_pool", (entry, b, n, c), avg_pool
        c = 2 * width + (1 if width == 1 else 0)
        for h, w, kernel, stride, padding in [(7, 10, 3, 2, 1), (5, 6, 3, 2, 1), (6, 5, 2, 2, 0), (4, 7, 3, 1, 1),
                                              (9, 9, 5, 3, 2), (3, 4, 1, 2, 0)]:
            yield "max_pool", (entry, 2, h, w, c, kernel, stride, padding), max_pool
    # a mean far from zero: 300 standard deviations cost f32 no more than its last digits
    yield "batch_norm", ("f32x4", 3, 77, 12, 600.0, True, False, False), batch_norm
    for entry in ("f32", "f64", "bf16"):
        for shape in [(2, 6, 7, 8, 12, 3, 1, 1, 1, 4), (2, 7, 6, 4, 6, 3, 2, 1, 1, 1), (1, 9, 8, 6, 6, 3, 1, 2, 2, 6),
                      (2, 5, 5, 3, 4, 1, 2, 0, 1, 1), (1, 11, 12, 2, 4, 7, 2, 3, 1, 1)]:
            yield "conv", (entry, *shape), conv
