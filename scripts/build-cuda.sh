#!/bin/sh
# Builds the stripped GPU program for one compute capability on a machine without CUDA, card or root: a CUDA_HOME is
# made of pinned PyPI wheels (1.8 GB, once) under data/work/cuda. The result runs where a driver of CUDA 13.0 or newer
# and the libraries that are printed at the end can be found.
#
#     scripts/build-cuda.sh [--home-only | --node] [cargo arguments]
#
# --home-only stops when CUDA_HOME is there. --node also builds what a GPU node without cargo needs to test and to
# measure (scripts/test-cuda FOLDER, scripts/bench-train-gpu --program FILE). CUDA_COMPUTE_CAP chooses the card for candle's own kernels (90: H100 and
# H200); ours are compiled on the card.
set -eu
cd "$(dirname "$0")/.."

home_only=false
node=false
case "${1:-}" in
    --home-only) home_only=true && shift ;;
    --node) node=true && shift ;;
esac

fail() {
    echo "build-cuda: $1" >&2
    exit 1
}

[ "$(uname -sm)" = "Linux x86_64" ] || fail "expected Linux on x86_64, found $(uname -sm): the wheels are for that"
for tool in cargo python3 gcc g++ strip readelf; do
    command -v "$tool" > /dev/null \
        || fail "$tool is missing (Debian: apt-get install build-essential python3-pip; rustup for cargo)"
done

work=$PWD/data/work/cuda
wheels=$work/wheels
home=$work/home
pins="nvidia-cuda-nvcc==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-cuda-runtime==13.0.96
nvidia-cuda-cccl==13.0.85 nvidia-curand==10.4.0.35 nvidia-cublas==13.0.2.14 nvidia-cuda-nvrtc==13.0.88
nvidia-cudnn-cu13==9.13.0.50"

# Done once for a set of pins: the mark holds them.
mark=$work/wheels.pins
if [ ! -f "$mark" ] || [ "$(cat "$mark")" != "$pins" ]; then
    echo "build-cuda: fetching the CUDA 13.0 wheels into data/work/cuda (1.8 GB)"
    python3 -m pip --version > /dev/null 2>&1 || fail "python3 has no pip (Debian: apt-get install python3-pip)"
    rm -rf "$wheels" "$home" "$mark"
    mkdir -p "$work"
    # shellcheck disable=SC2086 # the pins are words
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$wheels" $pins \
        || fail "the wheels could not be fetched from PyPI; is it reachable?"
    printf '%s' "$pins" > "$mark"
fi

toolkit=$wheels/nvidia/cu13
cudnn=$wheels/nvidia/cudnn
[ -x "$toolkit/bin/nvcc" ] || chmod +x "$toolkit"/bin/* 2> /dev/null || true
[ -f "$toolkit/bin/nvcc" ] \
    || fail "the wheels hold no nvcc at ${toolkit#"$PWD"/}/bin; delete data/work/cuda and try again"

if [ ! -f "$home/complete" ]; then
    rm -rf "$home"
    mkdir -p "$home/include" "$home/lib64/stubs"
    ln -s "$toolkit/bin" "$home/bin"
    [ ! -d "$toolkit/nvvm" ] || ln -s "$toolkit/nvvm" "$home/nvvm"
    ln -s "$toolkit"/include/* "$cudnn"/include/* "$home/include/"
    for library in "$toolkit"/lib/*.so* "$toolkit"/lib/*.a "$cudnn"/lib/*.so*; do
        [ -e "$library" ] || continue
        ln -sf "$library" "$home/lib64/"
        # the linker asks for names without a version, which wheels lack
        plain=$(basename "$library" | sed 's/\.so\..*/.so/')
        [ -e "$home/lib64/$plain" ] || ln -s "$library" "$home/lib64/$plain"
    done
    # The driver's library comes with the driver. To link, its name and its symbols are enough: every cu* function that
    # the header declares, each a symbol that returns an error.
    python3 - "$home/include/cuda.h" > "$home/lib64/stubs/libcuda.c" << 'PYTHON'
import re
import sys

text = open(sys.argv[1]).read()
names = set(re.findall(r"CUDAAPI\s+(cu[A-Z]\w*)\s*\(", text))
# the header renames functions to their newest version: both names are asked for
names |= set(re.findall(r"#define\s+cu[A-Z]\w*\s+(cu[A-Z]\w*)\s*$", text, re.M))
# cudaProfiler.h is in none of the wheels
names |= {"cuProfilerInitialize", "cuProfilerStart", "cuProfilerStop"}
names |= {f"{name}{end}" for name in set(names) for end in ("_v2", "_v3", "_v4", "_ptsz", "_ptds")}
print("/* 999: CUDA_ERROR_UNKNOWN */")
for name in sorted(names):
    print(f"int {name}(void) {{ return 999; }}")
PYTHON
    gcc -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$home/lib64/stubs/libcuda.so" "$home/lib64/stubs/libcuda.c" \
        || fail "the stand-in for libcuda did not compile"
    ln -sf stubs/libcuda.so "$home/lib64/libcuda.so"
    : > "$home/complete"
fi
echo "build-cuda: CUDA_HOME is ${home#"$PWD"/}"
"$home/bin/nvcc" --version | tail -2
if $home_only; then exit 0; fi

export CUDA_HOME="$home" CUDA_PATH="$home" CUDA_ROOT="$home" CUDA_TOOLKIT_ROOT_DIR="$home"
export CUDA_COMPUTE_CAP="${CUDA_COMPUTE_CAP:-90}" CUDARC_CUDA_VERSION=13000
export PATH="$home/bin:$PATH" LIBRARY_PATH="$home/lib64:$home/lib64/stubs${LIBRARY_PATH:+:$LIBRARY_PATH}"
export LD_LIBRARY_PATH="$home/lib64${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
target=${CARGO_TARGET_DIR:-target}/cuda
# A GPU node has no FFmpeg and needs none: the stages that read video stay out.
CARGO_TARGET_DIR="$target" cargo build --release --package sonovox --no-default-features --features cuda "$@" \
    || fail "cargo build failed, see above"

program=$target/sonovox-cuda
cp "$target/release/sonovox" "$program"
strip "$program"
echo "build-cuda: $program, $(($(stat -c %s "$program") / 1000000)) MB, sm_$CUDA_COMPUTE_CAP"
echo "build-cuda: it loads"
readelf --dynamic "$program" | sed -n 's/.*NEEDED.*\[\(.*\)\]/    \1/p'
if ! $node; then exit 0; fi

folder=$target/node
rm -rf "$folder"
mkdir -p "$folder"
cp "$program" "$folder/sonovox"
# one call for tests and example, so that candle's kernels are compiled once for both
CARGO_TARGET_DIR="$target" cargo test --no-run --release --package sonovox-ops --package sonovox-model \
    --features sonovox-ops/cuda,sonovox-model/cuda --message-format json-render-diagnostics "$@" \
    > "$target/tests.json" || fail "cargo test --no-run failed, see above"
# train_step, and test-CRATE-NAME for each test program
python3 - "$target/tests.json" "$folder" << 'PYTHON'
import json
import shutil
import sys

for line in open(sys.argv[1]):
    message = json.loads(line)
    if not message.get("executable"):
        continue
    crate = message["package_id"].rsplit("/", 1)[-1].split("#")[0]
    name = message["target"]["name"]
    if message["target"]["kind"] != ["example"]:
        name = f"test-{crate}-{name}"
    elif name != "train_step":
        continue
    shutil.copy(message["executable"], f"{sys.argv[2]}/{name}")
PYTHON
strip "$folder"/*
echo "build-cuda: for a GPU node, in $folder"
ls -s --block-size=MB "$folder"
