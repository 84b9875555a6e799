"""Writes saliency.safetensors, which tests/saliency.rs compares with, from pysaliency.

    python saliency.py

Needs pysaliency 0.2.22, numpy and safetensors. For each case NAME: `NAME.target` and `NAME.prediction` (f32 maps, row after
row), `NAME.fixations` (i32 cell indices), `NAME.scores` (f64: KL, NSS, AUC-Judd, CC, SIM).

KL is `MIT_KLDiv`, NSS the mean of `NSS`; AUC-Judd is what `SaliencyMapModel.AUC_Judd(jitter=False)` calls for one image:
`general_roc` of fixated against unfixated cells with thresholds at the fixations.
"""

from pathlib import Path

import numpy as np

np.trapz = np.trapezoid  # pysaliency 0.2.22 asks for the name that numpy 2.4 has dropped

from pysaliency import metrics
from pysaliency.roc import general_roc
from safetensors.numpy import save_file

HEIGHT, WIDTH = 28, 36
chance = np.random.default_rng(20)


def gaussians(points, sigma):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    total = sum(np.exp(-((y - py) ** 2 + (x - px) ** 2) / (2 * sigma**2)) for py, px in points)
    return (total / total.sum()).astype(np.float32)


def scores(target, prediction, fixations):
    # the f32 maps in f64, as ours are read; the logarithm of a density of 0 warns, and is undone right after
    q, p = target.astype(np.float64), prediction.astype(np.float64)
    ys, xs = np.divmod(fixations, WIDTH)
    with np.errstate(divide="ignore", invalid="ignore"):
        kl, cc = metrics.MIT_KLDiv(p, q), metrics.CC(p, q)  # CC of a flat target: NaN
    unfixated = np.ones(p.shape, bool)
    unfixated[ys, xs] = False
    auc = general_roc(p[ys, xs], p[unfixated], judd=1)[0]
    return [kl, metrics.NSS(p, xs, ys).mean(), auc, cc, metrics.SIM(p, q)]


def points(n):
    return np.stack([chance.uniform(2, HEIGHT - 3, n), chance.uniform(2, WIDTH - 3, n)], axis=1)


def cells(points):
    return (np.round(points[:, 0]) * WIDTH + np.round(points[:, 1])).astype(np.int32)


def main():
    cases = {}

    def case(name, target, prediction, fixations):
        prediction = prediction.astype(np.float32)
        cases[f"{name}.target"] = target
        cases[f"{name}.prediction"] = prediction
        cases[f"{name}.fixations"] = fixations.astype(np.int32)
        cases[f"{name}.scores"] = np.array(scores(target, prediction, fixations))

    near = points(3)
    target, fixations = gaussians(near, 2.0), cells(near)
    softmax = np.exp(chance.normal(0, 2, (HEIGHT, WIDTH)))
    case("close", target, gaussians(near + 1.5, 3.0), fixations)
    case("far", target, gaussians(points(2), 1.0), fixations)
    case("noise", target, softmax / softmax.sum(), fixations)
    case("zeros", target, np.where(softmax > 2, softmax, 0), fixations)
    case("ties", target, np.round(np.log(softmax)) + 8, fixations)
    case("negative", target, np.log(softmax), fixations)
    case("same", target, target, fixations)
    case("one_fixation", gaussians(near[:1], 2.0), softmax, fixations[:1])
    case("repeated", target, gaussians(near + 1, 2.0), np.repeat(fixations, [1, 3, 2]))
    many = points(60)
    case("many", gaussians(many, 2.0), gaussians(many[::2], 3.0), cells(many))
    case("flat_target", np.full((HEIGHT, WIDTH), 0.25, np.float32), gaussians(near, 4.0), fixations)
    save_file(cases, Path(__file__).parent / "saliency.safetensors")
    for name in cases:
        if name.endswith(".scores"):
            print(f"{name:22}", *(f"{score:9.5f}" for score in cases[name]))


main()
