"""A linear model as a yardstick: multinomial logistic regression with classes weighted to count equally, fitted by L-BFGS on
standardised features, its L2 penalty chosen on validation (the frozen probe of Droste et al., IPMI 2019)."""

import numpy as np
import torch

PENALTIES = np.logspace(1, -5, 7)
ITERATIONS = 60


def fit_and_predict(train, validation, test, classes):
    """Predictions for the features `test` of a model of `train` and `validation`, each (features, labels)."""
    mean, scale = train[0].mean(0), train[0].std(0)
    # a feature that never varies says nothing, and must not be divided by its rounding
    scale = np.where(scale > 1e-6 * (np.abs(mean) + 1e-6), scale, np.inf)
    ready = lambda features: torch.tensor((features - mean) / scale, dtype=torch.float32)
    x, y = ready(train[0]), torch.tensor(train[1])
    counts = torch.bincount(y, minlength=classes).float()
    weight = torch.where(counts > 0, len(y) / (counts.clamp(min=1) * (counts > 0).sum()), 0.0)
    held_out = ready(validation[0])
    best = (-1.0, None)
    parameters = [torch.zeros(x.shape[1], classes), torch.zeros(classes)]
    # from the strongest penalty down, each fit starting where the last one ended
    for penalty in PENALTIES:
        parameters = descend(x, y, weight, penalty, parameters)
        score = macro_f1(confusion(validation[1], predict(held_out, parameters), classes))
        if score > best[0]:
            best = (score, parameters)
    return predict(ready(test), best[1])


def descend(x, y, weight, penalty, start):
    parameters = [tensor.clone().requires_grad_() for tensor in start]
    solver = torch.optim.LBFGS(parameters, max_iter=ITERATIONS, history_size=20, line_search_fn="strong_wolfe")

    def loss():
        solver.zero_grad()
        error = torch.nn.functional.cross_entropy(x @ parameters[0] + parameters[1], y, weight)
        total = error + penalty / 2 * parameters[0].square().sum() / x.shape[1]
        total.backward()
        return total

    solver.step(loss)
    return [tensor.detach() for tensor in parameters]


def predict(x, parameters):
    return (x @ parameters[0] + parameters[1]).argmax(1).numpy()


def confusion(truth, predicted, classes):
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (truth, predicted), 1)
    return counts


def macro_f1(counts):
    """As crates/metrics counts it: the mean over classes that occur in truth or prediction."""
    asked = counts.sum(1) + counts.sum(0)
    return float((2 * np.diag(counts)[asked > 0] / asked[asked > 0]).mean()) if asked.any() else 0.0


def guessing_f1(truth, classes):
    """Macro F1 of the expected counts of a guess in which every class is equally likely."""
    support = np.bincount(truth, minlength=classes)
    return float((2 * support / classes / (support + len(truth) / classes)).mean())
