"""Times a training step of PyTorch, eager: forward, loss, backward and update.

Reads lines "NET BATCH THREADS SECONDS" from standard input, and answers each with the median and the least seconds of the
steps that fit into that time. The nets are those of bench/training.ts.
"""

import statistics
import sys
import time

import torch
from torch import nn


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        layers = [nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
                  for _ in range(2)]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(64 * 128, 10)

    def forward(self, x):
        return self.head(self.layers(x).flatten(1))


NETS = {
    "mlp": ((784,), lambda: nn.Sequential(
        nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10))),
    "lenet5": ((1, 28, 28), lambda: nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10))),
    "transformer": ((64, 128), Transformer),
}
made = {}


def step_of(net, batch):
    if (net, batch) not in made:
        torch.manual_seed(0)
        dims, make = NETS[net]
        model = make().train()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        x, labels = torch.randn(batch, *dims), torch.randint(0, 10, (batch,))
        loss_of = nn.CrossEntropyLoss()

        def step():
            optimizer.zero_grad()
            loss = loss_of(model(x), labels)
            loss.backward()
            optimizer.step()
            return loss.item()

        made[net, batch] = step
        for _ in range(5):
            step()
    return made[net, batch]


for line in sys.stdin:
    net, batch, threads, seconds = line.split()
    torch.set_num_threads(int(threads))
    step = step_of(net, int(batch))
    step()
    times, begin = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < float(seconds):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    print(statistics.median(times), min(times), flush=True)
