# Gradients of every differentiable operator by PyTorch, in float64, from inputs that a formula gives:
#   python bench/oracle/gradients.py > test/goldens/gradients.json
# The test (test/train/gradients.test.ts) has cases of the same names, inputs and attributes.
import json
import math

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def values(dims, seed, positive=False, apart=False):
    """Numbers that differ from one another and keep off zero; apart: by more than finite differences' steps."""
    result = []
    for i in range(math.prod(dims)):
        if apart:
            result.append((((i * 37 + 11) % 257) - 128.5 + 0.4 * seed) / 40)
            continue
        value = math.sin((i + 1) * 1.7 + seed * 2.3) * 1.3 + math.cos(i * 0.3 + seed) * 0.2
        off = value + 0.25 * math.copysign(1, value) if abs(value) < 0.12 else value
        result.append(0.5 + abs(off) if positive else off)
    return torch.tensor(result).float().double().reshape(dims)


CASES = {}


def case(name, inputs, function, positive=False, apart=False):
    CASES[name] = (inputs, function, positive, apart)


def number(values_, dtype=torch.float64):
    return torch.tensor(values_, dtype=dtype)


UNARY = {
    "Neg": torch.neg,
    "Exp": torch.exp,
    "Abs": torch.abs,
    "Sin": torch.sin,
    "Cos": torch.cos,
    "Tanh": torch.tanh,
    "Sigmoid": torch.sigmoid,
    "Softplus": F.softplus,
    "Relu": torch.relu,
    "LeakyRelu": lambda x: F.leaky_relu(x, 0.01),
    "Elu": F.elu,
    "Erf": torch.erf,
    "HardSigmoid": lambda x: torch.clamp(0.2 * x + 0.5, 0, 1),
    "HardSwish": F.hardswish,
}
for name, function in UNARY.items():
    case(name, [[3, 5]], function)
for name, function in {"Log": torch.log, "Sqrt": torch.sqrt, "Reciprocal": torch.reciprocal}.items():
    case(name, [[17]], function, positive=True)
case("Gelu", [[4, 7]], F.gelu)
case("FastGelu", [[4, 7]], lambda x: F.gelu(x, approximate="tanh"))
case("QuickGelu", [[9]], lambda x: x * torch.sigmoid(1.702 * x))
case("Clip", [[20]], lambda x: torch.clamp(x, -0.5, 0.4))

BINARY = {
    "Add": torch.add,
    "Sub": torch.sub,
    "Mul": torch.mul,
    "Div": torch.div,
    "Max": torch.maximum,
    "Min": torch.minimum,
}
for name, function in BINARY.items():
    shapes = {
        "of equal shapes": [[3, 5], [3, 5]],
        "with a row": [[3, 5], [5]],
        "with a column": [[2, 1], [3, 2, 7]],
        "with a number": [[], [3, 2]],
    }
    for words, inputs in shapes.items():
        case(f"{name} {words}", inputs, function, positive=name == "Div", apart=name in ("Max", "Min"))
case("Pow", [[3, 4], [4]], torch.pow, positive=True)
case("Pow 2", [[5]], lambda x: x**2)
case("Where", [None, [3, 4], [4]], lambda a, b: torch.where(torch.tensor([[True], [False], [True]]), a, b))
case("Expand", [[3, 1]], lambda x: x.expand(2, 3, 4))
for name in ("Identity", "Cast", "Dropout"):
    case(name, [[3]] if name == "Identity" else [[3, 2]], lambda x: x)
case("Reshape", [[3, 4]], lambda x: x.reshape(2, -1))
case("Flatten", [[3, 4, 2]], lambda x: x.flatten(1))
case("Squeeze", [[3, 1, 2]], lambda x: x.squeeze(1))
case("Unsqueeze", [[3, 2]], lambda x: x[None, :, :, None])
case("Transpose", [[2, 3, 4]], lambda x: x.permute(1, 2, 0))
case("Transpose by default", [[2, 3]], lambda x: x.T)
case("Concat", [[2, 3], [2, 1], [2, 2]], lambda *parts: torch.cat(parts, -1))
case("Split", [[5, 2]], lambda x: torch.split(x, [2, 3]))
case("Slice", [[5, 6]], lambda x: x[[4, 2, 0]][:, 1:100:3])
case("Gather", [[4, 3, 2]], lambda x: x[:, torch.tensor([[2, 0], [-1, 2]])])
case("Gather of rows", [[7, 3]], lambda x: x[torch.tensor([1, 1, 6])])


def reduced(kind, x, axes, keep):
    axes = list(range(x.dim())) if axes is None else axes
    if kind == "ReduceSum":
        return x.sum(axes, keepdim=keep)
    if kind == "ReduceMean":
        return x.mean(axes, keepdim=keep)
    if kind == "ReduceSumSquare":
        return (x * x).sum(axes, keepdim=keep)
    if kind == "ReduceL1":
        return x.abs().sum(axes, keepdim=keep)
    if kind == "ReduceL2":
        return (x * x).sum(axes, keepdim=keep).sqrt()
    if kind == "ReduceLogSumExp":
        return torch.logsumexp(x, axes, keepdim=keep)
    return torch.amax(x, axes, keepdim=keep)


KINDS = ["ReduceSum", "ReduceMean", "ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMax"]
for kind in KINDS:
    apart = kind == "ReduceMax"
    case(f"{kind} of an axis", [[3, 4, 2]], lambda x, kind=kind: reduced(kind, x, [1], True), apart=apart)
    case(f"{kind} without keepdims", [[3, 4, 2]], lambda x, kind=kind: reduced(kind, x, [-1, 0], False), apart=apart)
    case(f"{kind} of all", [[3, 5]], lambda x, kind=kind: reduced(kind, x, None, True), apart=apart)

MATMUL = {
    "MatMul": [[3, 5], [5, 2]],
    "MatMul of rows": [[2, 3, 5], [5, 4]],
    "MatMul of batches": [[2, 3, 3, 5], [3, 5, 4]],
    "MatMul of a batch and one": [[3, 5], [4, 5, 2]],
    "MatMul by a vector": [[2, 3, 5], [5]],
    "MatMul of a vector": [[3], [3, 5]],
    "MatMul of vectors": [[4], [4]],
}
for name, inputs in MATMUL.items():
    case(name, inputs, torch.matmul)
case("Gemm", [[3, 5], [5, 2], [2]], lambda a, b, c: a @ b + c)
case("Gemm, A turned", [[5, 3], [5, 2], [3, 1]], lambda a, b, c: 0.5 * (a.T @ b) + 2 * c)
case("Gemm, B turned", [[3, 5], [2, 5], []], lambda a, b, c: a @ b.T + c)
case("Gemm, both turned", [[5, 3], [2, 5]], lambda a, b: a.T @ b.T)


def conv2d(x, w, b=None, pads=(0, 0, 0, 0), **options):
    top, left, bottom, right = pads
    return F.conv2d(F.pad(x, (left, right, top, bottom)), w, b, **options)


case("Conv", [[2, 3, 7, 6], [4, 3, 3, 2], [4]], lambda x, w, b: conv2d(x, w, b, (1, 0, 2, 1), stride=(2, 1)))
case("Conv of groups", [[2, 4, 5, 5], [6, 2, 3, 3]], lambda x, w: conv2d(x, w, groups=2, dilation=(2, 1)))
case("Conv, depthwise", [[2, 3, 6, 5], [3, 1, 3, 3]], lambda x, w: conv2d(x, w, pads=(1, 1, 1, 1), groups=3))
case("Conv, pointwise", [[1, 3, 4, 5], [2, 3, 1, 1], [2]], conv2d)
# 9 elements, windows of 4 every 3: one is missing, which SAME_UPPER puts at the end.
case("Conv of sequences", [[2, 3, 9], [4, 3, 4]], lambda x, w: F.conv1d(F.pad(x, (0, 1)), w, stride=3))


def max_pool(x, kernel, strides, pads):
    top, left, bottom, right = pads
    return F.max_pool2d(F.pad(x, (left, right, top, bottom), value=-math.inf), kernel, strides)


def average_pool(x, kernel, strides, pads, counts_padding):
    top, left, bottom, right = pads
    padding = (left, right, top, bottom)
    sums = F.avg_pool2d(F.pad(x, padding), kernel, strides) * math.prod(kernel)
    ones = torch.ones_like(x)
    counted = F.pad(ones, padding, value=1.0) if counts_padding else F.pad(ones, padding)
    return sums / (F.avg_pool2d(counted, kernel, strides) * math.prod(kernel))


case("MaxPool", [[2, 2, 6, 5]], lambda x: max_pool(x, (3, 2), (2, 1), (1, 0, 1, 1)), apart=True)
case("MaxPool of pairs", [[2, 3, 7, 6]], lambda x: F.max_pool2d(x, 2), apart=True)
case("AveragePool", [[2, 2, 5, 6]], lambda x: average_pool(x, (2, 3), (2, 2), (1, 1, 0, 1), False))
case("AveragePool with padding", [[1, 2, 5, 5]], lambda x: average_pool(x, (3, 3), (1, 1), (1, 1, 1, 1), True))
case("GlobalAveragePool", [[2, 3, 4, 5]], lambda x: x.mean([2, 3], keepdim=True))
case("Softmax", [[3, 5]], lambda x: torch.softmax(x, -1))
case("Softmax of an inner axis", [[2, 3, 4]], lambda x: torch.softmax(x, 1))
case("LogSoftmax", [[3, 5]], lambda x: torch.log_softmax(x, -1))
case("LayerNormalization", [[3, 2, 7], [7], [7]], lambda x, s, b: F.layer_norm(x, [7], s, b))
case("LayerNormalization over two", [[3, 2, 5], [2, 5], [2, 5]], lambda x, s, b: F.layer_norm(x, [2, 5], s, b))
MEAN, VARIANCE = (number(v).float().double() for v in ([0.1, 0.2, 0.3], [1, 2, 0.5]))
case("BatchNormalization", [[2, 3, 4], [3], [3]], lambda x, s, b: F.batch_norm(x, MEAN, VARIANCE, s, b, False))
case("BatchNormTraining", [[4, 3, 2, 2], [3], [3]], lambda x, s, b: F.batch_norm(x, None, None, s, b, True))
LABELS = number([2, 0, 1, 1], torch.int64)
case("SoftmaxCrossEntropyLoss", [[4, 3]], lambda x: F.cross_entropy(x, LABELS))
case(
    "SoftmaxCrossEntropyLoss with weights",
    [[2, 3, 2]],
    lambda x: F.cross_entropy(x, number([[2, 0], [1, 2]], torch.int64), number([0.5, 2, 1]), ignore_index=0),
)
case(
    "SoftmaxCrossEntropyLoss of each",
    [[3, 4]],
    lambda x: F.cross_entropy(x, number([3, 0, 1], torch.int64), reduction="none"),
)
case("NegativeLogLikelihoodLoss", [[4, 3]], lambda x: F.nll_loss(x, LABELS, reduction="sum"))


def main():
    result = {}
    for name, (inputs, function, positive, apart) in CASES.items():
        given = {}
        for i, dims in enumerate(inputs):
            if dims is not None:
                given[f"in{i}"] = values(dims, i, positive, apart).requires_grad_()
        outputs = function(*given.values())
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        loss = sum((one * values(list(one.shape), 7 + i)).sum() for i, one in enumerate(outputs))
        gradients = torch.autograd.grad(loss, list(given.values()))
        result[name] = {key: [float(f"{v:.7g}") for v in g.flatten().tolist()] for key, g in zip(given, gradients)}
    print(json.dumps(result, separators=(",", ":")))


main()
