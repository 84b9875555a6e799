"""Time and memory of one training step (or one evaluation pass) of timm's encoder in PyTorch on the CPU.

    python train_step_torch.py NET BATCH HEIGHT WIDTH THREADS STEPS MODE [LAYOUT]

The sonovox side is crates/model/examples/train_step.rs: same arguments, same step, same line of JSON. LAYOUT is nchw or
channels_last; without it both are run, each in a process of its own, and both lines are printed.
"""

import contextlib
import json
import subprocess
import sys
import time

LAYOUTS = ("nchw", "channels_last")


def main(arguments):
    if len(arguments) == 7:
        for layout in LAYOUTS:
            subprocess.run([sys.executable, __file__, *arguments, layout], check=True)
        return
    net, batch, height, width, threads, steps, mode, layout = arguments
    assert mode in ("train", "eval") and layout in LAYOUTS, (mode, layout)
    batch, height, width, threads, steps = map(int, (batch, height, width, threads, steps))
    millis, imports = measure(net, (batch, 1, height, width), threads, steps, mode, layout)
    millis.sort()
    line = dict(system="pytorch", layout=layout, net=net, batch=batch, height=height, width=width)
    line |= dict(threads=threads, mode=mode, steps=steps, best_ms=round(millis[0], 1))
    line |= dict(median_ms=round(millis[len(millis) // 2], 1), peak_mib=peak_mib(), imports_mib=imports)
    print(json.dumps(line), flush=True)


def measure(net, shape, threads, steps, mode, layout):
    """Milliseconds of every step but the first, and MiB resident after the imports."""
    with contextlib.redirect_stdout(sys.stderr):  # timm's optional imports may talk
        import torch
        from timm_nets import build

    imports = peak_mib()
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    net = build(net)
    memory_format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    net = net.to(memory_format=memory_format).train(mode == "train")
    x = torch.randn(shape).to(memory_format=memory_format)
    labels = torch.arange(shape[0])
    sgd = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4)
    millis = []
    for step in range(steps + 1):
        start = time.perf_counter()
        if mode == "train":
            sgd.zero_grad(set_to_none=True)
            torch.nn.functional.cross_entropy(net(x), labels).backward()
            sgd.step()
        else:
            with torch.inference_mode():
                net(x)
        if step > 0:
            millis.append((time.perf_counter() - start) * 1e3)
    return millis, imports


def peak_mib():
    """Largest resident size of this process so far."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM:"))


if __name__ == "__main__":
    if len(sys.argv) not in (8, 9):
        sys.exit(__doc__)
    main(sys.argv[1:])
