/**
 * Transfer: digits 0–4 → 5–9, and MNIST → Fashion-MNIST, with few labels: fine-tuned, probed, from scratch.
 *
 * Other digits keep all layers but the last. Clothes keep the convolutions alone, at discriminative rates, for the dense layers know
 * digits; that was chosen with other seeds, on training images that were not among their few.
 */
import { existsSync } from "node:fs";
import * as pare from "../../lib/index.js";
import { readIdxDataset, type FinetuneOptions, type Layer, type Model } from "../../lib/index.js";
import { permutation } from "../../lib/train/examples.js";
import { errorOf, mnist, percent, shaped, take, type Digits } from "../frame/mnist.js";
import type { BenchReport } from "../frame/report.js";

export const title = "Transfer with few labels";

const { conv, dense, flatten, maxPool, relu } = pare;
const fashion = "/usr/share/datasets/fashion-mnist";
const dims = [1, 28, 28];

const body = (): Layer[] => [
  ...[conv(8, 5), relu(), maxPool(2), conv(16, 5), relu(), maxPool(2)],
  ...[flatten(), dense(64), relu()],
];

interface Task {
  name: string;
  classes: number;
  source: Model;
  /** What is fine-tuned beyond the options that all have in common. */
  tuning: FinetuneOptions;
  training: Digits;
  test: Digits;
}

export async function run(report: BenchReport): Promise<void> {
  const seeds = report.quick ? 1 : 3;
  const threads = report.threads.at(-1)!;
  const row = report.table("Test error", ["task", "labels a class", "from scratch", "probed", "fine-tuned"]);
  const results = new Map<string, { scratch: number[]; probed: number[]; tuned: number[] }>();
  for (let seed = 1; seed <= seeds; seed++)
    for (const task of await tasksOf(report, seed))
      for (const labels of report.quick ? [10] : [10, 100, 1000]) {
        const key = JSON.stringify([task.name, labels]);
        const lists = results.get(key) ?? { scratch: [], probed: [], tuned: [] };
        results.set(key, lists);
        const few = fewOf(task, labels, seed);
        const options = {
          ...{ epochs: report.quick ? 2 : labels === 1000 ? 12 : labels === 100 ? 40 : 100, batchSize: 32, seed },
          ...{ optimizer: pare.adam({ lr: 1e-3 }), schedule: pare.cosineDecay({ least: 0.01 }) },
          // A fifth of the labels chooses the epoch.
          ...{ validation: 0.2, threads },
        };
        const fresh = pare.sequential([...body(), dense(task.classes)], { input: dims, seed: seed + 10 });
        lists.scratch.push(await errorOf(await pare.train(fresh, few, options).finish(), task.test));
        lists.probed.push(
          await errorOf(
            await pare.finetune(task.source, few, { ...options, head: dense(task.classes), probe: true }),
            task.test,
          ),
        );
        lists.tuned.push(
          await errorOf(await pare.finetune(task.source, few, { ...options, ...task.tuning }), task.test),
        );
        report.log(
          `seed ${seed}, ${key}: ${Object.values(lists)
            .map((list: number[]) => percent(list))
            .join(", ")}`,
        );
      }
  for (const [key, { scratch, probed, tuned }] of results) {
    const [name, labels] = JSON.parse(key) as [string, number];
    row(name, `${labels}`, percent(scratch), percent(probed), percent(tuned));
  }
  report.note(`${seeds} seeds, mean ± sample deviation; of the labels a fifth is held back and chooses the epoch.`);
  if (!existsSync(fashion)) report.note("Fashion-MNIST is left out: apt-get install dataset-fashion-mnist.");
}

async function tasksOf(report: BenchReport, seed: number): Promise<Task[]> {
  const { training, validation, test } = await mnist(dims, seed);
  const threads = report.threads.at(-1)!;
  const options = { epochs: report.quick ? 1 : 4, seed, threads, optimizer: pare.adam({ lr: 1.5e-3 }) };
  const sourceOf = (data: Digits, held: Digits, classes: number): Promise<Model> => {
    const net = pare.sequential([...body(), dense(classes)], { input: dims, seed });
    return pare.train(net, data, { ...options, validation: held }).finish();
  };
  const lower = (data: Digits): Digits => classesOf(data, (label) => label < 5);
  const upper = (data: Digits): Digits => {
    const part = classesOf(data, (label) => label >= 5);
    return { x: part.x, y: part.y.map((label) => label - 5) };
  };
  const tasks: Task[] = [
    {
      ...{ name: "digits 0–4 → 5–9", classes: 5, training: upper(training), test: upper(test) },
      source: await sourceOf(lower(training), lower(validation), 5),
      tuning: { head: dense(5) },
    },
  ];
  if (existsSync(fashion)) {
    const read = async (name: string): Promise<Digits> =>
      shaped(await readIdxDataset(`${fashion}/${name}-images-idx3-ubyte.gz`), dims);
    const source = await sourceOf(training, validation, 10);
    tasks.push({
      ...{ name: "MNIST → Fashion-MNIST", classes: 10, training: await read("train"), test: await read("t10k") },
      source,
      tuning: {
        ...{ head: [dense(64), relu(), dense(10)], layerDecay: 0.5 },
        feature: source.graph.nodes.find(({ opType }) => opType === "Flatten")!.outputs[0]!,
      },
    });
  }
  return tasks;
}

function classesOf(data: Digits, isWanted: (label: number) => boolean): Digits {
  return take(data, Uint32Array.from([...data.y.keys()].filter((i) => isWanted(data.y[i]!))));
}

/** So many examples of each class, by lot. */
function fewOf({ training, classes }: Task, labels: number, seed: number): Digits {
  const counts = new Array<number>(classes).fill(0);
  const order = permutation(training.y.length, seed, 2 ** 22);
  return take(
    training,
    order.filter((at) => counts[training.y[at]!]!++ < labels),
  );
}
