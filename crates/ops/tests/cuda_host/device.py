"""A stand-in for a CUDA device: kernels compiled by g++ over shim.h, and arrays with guards around them."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]
SOURCES = HERE.parents[1] / "src"
BUILT = ROOT / "data" / "work" / "cuda" / "host"
# values before and after every array; NaN in floats, so that reading them shows
GUARD = 64


class Guarded:
    """An array between two guards. `kind` is f32, f64, bf16, i32, i64, u32 or u8."""

    TYPES = {"f32": np.float32, "f64": np.float64, "bf16": np.uint16, "i32": np.int32, "i64": np.int64,
             "u32": np.uint32, "u8": np.uint8}

    def __init__(self, values, kind: str):
        self.kind = kind
        values = np.asarray(values)
        self.shape = values.shape
        stored = to_bf16(values) if kind == "bf16" else values.astype(self.TYPES[kind])
        size = stored.size
        # aligned to 256 bytes, as cudaMalloc does; the guard in front is a multiple of that
        item = stored.itemsize
        front = 256 // item + GUARD
        front += -front % (256 // item)
        raw = np.empty((front + size + GUARD) * item + 256, np.uint8)
        begin = -raw.ctypes.data % 256
        self.all = raw[begin : begin + (front + size + GUARD) * item].view(stored.dtype)
        self.all[:] = self.filler()
        self.inside = self.all[front : front + size]
        self.inside[:] = stored.reshape(-1)
        self.front = front

    def filler(self):
        return {"f32": np.nan, "f64": np.nan, "bf16": 0x7FC0, "u8": 0xAB}.get(self.kind, 0x7BADBAD)

    @property
    def pointer(self) -> int:
        return self.inside.ctypes.data

    def check(self) -> None:
        size = self.inside.size
        outside = np.concatenate([self.all[: self.front], self.all[self.front + size :]])
        expected = np.full(outside.shape, self.filler(), self.all.dtype)
        if outside.tobytes() != expected.tobytes():
            raise AssertionError("a kernel wrote outside of its array")

    def get(self) -> np.ndarray:
        """The values, floats as f64."""
        self.check()
        values = from_bf16(self.inside) if self.kind == "bf16" else self.inside
        values = values.reshape(self.shape)
        return values.astype(np.float64) if self.kind in ("f32", "f64", "bf16") else values.copy()


def empty(shape, kind: str) -> Guarded:
    """An array whose values are not to be read before they are written."""
    filler = {"i32": 0x7BADBAD, "i64": 0x7BADBAD, "u32": 0x7BADBAD, "u8": 0xAB}.get(kind, np.nan)
    return Guarded(np.full(shape, filler), kind)


def to_bf16(values: np.ndarray) -> np.ndarray:
    bits = np.asarray(values, np.float32).view(np.uint32)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return np.where(np.isnan(values), np.uint16(0x7FC0), rounded)


def from_bf16(bits: np.ndarray) -> np.ndarray:
    return (bits.astype(np.uint32) << 16).view(np.float32)


class Module:
    """The kernels of one `.cu` file."""

    def __init__(self, source: str):
        path = SOURCES / source
        BUILT.mkdir(parents=True, exist_ok=True)
        library = BUILT / f"{path.stem}.so"
        newest = max(f.stat().st_mtime for f in [path, HERE / "shim.h", *(SOURCES / "cuda").glob("*.cuh")])
        if not library.exists() or library.stat().st_mtime < newest:
            command = ["g++", "-std=c++17", "-O1", "-mfma", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror",
                       "-Wno-unknown-pragmas", "-Wno-unused-function", "-Wno-unused-variable", "-Wno-sign-compare",
                       "-Wno-maybe-uninitialized", f"-I{SOURCES / 'cuda'}", "-include", str(HERE / "shim.h"), "-x",
                       "c++", str(path), "-o", str(library)]
            subprocess.run(command, check=True)
        self.library = ctypes.CDLL(str(library))

    def __call__(self, name: str, grid, block, *arguments, order: int = 0) -> None:
        whole, real, arrays = [], [], []
        for argument in arguments:
            if isinstance(argument, Guarded):
                whole.append(argument.pointer)
                arrays.append(argument)
            elif argument is None:
                whole.append(0)
            elif isinstance(argument, (bool, int, np.integer)):
                whole.append(int(argument))
            else:
                real.append(float(argument))
        pad = lambda dims: (list(dims) + [1, 1])[:3]
        self.library.launch(
            ctypes.cast(getattr(self.library, name), ctypes.c_void_p),
            (ctypes.c_long * len(whole))(*whole), len(whole), (ctypes.c_double * len(real))(*real), len(real),
            (ctypes.c_uint * 3)(*pad(grid)), (ctypes.c_uint * 3)(*pad(block)), order,
        )
        for array in arrays:
            array.check()
