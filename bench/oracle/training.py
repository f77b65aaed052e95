# Ten training steps of three small nets by PyTorch, in float64, from weights and batches that a formula gives:
#   python bench/oracle/training.py > test/goldens/training.json
# The test (test/train/pytorch.test.ts) makes the same weights and batches and follows the losses.
import json
import math

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
STEPS, BATCH = 10, 8


def wave(count, step, phase):
    # Rounded to float32, which is what the other side starts from.
    return torch.tensor([math.sin(step * i + phase) for i in range(count)]).float().double()


class Net:
    """Weights in the order in which the forward function asks for them."""

    def __init__(self):
        self.weights = {}

    def __call__(self, name, dims, scale, shift=0.0):
        if name not in self.weights:
            number = len(self.weights)
            count = math.prod(dims)
            values = (wave(count, 1.3, 0.7 * number + 0.5) * scale + shift).float().double()
            self.weights[name] = (values.reshape(dims).requires_grad_(), dims, scale, shift)
        return self.weights[name][0]

    def describe(self):
        return [{"name": n, "dims": d, "scale": s, "shift": t} for n, (_, d, s, t) in self.weights.items()]


def dense(w, name, x, units):
    size = x.shape[-1]
    return x @ w(f"{name}.weight", [units, size], 1 / math.sqrt(size)).T + w(f"{name}.bias", [units], 0.1)


def mlp(w, x):
    x = torch.relu(dense(w, "dense1", x, 16))
    x = torch.tanh(dense(w, "dense2", x, 9))
    return dense(w, "dense3", x, 5)


def conv(w, name, x, channels, padding=0):
    dims = [channels, x.shape[1], 3, 3]
    weight = w(f"{name}.weight", dims, 1 / math.sqrt(dims[1] * 9))
    return F.conv2d(x, weight, w(f"{name}.bias", [channels], 0.1), padding=padding)


def lenet(w, x):
    x = conv(w, "conv1", x, 4, padding=1)
    x = F.batch_norm(x, None, None, w("batchNorm1.scale", [4], 0.2, 1.0), w("batchNorm1.bias", [4], 0.1), True)
    x = F.max_pool2d(torch.relu(x), 2)
    x = torch.relu(conv(w, "conv2", x, 6))
    x = F.avg_pool2d(x, 2)
    return dense(w, "dense1", x.flatten(1), 5)


def layer_norm(w, name, x):
    size = x.shape[-1]
    return F.layer_norm(x, [size], w(f"{name}.scale", [size], 0.2, 1.0), w(f"{name}.bias", [size], 0.1))


def attention(w, name, x, heads):
    batch, length, size = x.shape
    depth = size // heads

    def project(value, part):
        weight = w(f"{name}.{part}.weight", [size, size], 1 / math.sqrt(size))
        return value @ weight + w(f"{name}.{part}.bias", [size], 0.1)

    q, k, v = (project(x, part).reshape(batch, length, heads, depth).transpose(1, 2) for part in ("query", "key", "value"))
    y = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(depth), -1) @ v
    return project(y.transpose(1, 2).reshape(batch, length, size), "output")


def transformer(w, x):
    for layer in (1, 2):
        name = f"residual{2 * layer - 1}"
        x = x + attention(w, f"{name}.1.attention", layer_norm(w, f"{name}.0.layerNorm", x), 2)
        name = f"residual{2 * layer}"
        y = layer_norm(w, f"{name}.0.layerNorm", x)
        y = F.gelu(dense(w, f"{name}.1.dense", y, 16))
        x = x + dense(w, f"{name}.3.dense", y, 8)
    return dense(w, "dense1", x.flatten(1), 5)


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.003, alpha=0.9, momentum=0.5),
}
LOSSES = {
    "crossEntropy": lambda y, t, v: F.cross_entropy(y, t),
    "labelSmoothing": lambda y, t, v: F.cross_entropy(y, t, label_smoothing=0.1),
    "soft": lambda y, t, v: F.cross_entropy(y, torch.softmax(v, 1)),
    "mse": lambda y, t, v: F.mse_loss(y, v),
    "l1": lambda y, t, v: F.l1_loss(y, v),
    "huber": lambda y, t, v: F.huber_loss(y, v, delta=0.5),
    "klDivergence": lambda y, t, v: F.kl_div(torch.log_softmax(y, 1), torch.softmax(v, 1), reduction="batchmean"),
    "bceWithLogits": lambda y, t, v: F.binary_cross_entropy_with_logits(y, torch.sigmoid(v)),
    "cosine": lambda y, t, v: (1 - F.cosine_similarity(y, v)).mean(),
}


def follow(forward, dims, optimizer, loss):
    net, trained, losses = Net(), None, []
    for step in range(STEPS):
        x = wave(BATCH * math.prod(dims), 0.9 + 0.01 * step, step).reshape(BATCH, *dims)
        labels = torch.tensor([(3 * i + step) % 5 for i in range(BATCH)])
        values = wave(BATCH * 5, 0.8, step).reshape(BATCH, 5)
        value = LOSSES[loss](forward(net, x), labels, values)
        if trained is None:
            trained = OPTIMIZERS[optimizer]([one[0] for one in net.weights.values()])
        trained.zero_grad()
        value.backward()
        trained.step()
        losses.append(round(value.item(), 8))
    return net, losses


def main():
    nets = {"mlp": (mlp, [12]), "lenet": (lenet, [1, 10, 10]), "transformer": (transformer, [6, 8])}
    result = {}
    for name, (forward, dims) in nets.items():
        kinds = {o: (o, "crossEntropy") for o in OPTIMIZERS}
        if name == "mlp":
            kinds |= {l: ("sgd", l) for l in LOSSES if l != "crossEntropy"}
        runs = {}
        for kind, (optimizer, loss) in kinds.items():
            net, runs[kind] = follow(forward, dims, optimizer, loss)
        result[name] = {"dims": dims, "weights": net.describe(), "losses": runs}
    print(json.dumps(result))


main()
