"""A virtual environment with PyTorch and timm on a machine without a GPU: what golden files and comparisons run in.

    python3 scripts/peers/torch_venv.py DIR        makes it where it is missing and prints its interpreter

PyPI's torch does not import without the CUDA libraries it was linked against, so those are installed too (2 to 3 GB);
versions are pinned, since torch checks them. Nothing of this is a dependency of sonovox.
"""

import subprocess
import sys
import venv
from pathlib import Path

TORCH = ["torch==2.15.0", "timm==1.0.31", "torchvision", "huggingface_hub"]
USED_BY_TORCH = """numpy typing-extensions sympy mpmath networkx jinja2 markupsafe fsspec filelock setuptools pyyaml
safetensors pillow tqdm""".split()
CUDA_LIBRARIES = """nvidia-cudnn-cu13==9.26.0.51 nvidia-cusparselt-cu13==0.8.1 nvidia-nccl-cu13==2.30.7
nvidia-nvshmem-cu13==3.7.2 nvidia-cublas==13.4.1.3 nvidia-cuda-nvrtc==13.2.86 nvidia-cuda-runtime==13.2.86
nvidia-cufft==12.2.0.57 nvidia-cufile==1.17.1.22 nvidia-cuda-cupti==13.2.86 nvidia-cusolver==12.2.0.11
nvidia-cusparse==12.7.10.12 nvidia-nvjitlink<14 nvidia-nvtx==13.2.86""".split()


def python_with_torch(folder):
    """The interpreter of the environment in `folder`, made first where it is not complete."""
    python, marker = folder / "bin" / "python", folder / "torch-is-there"
    if not marker.exists():
        print(f"making a virtual environment with PyTorch in {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
        subprocess.run([*install, "--no-deps", *TORCH, *USED_BY_TORCH, *CUDA_LIBRARIES], check=True)
        subprocess.run([python, "-c", "import torch, timm"], check=True)
        marker.touch()
    return str(python)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(python_with_torch(Path(sys.argv[1])))
