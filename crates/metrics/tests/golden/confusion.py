"""Writes confusion.json, which tests/confusion.rs compares with, from scikit-learn.

    python confusion.py

Needs scikit-learn 1.9. For each case: number of classes, truth, prediction, and what `precision_recall_fscore_support`
(zero_division=0; by class for all classes, macro for those that occur), `accuracy_score` and `confusion_matrix` say.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

chance = np.random.default_rng(4)


def case(classes, truth, predicted):
    labels = range(classes)
    by_class = precision_recall_fscore_support(truth, predicted, labels=labels, zero_division=0)
    macro = precision_recall_fscore_support(truth, predicted, average="macro", zero_division=0)[:3]
    precision, recall, f1, support = (column.tolist() for column in by_class)
    return {
        "classes": classes,
        "truth": [int(label) for label in truth],
        "predicted": [int(label) for label in predicted],
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "support": support,
        "macro": [float(score) for score in macro],
        "accuracy": float(accuracy_score(truth, predicted)),
        "confusion": confusion_matrix(truth, predicted, labels=labels).tolist(),
    }


def main():
    truth = chance.integers(0, 14, 300)
    mostly_right = np.where(chance.random(300) < 0.7, truth, chance.integers(0, 14, 300))
    cases = {
        "fourteen planes": case(14, truth, mostly_right),
        "all right": case(4, truth % 4, truth % 4),
        "class 3 never occurs, is predicted": case(4, [0, 1, 2, 2, 1, 0], [0, 3, 2, 2, 3, 0]),
        "class 1 is never predicted": case(4, [0, 1, 2, 3, 1, 0], [0, 0, 2, 3, 3, 0]),
        "class 3 neither occurs nor is predicted": case(4, [0, 1, 2, 2, 1, 0], [0, 0, 2, 1, 1, 0]),
        "always the same": case(3, [0, 1, 2, 0, 0], [0, 0, 0, 0, 0]),
        "all wrong": case(2, [0, 1, 0], [1, 0, 1]),
    }
    path = Path(__file__).parent / "confusion.json"
    path.write_text(json.dumps(cases, indent=1) + "\n")


main()
