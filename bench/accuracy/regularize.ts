/** Regularizers on 1,000 MNIST images: the gap against λ, and test accuracies beside none, paired over five seeds. */
import * as pare from "../../lib/index.js";
import type { Layer, Model, Regularizer } from "../../lib/index.js";
import { svgOf } from "../frame/chart.js";
import { deviation, errorOf, mean, mnist, percent, take, type Digits } from "../frame/mnist.js";
import type { BenchReport } from "../frame/report.js";

export const title = "Regularization on 1,000 images of MNIST";

const { dense, dropout, relu } = pare;

interface Kind {
  /** Or ratios of dropout. */
  lambdas: number[];
  make: (lambda: number) => Regularized;
}

interface Regularized {
  regularize?: Regularizer[];
  /** Of the hidden units; half of it of the pixels. */
  dropoutRatio?: number;
}

const kinds: Record<string, Kind> = {
  l1: { lambdas: [3e-6, 1e-5, 3e-5, 1e-4], make: (lambda) => ({ regularize: [pare.l1(lambda)] }) },
  l2: { lambdas: [3e-4, 1e-3, 3e-3, 1e-2], make: (lambda) => ({ regularize: [pare.l2(lambda)] }) },
  "elastic net": {
    lambdas: [1e-5, 1e-4, 1e-3, 3e-3],
    make: (lambda) => ({ regularize: pare.elasticNet(lambda, 0.03) }),
  },
  // Beside the gradient λ acts through lr·λ alone, which Adam does not scale.
  "l2, decoupled": {
    lambdas: [0.1, 0.3, 1, 3],
    make: (lambda) => ({ regularize: [pare.l2(lambda, { form: "decoupled" })] }),
  },
  // On the hidden layer, which has 78,400 of the 79,400 weights.
  "l1, proximal": {
    lambdas: [0.03, 0.1, 0.2, 0.3, 0.36, 0.4, 0.44],
    make: (lambda) => ({
      regularize: [pare.l1(lambda, { form: "proximal", parameters: { include: ["dense1.weight"] } })],
    }),
  },
  dropout: { lambdas: [0.1, 0.2, 0.35, 0.5], make: (dropoutRatio) => ({ dropoutRatio }) },
};

interface Run {
  model: Model;
  validationError: number;
  /** Validation loss less training loss. */
  gap: number;
}

interface Part {
  training: Digits;
  validation: Digits;
  /** Some of it, for what a training measures after each epoch: nothing depends on that. */
  little: Digits;
  test: Digits;
}

export async function run(report: BenchReport): Promise<void> {
  const seeds = report.quick ? [1] : [1, 2, 3, 4, 5];
  const parts = new Map<number, Part>();
  for (const seed of seeds) {
    const { training, validation, test } = await mnist([784], seed);
    const first = (count: number): Uint32Array => Uint32Array.from({ length: count }, (_, i) => i);
    const little = take(validation, first(200));
    parts.set(seed, { training: take(training, first(1000)), validation, little, test });
  }
  const trainAll = async (regularized: Regularized, what: string): Promise<Run[]> => {
    const runs: Run[] = [];
    for (const seed of seeds) runs.push(await trainOne(parts.get(seed)!, regularized, seed, report.quick ? 2 : 150));
    report.log(`${what}: validation error ${percent(runs.map(({ validationError }) => validationError))}`);
    return runs;
  };
  const none = await trainAll({}, "none");
  const testErrors = async (runs: readonly Run[]): Promise<number[]> => {
    const errors: number[] = [];
    for (const [i, { model }] of runs.entries()) errors.push(await errorOf(model, parts.get(seeds[i]!)!.test));
    return errors;
  };
  const noneErrors = await testErrors(none);
  const rows = report.table("λ chosen on 5,000 validation images; test data read once a kind", [
    "kind",
    "λ, or ratio",
    "validation error",
    "test error",
    "points better than none, paired",
    "gap",
    "exact zeros",
  ]);
  const row = (kind: string, lambda: string, runs: readonly Run[], errors: readonly number[]): void => {
    const gains = errors.map((error, i) => 100 * (noneErrors[i]! - error));
    rows(
      kind,
      lambda,
      percent(runs.map(({ validationError }) => validationError)),
      percent(errors),
      `${mean(gains).toFixed(2)} ± ${deviation(gains).toFixed(2)}, ${gains.filter((gain) => gain > 0).length} of ${gains.length}`,
      mean(runs.map(({ gap }) => gap)).toFixed(3),
      percent(runs.map(({ model }) => zerosOf(model))),
    );
  };
  row("none", "–", none, noneErrors);
  const series = [];
  for (const [kind, { lambdas, make }] of Object.entries(kinds)) {
    const tried: { lambda: number; runs: Run[] }[] = [];
    for (const lambda of report.quick ? lambdas.slice(2, 3) : lambdas)
      tried.push({ lambda, runs: await trainAll(make(lambda), `${kind} ${lambda}`) });
    series.push({
      name: kind,
      points: tried.map(({ lambda, runs }) => [lambda, mean(runs.map(({ gap }) => gap))] as const),
    });
    const errorAt = ({ runs }: { runs: Run[] }): number => mean(runs.map(({ validationError }) => validationError));
    const best = tried.reduce((a, b) => (errorAt(b) < errorAt(a) ? b : a));
    row(kind, `${best.lambda}`, best.runs, await testErrors(best.runs));
    if (kind !== "l1, proximal") continue;
    // What four weights in five cost.
    const sparse = tried.find(({ runs }) => mean(runs.map(({ model }) => zerosOf(model))) >= 0.8);
    if (sparse && sparse !== best)
      row(`${kind}, least λ with ≥ 80 % zeros`, `${sparse.lambda}`, sparse.runs, await testErrors(sparse.runs));
  }
  report.picture(
    svgOf({
      title: "Generalization gap against λ, 784-100-10 on 1,000 images",
      x: "λ, or ratio of dropout",
      y: "validation loss − training loss",
      series,
      level: { name: "none", y: mean(none.map(({ gap }) => gap)) },
    }),
  );
  report.note(
    `${seeds.length} seeds of weights, order and images; 784-100-10, 150 epochs of Adam, lr 0.001, batches of 50.`,
  );
}

async function trainOne(
  { training, validation, little }: Part,
  { regularize = [], dropoutRatio = 0 }: Regularized,
  seed: number,
  epochs: number,
): Promise<Run> {
  const drop = (ratio: number): Layer[] => (ratio > 0 ? [dropout(ratio)] : []);
  const layers = [...drop(dropoutRatio / 2), dense(100), relu(), ...drop(dropoutRatio), dense(10)];
  const net = pare.sequential(layers, { input: [784], seed });
  const model = await pare
    .train(net, training, {
      ...{ epochs, seed, regularize, validation: little, batchSize: 50, best: false },
      ...{ optimizer: pare.adam({ lr: 1e-3 }), schedule: pare.cosineDecay({ least: 0.01 }) },
    })
    .finish();
  const [own, held] = [await lossOf(model, training), await lossOf(model, validation)];
  return { model, validationError: await errorOf(model, validation), gap: held - own };
}

/** Mean cross entropy of a model's logits. */
async function lossOf(model: Model, { x, y }: Digits): Promise<number> {
  const session = await pare.compile(model);
  const results = await session.run({ [session.inputNames[0]!]: x });
  await session.release();
  const logits = results[session.outputNames[0]!]!.data as Float32Array;
  const classes = logits.length / y.length;
  let sum = 0;
  y.forEach((label, i) => {
    const scores = logits.subarray(i * classes, (i + 1) * classes);
    const most = Math.max(...scores);
    sum += most + Math.log(scores.reduce((total, score) => total + Math.exp(score - most), 0)) - scores[label]!;
  });
  return sum / y.length;
}

/** Share of exact zeros among the weights of layers. */
function zerosOf(model: Model): number {
  const values = [...model.graph.weights()].filter(([, { dims }]) => dims.length > 1).map(([, w]) => w.toFloats());
  const zeros = values.reduce((sum, one) => sum + one.filter((value) => value === 0).length, 0);
  return zeros / values.reduce((sum, { length }) => sum + length, 0);
}
