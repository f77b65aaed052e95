"""Makes test/goldens/prune.json: which weights torch.nn.utils.prune leaves, local and global: python3 prune.py OUT

Needs: pip install torch==2.13.0
"""

import base64
import json
import sys

import torch
from torch.nn.utils import prune

torch.manual_seed(4)
SHAPES = {"conv": [6, 3, 3, 3], "gemm": [7, 11], "matmul": [5, 13]}
# 0.5 of 77 and of 65 elements, 0.1 of 65 and 0.3 of 65: halves, which Python rounds to even.
AMOUNTS = [0.0, 0.1, 0.25, 0.3, 1 / 3, 0.5, 0.9, 0.999, 1.0, 1, 7, 60]

weights = {name: torch.randn(shape) * (i + 1) / 2 for i, (name, shape) in enumerate(SHAPES.items())}
weights["gemm"].view(-1)[::9] = 0.0
# Ties would be cut in an order that torch does not promise.
magnitudes = torch.cat([w.abs().flatten() for w in weights.values()])
assert magnitudes[magnitudes > 0].unique().numel() == (magnitudes > 0).sum()


class Holder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        for name, weight in weights.items():
            self.register_parameter(name, torch.nn.Parameter(weight.clone()))


def bits(mask):
    return "".join(str(int(b)) for b in mask.flatten())


cases = []
for scope in ["local", "global"]:
    for amount in AMOUNTS:
        holder = Holder()
        if scope == "local":
            for name in weights:
                prune.l1_unstructured(holder, name, amount=amount)
        else:
            prune.global_unstructured(
                [(holder, name) for name in weights], pruning_method=prune.L1Unstructured, amount=amount
            )
        masks = {name: getattr(holder, f"{name}_mask") for name in weights}
        cases.append(
            {
                "scope": scope,
                # JSON has one kind of number: torch takes 1.0 for everything and 1 for a single weight.
                "amount": amount if isinstance(amount, int) or amount < 1 else None,
                "sparsity": amount if isinstance(amount, float) else None,
                "kept": {name: int(mask.sum()) for name, mask in masks.items()},
                "masks": {name: bits(mask) for name, mask in masks.items()},
            }
        )

golden = {
    "torch": torch.__version__.split("+")[0],
    "weights": {
        name: {"dims": list(w.shape), "float32": base64.b64encode(w.numpy().tobytes()).decode()}
        for name, w in weights.items()
    },
    "cases": cases,
}
with open(sys.argv[1], "w") as out:
    json.dump(golden, out, indent=1)
    out.write("\n")
