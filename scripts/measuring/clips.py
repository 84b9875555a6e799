"""A clips artifact of sonovox as arrays, and its split by subject as crates/study draws it."""

import hashlib
import json
import struct

import numpy as np

KINDS = {"U8": np.uint8, "I16": "<i2", "F16": "<f2", "F32": "<f4", "F64": "<f8"}


class Clips:
    def __init__(self, path):
        self.path = path
        manifest = path / "manifest.json"
        if not manifest.is_file():
            raise SystemExit(f"{manifest}: no such file; give a clips artifact, what `sonovox preprocess` leaves")
        details = json.loads(manifest.read_text(encoding="utf-8"))["details"]
        if "recordings" not in details or "planes" not in details:
            raise SystemExit(f"{manifest}: expected the manifest of a clips artifact, found that of another stage")
        self.details, self.planes, self.recordings = details, details["planes"], details["recordings"]

    def tensors(self, recording):
        """The tensors of a recording by name, mapped from its file."""
        file = self.path / recording["file"]
        with open(file, "rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            header = json.loads(opened.read(length))
        header.pop("__metadata__", None)
        return {
            name: np.memmap(file, KINDS[facts["dtype"]], "r", 8 + length + facts["data_offsets"][0], tuple(facts["shape"]))
            for name, facts in header.items()
            if np.prod(facts["shape"]) > 0
        }


def parts(recordings, folds, fold, validation=0.15, seed=0):
    """The part of each recording: `train`, `validation` or `test`; see crates/study/src/{split,folds}.rs."""
    fold_of = {recording["subject"]: recording.get("fold") for recording in recordings}
    place = lambda subject: hashlib.sha256(struct.pack("<Q", seed) + subject.encode()).digest()
    order = sorted(fold_of, key=place)
    given = {fold for fold in fold_of.values() if fold is not None}
    if not given:
        fold_of = {subject: at * folds // len(order) for at, subject in enumerate(order)}
    elif given != set(range(folds)) or None in fold_of.values():
        raise SystemExit(f"the study has the folds {sorted(given)}, expected 0 to {folds - 1} for every subject; give --folds")
    rest = [subject for subject in order if fold_of[subject] != fold]
    # half away from zero, as in Rust
    chosen = set(rest[: min(int(validation * len(order) + 0.5) or 1, len(rest) - 1)])
    name = lambda subject: "test" if fold_of[subject] == fold else "validation" if subject in chosen else "train"
    return [name(recording["subject"]) for recording in recordings]
