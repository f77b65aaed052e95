/** A training step in pare and in PyTorch's eager mode, the same nets: forward, loss, backward and update, turn by turn. */
import { spawn, type ChildProcess } from "node:child_process";
import { dirname, join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import * as pare from "../lib/index.js";
import { Tensor, type Layer } from "../lib/index.js";
import { Trainer } from "../lib/train/trainer.js";
import { formatSeconds, median, race } from "./frame/race.js";
import type { BenchReport } from "./frame/report.js";

export const title = "A training step in pare and in PyTorch";

const { attention, conv, dense, flatten, gelu, layerNorm, maxPool, relu, residual } = pare;

interface Net {
  dims: readonly number[];
  layers: readonly Layer[];
}

const block = (): Layer[] => [
  residual([layerNorm(), attention(4)]),
  residual([layerNorm(), dense(512), gelu(), dense(128)]),
];
const nets: Record<string, Net> = {
  mlp: { dims: [784], layers: [dense(300), relu(), dense(100), relu(), dense(10)] },
  lenet5: {
    dims: [1, 28, 28],
    layers: [
      ...[conv(20, 5), relu(), maxPool(2), conv(50, 5), relu(), maxPool(2)],
      ...[flatten(), dense(500), relu(), dense(10)],
    ],
  },
  transformer: { dims: [64, 128], layers: [...block(), ...block(), flatten(), dense(10)] },
};

const cases: [name: string, net: string, batch: number][] = [
  ["mlp 784-300-100-10, batch 64", "mlp", 64],
  ["mlp 784-300-100-10, batch 1", "mlp", 1],
  ["LeNet-5 20-50-500-10, batch 64", "lenet5", 64],
  ["transformer d 128, 2 layers, length 64, batch 16", "transformer", 16],
];

/** bench/peers/training.py as a process; it measures one thing at a time. */
class PyTorch {
  readonly #process: ChildProcess;
  readonly #interface: Interface;
  readonly #lines: AsyncIterator<string>;

  constructor(python: string) {
    const script = join(dirname(__dirname), "bench", "peers", "training.py");
    this.#process = spawn(python, [script], { stdio: ["pipe", "pipe", "ignore"] });
    // Without a Python the lines end at once; writing to it must not end the bench.
    this.#process.on("error", () => undefined);
    this.#process.stdin!.on("error", () => undefined);
    this.#interface = createInterface({ input: this.#process.stdout! });
    this.#lines = this.#interface[Symbol.asyncIterator]();
  }

  /** Median seconds of a step; undefined without PyTorch. */
  async measure(net: string, batch: number, threads: number, seconds: number): Promise<number | undefined> {
    this.#process.stdin!.write(`${net} ${batch} ${threads} ${seconds}\n`);
    const { value } = (await this.#lines.next()) as IteratorResult<string, undefined>;
    return value === undefined ? undefined : Number(value.split(" ")[0]);
  }

  stop(): void {
    this.#process.stdin!.end();
    this.#interface.close();
  }
}

export async function run(report: BenchReport): Promise<void> {
  const python = process.env.PARE_PYTHON ?? "python3";
  const chosen = process.env.PARE_BENCH_CASES;
  const peer = new PyTorch(python);
  const row = report.table("One step; ratios are PyTorch's time over pare's", [
    "net",
    ...report.threads.flatMap((threads) => [`pare, ${threads} thr.`, `PyTorch, ${threads} thr.`, "ratio"]),
  ]);
  let isThere = true;
  for (const [name, net, batch] of cases) {
    if (chosen !== undefined && !new RegExp(chosen).test(name)) continue;
    if (report.quick && batch !== 1) continue;
    const cells: string[] = [];
    for (const threads of report.threads) {
      report.progress(`${name}, ${threads} threads`);
      const { own, other } = await compete(peer, net, batch, threads, report.quick ? 2 : 9);
      isThere &&= other !== undefined;
      cells.push(formatSeconds(own));
      cells.push(
        other === undefined ? "–" : formatSeconds(other),
        other === undefined ? "–" : (other / own).toFixed(2),
      );
    }
    row(name, ...cells);
  }
  peer.stop();
  report.note(
    "SGD with momentum 0.9 and cross entropy with labels; pare is called from JavaScript, PyTorch from Python.",
  );
  if (!isThere) report.note(`PyTorch is left out: ${python} has none (PARE_PYTHON names another Python).`);
}

/** Turns by turns: pare's steps, then PyTorch's; median seconds of each. */
async function compete(
  peer: PyTorch,
  net: string,
  batch: number,
  threads: number,
  rounds: number,
): Promise<{ own: number; other: number | undefined }> {
  const { dims, layers } = nets[net]!;
  const trainer = new Trainer(pare.sequential(layers, { input: dims }), {
    loss: pare.crossEntropy(),
    optimizer: pare.sgd({ lr: 0.01, momentum: 0.9 }),
    regularize: [],
    seed: 0,
    threads,
  });
  const count = dims.reduce((product, dim) => product * dim, batch);
  const labels = BigInt64Array.from({ length: batch }, (_, i) => BigInt((i * 7) % 10));
  const feeds = {
    x: new Tensor(
      "float32",
      Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.7)),
      [batch, ...dims],
    ),
    [trainer.target]: new Tensor("int64", labels, [batch]),
  };
  const samples: { own: number[]; other: number[] } = { own: [], other: [] };
  for (let round = 0; round < rounds; round++) {
    const { pare: own } = await race(
      { pare: { async: () => trainer.step(feeds, 0.001) } },
      { rounds: 1, turnSeconds: 0.15 },
    );
    samples.own.push(own.median);
    const other = await peer.measure(net, batch, threads, 0.15);
    if (other !== undefined) samples.other.push(other);
    // PyTorch's threads spin for a while after their last call.
    await setTimeout(20);
  }
  await trainer.release();
  return { own: median(samples.own), other: samples.other.length > 0 ? median(samples.other) : undefined };
}
