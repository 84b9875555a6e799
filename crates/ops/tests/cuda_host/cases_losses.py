"""Cases for the losses, against straightforward formulas and (for gradients) the formulas' derivatives in NumPy."""

import numpy as np

import geometry as g
from cases_maps import accumulator, maps, near, normal, scalars
from device import Guarded, Module, empty


def log_softmax(z, axis=-1):
    top = z.max(axis, keepdims=True)
    return z - top - np.log(np.exp(z - top).sum(axis, keepdims=True))


def softmax_kl(entry, b, n, order):
    rng = np.random.default_rng(1)
    module, acc = Module("softmax_kl/softmax_kl.cu"), accumulator(entry)
    z, zv = maps(entry, 5 * normal(rng, b, n))
    target = rng.random((b, n)) * (rng.random((b, n)) > 0.3) + 1e-9
    target[:, 0] = 0
    t, tv = scalars(entry, target / target.sum(1, keepdims=True))
    grad, row_loss, row_fault = empty((b, n), entry), empty(b, acc), empty(b, "i32")
    loss, fault = empty((), acc), empty((), "i64")
    module(f"softmax_kl_rows_{entry}", (b,), (256,), grad, row_loss, row_fault, z, t, b, n, 1e-3, order=order)
    module(f"softmax_kl_total_{acc}", (1,), (256,), loss, fault, row_loss, row_fault, b, order=order)
    logp, safe = log_softmax(zv), np.where(tv > 0, tv, 1)
    near(loss, (tv * (np.log(safe) - logp)).sum(1).mean(), entry, "loss", False)
    near(grad, (np.exp(logp) * tv.sum(1, keepdims=True) - tv) / b, entry, "grad", True)
    assert fault.get() == -1, "a fault in a good target"
    # the last two rows get worse: a negative value, and a sum that is not 1
    worse = tv.copy()
    worse[b - 1] *= 1.01
    worse[b - 2, 0], worse[b - 2, 1] = -0.1, worse[b - 2, 1] + 0.1
    t = Guarded(worse, acc)
    module(f"softmax_kl_rows_{entry}", (1,), (64,), None, row_loss, row_fault, z, t, b, n, 1e-3, order=order)
    module(f"softmax_kl_total_{acc}", (1,), (64,), loss, fault, row_loss, row_fault, b, order=order)
    assert fault.get() == b - 2, f"fault {fault.get()}"
    return {"grad": grad.inside, "loss": loss.inside}


def cross_entropy(entry, b, n, order):
    rng = np.random.default_rng(2)
    module, acc = Module("cross_entropy/cross_entropy.cu"), accumulator(entry)
    z, zv = maps(entry, 5 * normal(rng, b, n))
    zv_extreme = zv.copy()
    labels = rng.integers(0, n, b)
    grad, row_loss, row_fault = empty((b, n), entry), empty(b, acc), empty(b, "i32")
    loss, fault = empty((), acc), empty((), "i64")
    module(f"cross_entropy_rows_{entry}", (b,), (128,), grad, row_loss, row_fault, z, Guarded(labels, "u32"), b, n,
           order=order)
    module(f"cross_entropy_total_{acc}", (1,), (128,), loss, fault, row_loss, row_fault, b, order=order)
    logp = log_softmax(zv_extreme)
    near(loss, -logp[np.arange(b), labels].mean(), entry, "loss", False)
    near(grad, (np.exp(logp) - np.eye(n)[labels]) / b, entry, "grad", True)
    assert fault.get() == -1, "a fault in good labels"
    labels[b // 2] = n
    module(f"cross_entropy_rows_{entry}", (b,), (128,), None, row_loss, row_fault, z, Guarded(labels, "u32"), b, n,
           order=order)
    module(f"cross_entropy_total_{acc}", (1,), (128,), loss, fault, row_loss, row_fault, b, order=order)
    assert fault.get() == b // 2, f"fault {fault.get()}"
    return {"grad": grad.inside}


def unit(z):
    return z / np.linalg.norm(z, axis=-1, keepdims=True)


def unit_backward(z, gunit):
    u = unit(z)
    return (gunit - (gunit * u).sum(-1, keepdims=True) * u) / np.linalg.norm(z, axis=-1, keepdims=True)


def info_nce(entry, b, d, h, order):
    rng = np.random.default_rng(3)
    m = Module("info_nce/info_nce.cu")
    v, vv, s, sv, hard, hv, log_t, lv = scalars(entry, normal(rng, b, d), normal(rng, b, d), normal(rng, b, h, d),
                                                np.array(2.0))
    width = b + h

    def run(name, grid, block, *arguments):
        m(f"info_nce_{name}_{entry}", grid, block, *arguments, order=order)

    def rows_to_unit(z, rows):
        out, norms = empty((rows, d), entry), empty(rows, entry)
        run("unit", (rows,), (64,), out, norms, z, rows, d)
        return out, norms

    tiles = lambda rows, columns: ((g.ceil(columns, 16), g.ceil(rows, 16)), (16, 16))
    (vu, vn), (su, sn) = rows_to_unit(v, b), rows_to_unit(s, b)
    logits, dlogits = empty((b, width), entry), empty((b, width), entry)
    run("matmul", *tiles(b, b), logits, width, vu, d, 1, su, 1, d, b, d, b, log_t)
    if h:
        hu, hn = rows_to_unit(hard, b * h)
        run("hard", (b * h,), (64,), logits, vu, hu, log_t, b, h, d)
    norms, partial, loss, dlog_t = empty(2 * b, entry), empty((2, b), entry), empty((), entry), empty((), entry)
    run("norms", (2 * b,), (64,), norms, logits, b, width)
    run("grad", (b,), (64,), dlogits, partial, logits, norms, b, width)
    run("total", (1,), (256,), loss, dlog_t, partial, b)
    dvu, dsu, dv, ds = (empty((b, d), entry) for _ in range(4))
    run("matmul", *tiles(b, d), dvu, d, dlogits, width, 1, su, d, 1, b, b, d, log_t)
    run("matmul", *tiles(b, d), dsu, d, dlogits, 1, width, vu, d, 1, b, b, d, log_t)
    if h:
        dhu, dh = empty((b, h, d), entry), empty((b, h, d), entry)
        run("hard_grad", (b,), (64,), dvu, dhu, dlogits, vu, hu, log_t, b, h, d)
        run("unit_grad", (b * h,), (64,), dh, dhu, hu, hn, b * h, d)
    run("unit_grad", (b,), (64,), dv, dvu, vu, vn, b, d)
    run("unit_grad", (b,), (64,), ds, dsu, su, sn, b, d)
    # reference
    t = np.exp(lv)
    z = t * np.concatenate([unit(vv) @ unit(sv).T, np.einsum("bd,bhd->bh", unit(vv), unit(hv))], 1)
    rows_p, columns_p = log_softmax(z, 1), log_softmax(z[:, :b], 0)
    near(loss, -(np.diag(rows_p[:, :b]).mean() + np.diag(columns_p).mean()) / 2, entry, "loss", False)
    dz = np.exp(rows_p) / (2 * b)
    dz[:, :b] += np.exp(columns_p) / (2 * b) - np.eye(b) / b
    near(dlogits, dz, entry, "dlogits", False)
    near(dlog_t, (dz * z).sum(), entry, "dlog_t", False)
    near(ds, unit_backward(sv, t * dz[:, :b].T @ unit(vv)), entry, "dspeech", False)
    near(dv, unit_backward(vv, t * (dz[:, :b] @ unit(sv) + np.einsum("bh,bhd->bd", dz[:, b:], unit(hv)))), entry,
         "dvideo", False)
    if h:
        near(dh, unit_backward(hv, t * dz[:, b:, None] * unit(vv)[:, None]), entry, "dhard", False)
    return {"dv": dv.inside, "ds": ds.inside, "loss": loss.inside}


def contrastive(entry, b, d, order):
    rng = np.random.default_rng(4)
    m, min_margin = Module("contrastive/contrastive.cu"), 0.05
    v, vv, s, sv, hard, hv = scalars(entry, *(0.5 * normal(rng, b, d) for _ in range(3)))
    sims, row_loss, row_clamped = empty((b, 3 * b), entry), empty(b, entry), empty(b, "i32")
    loss, clamped = empty((), entry), empty((), "i64")
    tiles = lambda rows, columns: ((g.ceil(columns, 16), g.ceil(rows, 16)), (16, 16))

    class Part:
        """A view into an array, for a pointer that does not stand at its beginning."""

        def __init__(self, array, offset):
            self.value = array.pointer + offset * array.inside.itemsize

    def matmul(rows, columns, *arguments):
        values = [a.value if isinstance(a, Part) else a for a in arguments]
        m(f"contrastive_matmul_{entry}", *tiles(rows, columns), *values, order=order)

    for part, other in enumerate((v, s, hard)):
        matmul(b, b, Part(sims, part * b), 3 * b, v, d, 1, other, 1, d, b, d, b, 0)
    m(f"contrastive_rows_{entry}", (b,), (64,), sims, row_loss, row_clamped, b, min_margin, order=order)
    m(f"contrastive_total_{entry}", (1,), (64,), loss, clamped, row_loss, row_clamped, b, order=order)
    dv, ds, dh = (empty((b, d), entry) for _ in range(3))
    for part, other in enumerate((v, s, hard)):
        matmul(b, d, dv, d, Part(sims, part * b), 3 * b, 1, other, d, 1, b, b, d, int(part > 0))
    matmul(b, d, dv, d, sims, 1, 3 * b, v, d, 1, b, b, d, 1)
    matmul(b, d, ds, d, Part(sims, b), 1, 3 * b, v, d, 1, b, b, d, 0)
    matmul(b, d, dh, d, Part(sims, 2 * b), 1, 3 * b, v, d, 1, b, b, d, 0)

    def reference(v, s, hard):
        z = v @ np.concatenate([v, s, hard]).T
        positive, negative = np.diag(z[:, b : 2 * b]), np.diag(z[:, 2 * b :])
        margin = positive - negative
        z = np.where(np.eye(b, 3 * b, dtype=bool), -np.inf, z)
        norm = np.log(np.exp(z).sum(1))
        gap = -np.expm1(-np.maximum(margin, min_margin))
        return (norm - positive - np.log(gap)).mean(), (margin < min_margin).sum()

    value, count = reference(vv, sv, hv)
    near(loss, value, entry, "loss", False)
    assert clamped.get() == count, f"{clamped.get()} clamped pairs, expected {count}"
    # gradients by central differences of the reference: independent of the formula in the kernel
    step = 1e-6
    for found, at in ((dv, 0), (ds, 1), (dh, 2)):
        expected = np.zeros((b, d))
        for i in np.ndindex(b, d):
            inputs = [vv.copy(), sv.copy(), hv.copy()]
            inputs[at][i] += step
            up = reference(*inputs)[0]
            inputs[at][i] -= 2 * step
            expected[i] = (up - reference(*inputs)[0]) / (2 * step)
        near(found, expected, "f32" if entry == "f32" else "f64", f"gradient {at}", False, 5 if entry == "f32" else 1e4)
    return {"dv": dv.inside, "loss": loss.inside}


def cases():
    for entry in ("f32", "f64", "bf16"):
        for b, n in [(2, 2), (3, 37), (5, 1000)]:
            yield "softmax_kl", (entry, b, n), softmax_kl
            yield "cross_entropy", (entry, b, n), cross_entropy
    for entry in ("f32", "f64"):
        for b, d, h in [(1, 3, 0), (4, 8, 0), (5, 19, 2), (33, 40, 1), (18, 70, 3)]:
            yield "info_nce", (entry, b, d, h), info_nce
        for b, d in [(1, 3), (4, 5), (17, 6)]:
            yield "contrastive", (entry, b, d), contrastive
