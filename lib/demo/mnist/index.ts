/** The demo: every technique on MNIST, from a net that is trained here to files that run in onnxruntime-node. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Batch } from "../../data/index.js";
import { distill } from "../../distill/index.js";
import type { Model } from "../../model/index.js";
import { conv, dense, flatten, relu, sequential, type Layer } from "../../model/layers.js";
import type { LongCall } from "../../progress.js";
import { prune } from "../../prune/index.js";
import { quantize } from "../../quantize/index.js";
import { adam, constant, cosineDecay, l1, l2, sgd, train, type TrainOptions } from "../../train/index.js";
import { finetune } from "../../transfer/index.js";
import { between, readDigits } from "./digits.js";
import { measure, type Made, type Row } from "./measure.js";

export type { Row } from "./measure.js";

export interface MnistDemoOptions extends LongCall {
  /** Where the models are written; made if need be. */
  folder: string;
  /** Digits of MNIST that are read, of 60,000 to train on and 10,000 to test on. Default: all. */
  examples?: number;
}

export interface MnistDemoResult {
  rows: Row[];
  folder: string;
  /** Labels of each digit that the transferred and the regularized nets see. */
  fewLabels: number;
  someExamples: number;
  /** Images that students learn from. */
  lessonExamples: number;
}

const fewLabels = 20;
const someExamples = 1000;
const lessonExamples = 5000;
const sparsity = 0.93;

const input = [1, 28, 28];
const net = (layers: readonly Layer[], seed = 1): Model => sequential([flatten(), ...layers], { input, seed });
/** LeNet-300-100, the net of pruning's papers. */
const lenet = (): Model => net([dense(300), relu(), dense(100), relu(), dense(10)]);
const student = (): Model => net([dense(64), relu(), dense(10)], 2);
const convolutions = (classes: number, seed: number): Model =>
  sequential(
    [
      ...[conv(8, 5, { stride: 2, padding: 2 }), relu(), conv(16, 5, { stride: 2, padding: 2 }), relu()],
      ...[flatten(), dense(64), relu(), dense(classes)],
    ],
    { input, seed },
  );

/** Parts of the work by the share of the time that they take. */
const shares = {
  teacher: 0.24,
  prune: 0.26,
  student: 0.02,
  distill: 0.03,
  transfer: 0.25,
  regularize: 0.08,
  measure: 0.12,
};
type Part = keyof typeof shares;

/** @throws PareError PARE_FILE where a package that it needs is missing; the signal's reason where it aborts. */
export async function runMnistDemo({ folder, examples, ...call }: MnistDemoOptions): Promise<MnistDemoResult> {
  const digits = await readDigits(examples);
  await mkdir(folder, { recursive: true });
  const made: Made[] = [];
  const keep = async (part: string, name: string, model: Model, about: Omit<Made, "part" | "name" | "file">) => {
    const file = join(folder, `${`${part} ${name}`.replaceAll(/[^\w]+/g, "-")}.onnx`);
    await model.save(file, call.signal ? { signal: call.signal } : {});
    made.push({ part, name, file, ...about });
    return model;
  };
  const fit = (model: Model, data: Batch, settings: TrainOptions): Promise<Model> =>
    train(model, data, settings).finish();
  const { training, test } = digits;
  const options = { batchSize: 64, optimizer: adam({ lr: 2e-3 }), schedule: cosineDecay(), seed: 1 };

  const teacher = await fit(lenet(), training, { ...options, ...partOf("teacher", call), epochs: 8 });
  await keep("train", "LeNet-300-100", teacher, { floats: teacher, training, test });

  const retrain = { data: training, ...options, optimizer: adam(), schedule: constant(), epochs: 1 };
  const sparse = await prune(teacher, { sparsity, scope: "global", steps: 8, retrain, ...partOf("prune", call) });
  await keep("prune", `${Math.round(1 / (1 - sparsity))} × fewer`, sparse, { floats: sparse, training, test });
  const small = await quantize(sparse, { dtype: "int8", reduceRange: true });
  await keep("prune", "and int8", small, { floats: sparse, training, test });

  const lesson = between(training, 0, 9, lessonExamples / 10);
  const learning = { ...options, optimizer: adam({ lr: 5e-3 }), epochs: 16 };
  const alone = await fit(student(), lesson, { ...learning, ...partOf("student", call) });
  await keep("distill", "student alone", alone, { floats: alone, training: lesson, test });
  const taught = await distill(student(), teacher, lesson, { ...learning, ...partOf("distill", call) });
  await keep("distill", "student taught", taught, { floats: taught, training: lesson, test });

  const few = { training: between(training, 5, 9, fewLabels), test: between(test, 5, 9) };
  const tuning = { ...options, batchSize: 10, epochs: 30, validation: 0.2 };
  const scratch = await fit(convolutions(5, 2), few.training, tuning);
  await keep("transfer", "5–9 from scratch", scratch, { floats: scratch, ...few });
  const firstHalf = { ...options, ...partOf("transfer", call), epochs: 4 };
  const source = await fit(convolutions(5, 1), between(training, 0, 4), firstHalf);
  const tuned = await finetune(source, few.training, { ...tuning, head: dense(5) });
  await keep("transfer", "0–4 → 5–9", tuned, { floats: tuned, ...few });

  const some = between(training, 0, 9, someExamples / 10);
  const plain = { ...options, epochs: 40, batchSize: 32, best: false, optimizer: sgd({ lr: 0.1, momentum: 0.9 }) };
  for (const [name, regularize] of [
    ["none", []],
    ["L1, proximal", [l1(3e-4, { form: "proximal" })]],
    ["L2", [l2(5e-4)]],
  ] as const) {
    const model = await fit(lenet(), some, { ...plain, regularize, ...partOf("regularize", call) });
    await keep("regularize", name, model, { floats: model, training: some, test });
  }

  const rows = await measure(made, partOf("measure", call));
  return { rows, folder, fewLabels, someExamples, lessonExamples };
}

/** A call whose progress is a part of the whole. */
function partOf(part: Part, { onProgress, ...call }: LongCall): LongCall {
  const names = Object.keys(shares) as Part[];
  const before = names.slice(0, names.indexOf(part)).reduce((sum, name) => sum + shares[name], 0);
  return {
    ...call,
    onProgress: ({ done, total, what }) =>
      onProgress?.({
        done: Math.round(1000 * (before + (shares[part] * done) / total)),
        total: 1000,
        what: `${part}: ${what}`,
      }),
  };
}
