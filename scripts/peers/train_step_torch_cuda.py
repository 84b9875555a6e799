"""Time and memory of one training step (or one evaluation pass) of timm's encoder in PyTorch on a CUDA card.

    python train_step_torch_cuda.py NET BATCH HEIGHT WIDTH THREADS STEPS MODE [DEVICE [PRECISION]]

The sonovox side is crates/model/examples/train_step.rs: same arguments, same step, same line of JSON. DEVICE is cuda or
cuda:N; PRECISION is bf16 (autocast; parameters and optimiser in f32, the default here), tf32 or f32. PyTorch is set up
as for speed: channels_last, cudnn.benchmark, gradients set to None.
"""

import contextlib
import json
import sys
import time

WARM = 10


def main(arguments):
    net, batch, height, width, threads, steps, mode, *rest = arguments
    device, precision = (*rest, *("cuda", "bf16")[len(rest) :])
    assert mode in ("train", "eval") and precision in ("bf16", "tf32", "f32"), (mode, precision)
    batch, height, width, threads, steps = map(int, (batch, height, width, threads, steps))
    with contextlib.redirect_stdout(sys.stderr):  # timm's optional imports may talk
        import torch
    if not torch.cuda.is_available():
        sys.exit("train_step_torch_cuda.py: PyTorch finds no CUDA device")
    device = torch.device(device)
    torch.cuda.set_device(device)
    torch.set_num_threads(threads)
    millis, pipelined = measure(torch, device, net, (batch, 1, height, width), steps, mode, precision)
    millis.sort()
    line = dict(system="pytorch", layout="channels_last", net=net, batch=batch, height=height, width=width)
    line |= dict(threads=threads, mode=mode, steps=steps, best_ms=round(millis[0], 2))
    line |= dict(median_ms=round(millis[len(millis) // 2], 2), pipelined_ms=round(pipelined, 2), peak_mib=peak_mib())
    line |= dict(device=f"{device} ({torch.cuda.get_device_name()})", precision=precision)
    line |= dict(device_peak_mib=torch.cuda.max_memory_allocated() >> 20)
    line |= dict(pytorch=torch.__version__, cuda=torch.version.cuda, cudnn=torch.backends.cudnn.version())
    print(json.dumps(line), flush=True)


def measure(torch, device, net, shape, steps, mode, precision):
    """Milliseconds of every step from an idle card to an idle card, and of a step when the host runs ahead."""
    with contextlib.redirect_stdout(sys.stderr):
        from timm_nets import build

    torch.manual_seed(1)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = precision != "f32"
    torch.backends.cuda.matmul.allow_tf32 = precision != "f32"
    net = build(net).to(device, memory_format=torch.channels_last).train(mode == "train")
    x = torch.randn(shape, device=device).to(memory_format=torch.channels_last)
    labels = torch.arange(shape[0], device=device)
    sgd = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4)
    autocast = torch.autocast("cuda", dtype=torch.bfloat16, enabled=precision == "bf16")

    def step():
        if mode == "train":
            sgd.zero_grad(set_to_none=True)
            with autocast:
                loss = torch.nn.functional.cross_entropy(net(x), labels)
            loss.backward()
            sgd.step()
        else:
            with torch.inference_mode(), autocast:
                net(x)

    for _ in range(WARM):
        step()
    torch.cuda.synchronize()
    millis = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        torch.cuda.synchronize()
        millis.append((time.perf_counter() - start) * 1e3)
    start = time.perf_counter()
    for _ in range(steps):
        step()
    torch.cuda.synchronize()
    return millis, (time.perf_counter() - start) * 1e3 / steps


def peak_mib():
    """Largest resident size of this process so far."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM:"))


if __name__ == "__main__":
    if not 8 <= len(sys.argv) <= 10:
        sys.exit(__doc__)
    main(sys.argv[1:])
