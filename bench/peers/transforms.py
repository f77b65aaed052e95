"""Times PyTorch's and numpy's transforms of COUNT floats: python3 transforms.py COUNT THREADS

Prints a line of JSON for each work: {"work", "peer", "ms"}, the least of several medians' turns. Works with Debian's
python3-numpy and python3-torch, or pip's; what is not installed is left out.
"""

import json
import sys
import time

import numpy as np

try:
    import torch
    import torch.nn.utils.prune
except ImportError:
    torch = None

count, threads = int(sys.argv[1]), int(sys.argv[2])


def measure(work: str, peer: str, call) -> None:
    call()
    times = []
    begin = time.perf_counter()
    while len(times) < 5 or (time.perf_counter() - begin < 0.7 and len(times) < 200):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    print(json.dumps(dict(work=work, peer=peer, ms=sorted(times)[len(times) // 2] * 1e3)), flush=True)


rng = np.random.default_rng(1)
x = rng.standard_normal(count, dtype=np.float32)
out = np.empty_like(x)
scale = float(np.abs(x).max() / 127)


def quantize_own_scale():
    own = np.abs(x).max() / np.float32(127)
    return np.clip(np.rint(x / own), -127, 127).astype(np.int8)


def two_of_four():
    mask = np.ones((count // 4, 4), bool)
    weakest = np.argpartition(np.abs(x.reshape(-1, 4)), 2, 1)[:, :2]
    np.put_along_axis(mask, weakest, False, 1)
    return x.reshape(-1, 4) * mask


q = np.clip(np.rint(x / np.float32(scale)), -128, 127).astype(np.int8)
measure("quantize", "numpy", lambda: np.clip(np.rint(x * np.float32(1 / scale)), -128, 127).astype(np.int8))
measure("quantize own scale", "numpy", quantize_own_scale)
measure("dequantize", "numpy", lambda: np.multiply(q, np.float32(scale), out=out))
measure("toFloat16", "numpy", lambda: x.astype(np.float16))
measure("threshold", "numpy", lambda: np.partition(np.abs(x), count // 2)[count // 2])
measure("2:4", "numpy", two_of_four)

if torch is not None:
    torch.set_num_threads(threads)
    t = torch.from_numpy(x)
    target = torch.empty_like(t)
    half, brain = t.half(), t.bfloat16()
    half_target, brain_target = torch.empty_like(half), torch.empty_like(brain)
    tq = torch.quantize_per_tensor(t, scale, 0, torch.qint8)
    measure("copy", "torch", lambda: target.copy_(t))
    measure("quantize", "torch", lambda: torch.quantize_per_tensor(t, scale, 0, torch.qint8))
    measure(
        "quantize own scale", "torch", lambda: torch.quantize_per_tensor(t, float(t.abs().max() / 127), 0, torch.qint8)
    )
    measure("dequantize", "torch", lambda: tq.dequantize())
    measure("toFloat16", "torch", lambda: half_target.copy_(t))
    measure("fromFloat16", "torch", lambda: target.copy_(half))
    measure("toBfloat16", "torch", lambda: brain_target.copy_(t))
    measure("fromBfloat16", "torch", lambda: target.copy_(brain))
    measure("threshold", "torch", lambda: torch.kthvalue(t.abs(), count // 2))
    pruner = torch.nn.utils.prune.L1Unstructured(amount=0.5)
    measure("prune", "torch", lambda: t * pruner.compute_mask(t, torch.ones_like(t)))
    measure("transpose", "torch", lambda: t.view(4096, -1).t().contiguous())
