/** Ten steps of small nets follow PyTorch's losses from the same weights and batches (bench/oracle/training.py). */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pare from "../../lib/index.js";
import { Tensor, Weight, type Model } from "../../lib/index.js";
import { Trainer } from "../../lib/train/trainer.js";

interface Golden {
  dims: number[];
  weights: { name: string; dims: number[]; scale: number; shift: number }[];
  losses: Record<string, number[]>;
}
const goldens = JSON.parse(readFileSync(join(__dirname, "../goldens/training.json"), "utf8")) as Record<string, Golden>;
const batch = 8;

const wave = (count: number, step: number, phase: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(step * i + phase));

const { dense, relu, tanh, conv, batchNorm, maxPool, averagePool, flatten, layerNorm, attention, gelu, residual } =
  pare;
const block = (): pare.Layer[] => [
  residual([layerNorm(), attention(2)]),
  residual([layerNorm(), dense(16), gelu(), dense(8)]),
];
const nets: Record<string, pare.Layer[]> = {
  mlp: [dense(16), relu(), dense(9), tanh(), dense(5)],
  lenet: [
    conv(4, 3, { padding: 1 }),
    batchNorm(),
    relu(),
    maxPool(2),
    conv(6, 3),
    relu(),
    averagePool(2),
    flatten(),
    dense(5),
  ],
  transformer: [...block(), ...block(), flatten(), dense(5)],
};
const optimizers: Record<string, pare.Optimizer> = {
  sgd: pare.sgd({ lr: 0.1 }),
  momentum: pare.sgd({ lr: 0.05, momentum: 0.9, weightDecay: 0.01 }),
  nesterov: pare.sgd({ lr: 0.05, momentum: 0.9, nesterov: true }),
  adam: pare.adam({ lr: 0.01 }),
  adamw: pare.adamw({ lr: 0.01, weightDecay: 0.1 }),
  rmsprop: pare.rmsprop({ lr: 0.003, alpha: 0.9, momentum: 0.5 }),
};
const losses: Record<string, pare.Loss> = {
  labelSmoothing: pare.crossEntropy({ labelSmoothing: 0.1 }),
  soft: pare.crossEntropy({ soft: true }),
  mse: pare.mse(),
  l1: pare.l1Loss(),
  huber: pare.huber({ delta: 0.5 }),
  klDivergence: pare.klDivergence(),
  bceWithLogits: pare.bceWithLogits(),
  cosine: pare.cosine(),
};

function build(name: string): Model {
  const { dims, weights } = goldens[name]!;
  const model = pare.sequential(nets[name]!, { input: dims });
  weights.forEach((one, number) => {
    const count = one.dims.reduce((product, dim) => product * dim, 1);
    const values = wave(count, 1.3, 0.7 * number + 0.5).map((value) => value * one.scale + one.shift);
    const known = [...model.graph.weights()].map(([weight]) => weight);
    if (!known.includes(one.name)) throw new Error(`no weight ${one.name} among ${known.join(", ")}`);
    model.graph.setWeight(one.name, Weight.of("float32", one.dims, values));
  });
  return model;
}

function targets(loss: pare.Loss, kind: string, step: number): Tensor {
  if (loss.target === "labels")
    return new Tensor(
      "int64",
      BigInt64Array.from({ length: batch }, (_, i) => BigInt((3 * i + step) % 5)),
      [batch],
    );
  const values = wave(batch * 5, 0.8, step);
  if (kind === "bceWithLogits") values.forEach((value, i) => (values[i] = 1 / (1 + Math.exp(-value))));
  if (kind === "soft" || kind === "klDivergence")
    for (let row = 0; row < batch; row++) {
      const part = values.subarray(row * 5, row * 5 + 5);
      const sum = part.reduce((total, value) => total + Math.exp(value), 0);
      part.forEach((value, i) => (part[i] = Math.exp(value) / sum));
    }
  return new Tensor("float32", values, [batch, 5]);
}

const runs = Object.entries(goldens).flatMap(([name, { losses: kinds }]) =>
  Object.entries(kinds).map(([kind, wanted]) => ({ name, kind, wanted })),
);

test.each(runs)("$name by $kind", async ({ name, kind, wanted }) => {
  const loss = losses[kind] ?? pare.crossEntropy();
  const optimizer = optimizers[kind] ?? optimizers.sgd!;
  const { dims } = goldens[name]!;
  const trainer = new Trainer(build(name), { loss, optimizer, regularize: [], seed: 0 });
  for (const [step, value] of wanted.entries()) {
    const count = dims.reduce((product, dim) => product * dim, batch);
    const feeds = {
      x: new Tensor("float32", wave(count, 0.9 + 0.01 * step, step), [batch, ...dims]),
      [trainer.target]: targets(loss, kind, step),
    };
    const got = await trainer.step(feeds, optimizer.lr);
    if (Math.abs(got - value) > 1e-4 * Math.max(1, Math.abs(value)))
      throw new Error(`step ${step}: the loss is ${got}; PyTorch has ${value}`);
  }
  await trainer.release();
});
