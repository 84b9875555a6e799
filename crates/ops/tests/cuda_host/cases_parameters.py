"""Cases for what works on parameters: optimisers, the length of all gradients, weights for cuDNN, and the glue."""

import numpy as np

import geometry as g
from cases_maps import accumulator, kind, maps, near, normal, scalars
from device import Guarded, Module, empty

CHUNK = 16384


class Table:
    """Parameters with gradients and state, and the two tables that the kernels read."""

    def __init__(self, entry, lengths):
        rng = np.random.default_rng(1)
        self.decay = [0.0 if i % 2 else 0.01 for i in range(len(lengths))]
        make = lambda n: Guarded(normal(rng, n), entry)
        self.params, self.grads, self.first = ([make(n) for n in lengths] for _ in range(3))
        self.second = [Guarded(rng.random(n), entry) for n in lengths]
        rows = np.zeros((len(lengths), 6), np.int64)
        for i, n in enumerate(lengths):
            arrays = (self.params[i], self.grads[i], self.first[i], self.second[i])
            rows[i, :4] = [a.pointer for a in arrays]
            rows[i, 4] = n
            rows[i, 5:] = np.array([self.decay[i]]).view(np.int64)
        chunks = [(i, start) for i, n in enumerate(lengths) for start in range(0, n, CHUNK)]
        self.rows, self.chunks, self.count = Guarded(rows, "i64"), Guarded(np.array(chunks), "i64"), len(chunks)

    def check(self):
        for array in (*self.params, *self.grads, *self.first, *self.second):
            array.check()


LENGTHS = [1, 300, CHUNK, 2 * CHUNK + 5]


def sgd(entry, order):
    m, table = Module("optim/optim.cu"), Table(entry, LENGTHS)
    lr, momentum, scale, clip = 0.1, 0.9, 0.5, 0.25
    before = [[a.get() for a in arrays] for arrays in (table.params, table.grads, table.first)]
    m(f"sgd_{entry}", (3,), (256,), table.rows, table.chunks, table.count, lr, momentum, scale,
      Guarded(np.array(clip), "f64"), order=order)
    for i, (p, grad, u) in enumerate(zip(*before)):
        u = momentum * u + scale * clip * grad + table.decay[i] * p
        near(table.first[i], u, entry, "velocity", False)
        near(table.params[i], p - lr * u, entry, "parameter", False)
    table.check()
    return {"p": table.params[3].inside}


def adamw(entry, order):
    m, table = Module("optim/optim.cu"), Table(entry, LENGTHS)
    lr, b1, b2, eps, scale, t = 0.01, 0.9, 0.999, 1e-8, 0.5, 3
    before = [[a.get() for a in arrays] for arrays in (table.params, table.grads, table.first, table.second)]
    m(f"adamw_{entry}", (table.count,), (256,), table.rows, table.chunks, table.count, lr, lr / (1 - b1**t),
      1 / np.sqrt(1 - b2**t), b1, b2, eps, scale, None, order=order)
    for i, (p, grad, mean, square) in enumerate(zip(*before)):
        grad = scale * grad
        mean, square = b1 * mean + (1 - b1) * grad, b2 * square + (1 - b2) * grad**2
        p = p * (1 - lr * table.decay[i]) - lr * (mean / (1 - b1**t)) / (np.sqrt(square / (1 - b2**t)) + eps)
        near(table.first[i], mean, entry, "mean", False)
        near(table.second[i], square, entry, "square", False)
        near(table.params[i], p, entry, "parameter", False)
    table.check()
    return {"p": table.params[3].inside}


def grad_norm(entry, order):
    m, table = Module("optim/optim.cu"), Table(entry, LENGTHS)
    partial, out = empty(table.count, "f64"), empty(2, "f64")
    m(f"grad_norm_sums_{entry}", (table.count,), (256,), partial, table.rows, table.chunks, table.count, order=order)
    m("grad_norm_total", (1,), (256,), out, partial, table.count, 0.5, 2.0, order=order)
    norm = 0.5 * np.sqrt(sum((a.get() ** 2).sum() for a in table.grads))
    near(out, [norm, min(2.0 / (norm + 1e-6), 1)], "f64", "norm", False)
    return {"out": out.inside}


def weights(entry, o, i, k, order):
    m = Module("conv/weights.cu")
    w, wv = scalars(entry, normal(np.random.default_rng(2), o, i, k))
    to, back = empty((o, k, i), entry), empty((o, i, k), accumulator(entry))
    m(f"weights_to_maps_{entry}", *g.flat(o * i * k), to, w, o, i, k, order=order)
    m(f"weights_from_maps_{entry}", *g.flat(o * i * k), back, to, o, i, k, order=order)
    exact = to.get().transpose(0, 2, 1)
    assert (back.get() == exact).all(), "back is not the transpose of to"
    near(to, wv.transpose(0, 2, 1), entry, "to", True)
    return {"to": to.inside}


def elementwise(entry, count, order):
    m, acc = Module("cuda/elementwise.cu"), accumulator(entry)
    rng = np.random.default_rng(3)
    a, av, b, bv = maps(entry, normal(rng, count), normal(rng, count))
    m(f"add_in_place_{entry}", *g.flat(count), a, b, count, order=order)
    near(a, av + bv, entry, "sum", True)
    if entry == kind(entry):
        scaled, factor = empty(count, entry), Guarded(np.array(-1.5), acc)
        m(f"scale_{entry}", *g.flat(count), scaled, b, factor, count, order=order)
        near(scaled, -1.5 * bv, entry, "scaled", True)
    return {"a": a.inside}


def rounding(order):
    """bf16 of every kind of f32: ties, overflow to infinity, subnormal, NaN."""
    m = Module("conv/weights.cu")
    bits = np.concatenate([np.arange(0, 2**32, 65521 * 7, np.uint64).astype(np.uint32),
                           np.array([0x3F808000, 0x3F818000, 0x7F7FFFFF, 0x7F800001, 0xFF800000, 1], np.uint32)])
    values = Guarded(bits.view(np.float32), "f32")
    to, back = empty(bits.size, "bf16"), empty(bits.size, "f32")
    m("weights_to_maps_bf16", *g.flat(bits.size), to, values, 1, bits.size, 1, order=order)
    m("weights_from_maps_bf16", *g.flat(bits.size), back, to, 1, bits.size, 1, order=order)
    source, found = bits.view(np.float32), to.get()
    nan = np.isnan(source)
    source = np.where(nan, 0, source).astype(np.float64)
    assert (np.isnan(found) == nan).all(), "NaN"
    spacing = 2.0 ** (np.floor(np.log2(np.clip(np.abs(source), 2.0**-126, 2.0**127))) - 7)
    finite = np.isfinite(found) & np.isfinite(source)
    assert (np.abs(found[finite] - source[finite]) <= 0.5 * spacing[finite]).all(), "not the nearest"
    assert to.inside[-6] == 0x3F80 and to.inside[-5] == 0x3F82, "ties go to even"
    assert to.inside[-4] == 0x7F80, "the largest f32 is infinite"
    assert (back.get()[~nan] == found[~nan]).all(), "and back"
    return {"to": to.inside}


def cases():
    for entry in ("f32", "f64"):
        for name, case in (("sgd", sgd), ("adamw", adamw), ("grad_norm", grad_norm)):
            yield name, (entry,), case
    for entry in ("f32", "f64", "bf16"):
        for shape in [(1, 1, 1), (5, 3, 9), (64, 4, 9), (16, 33, 1), (7, 3, 49)]:
            yield "weights", (entry, *shape), weights
    for entry, width in g.WIDTH.items():
        for count in (width, 40 * width, 3000 * width):
            yield "elementwise", (entry, count), elementwise
    yield "rounding", (), rounding
