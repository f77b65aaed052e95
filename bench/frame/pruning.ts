/** A paper's table of pruning: a dense net, then ever sparser ones by iterative magnitude pruning, over several seeds. */
import { gzipSync } from "node:zlib";
import { performance } from "node:perf_hooks";
import * as pare from "../../lib/index.js";
import { Weight, type Layer, type Model, type TrainOptions } from "../../lib/index.js";
import { errorOf, mean, mnist, percent, type Split } from "./mnist.js";
import type { BenchReport } from "./report.js";

export interface PruningTable {
  dims: readonly number[];
  layers: readonly Layer[];
  /** How the dense net is trained. */
  dense: TrainOptions;
  /** Densities of the stages, each pruned from the one before at once and trained on; the first two are 1 and some less. */
  densities: readonly number[];
  /** How each stage is trained on. */
  stage: TrainOptions & { epochs: number };
  /** Weights as often fewer, without loss. */
  goal: number;
  /** The most that errors may rise at the far end, as a share. */
  mostLoss: number;
  seeds?: number;
}

interface Stage {
  model: Model;
  /** Weights over those that are left. */
  factor: number;
  validationError: number;
}

/** Chooses stages by validation errors, mean over the seeds; only then reads the test data, once a chosen model. */
export async function pruningTable(report: BenchReport, table: PruningTable): Promise<void> {
  const seeds = report.quick ? 1 : (table.seeds ?? 3);
  const runs: { stages: Stage[]; split: Split }[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const split = await mnist(table.dims, seed);
    runs.push({ stages: await stagesOf(report, table, split, seed), split });
  }
  const validation = table.densities.map((_, i) => runs.map(({ stages }) => stages[i]!.validationError));
  const factors = table.densities.map((_, i) => mean(runs.map(({ stages }) => stages[i]!.factor)));
  const stages = report.table("Validation errors of all stages", [
    "weights fewer",
    "validation error, mean ± deviation",
  ]);
  factors.forEach((factor, i) => {
    stages(`${factor.toFixed(1)}×`, percent(validation[i]!));
  });
  const dense = mean(validation[0]!);
  const without = factors.findIndex((factor) => factor >= table.goal);
  let farthest = without;
  validation.forEach((errors, i) => {
    if (mean(errors) <= dense + table.mostLoss && factors[i]! > factors[farthest]!) farthest = i;
  });
  const chosen: [string, number][] = [["dense", 0]];
  if (without >= 0) chosen.push([`≥ ${table.goal}× fewer`, without]);
  if (farthest > without) chosen.push([`≤ ${(100 * table.mostLoss).toFixed(1)} points on validation data`, farthest]);
  const row = report.table("Chosen by validation error; test data read once", [
    "model",
    "weights fewer",
    "weights left",
    "validation error",
    "test error",
    "with int8 weights",
    "float32 file, gzipped",
    "int8 file, gzipped",
  ]);
  for (const [name, i] of chosen) {
    const models = runs.map(({ stages }) => stages[i]!.model);
    const eights = await Promise.all(models.map((model) => pare.quantize(model, { dtype: "int8", mode: "weights" })));
    const test = async (list: readonly Model[]): Promise<number[]> => {
      const errors: number[] = [];
      for (const [run, model] of list.entries()) errors.push(await errorOf(model, runs[run]!.split.test));
      return errors;
    };
    row(
      name,
      `${factors[i]!.toFixed(1)}×`,
      Math.round(mean(models.map((model) => countWeights(model).left))),
      percent(validation[i]!),
      percent(await test(models)),
      percent(await test(eights)),
      kilobytes(models),
      kilobytes(eights),
    );
  }
  report.note(
    `${seeds} seeds of weights, order and split: ${runs[0]!.split.training.y.length.toLocaleString("en-US")} images to train on, ${runs[0]!.split.validation.y.length.toLocaleString("en-US")} for validation, mean ± sample deviation.`,
  );
}

async function stagesOf(report: BenchReport, table: PruningTable, split: Split, seed: number): Promise<Stage[]> {
  const { training, validation } = split;
  const begin = performance.now();
  const log = (what: string): void => {
    report.log(`seed ${seed}, ${((performance.now() - begin) / 1000).toFixed(0)} s: ${what}`);
  };
  const quick = report.quick ? { epochs: 1 } : {};
  const common = { seed, validation, best: false, ...quick };
  const net = pare.sequential(table.layers, { input: table.dims, seed });
  let model = await pare.train(net, training, { ...table.dense, ...common }).finish();
  const stages: Stage[] = [];
  const ratios = dropoutsOf(model);
  for (const density of table.densities) {
    if (density < 1) {
      // Sparse nets need less of it (Han et al. 2015).
      for (const [name, ratio] of ratios)
        model.graph.setWeight(name, Weight.of("float32", [], [ratio * Math.sqrt(density)]));
      const retrain = { data: training, ...table.stage, ...common };
      model = await pare.prune(model, { sparsity: 1 - density, scope: "global", steps: 1, retrain });
    }
    const { all, left } = countWeights(model);
    const validationError = await errorOf(model, validation);
    stages.push({ model, factor: all / left, validationError });
    log(`${(all / left).toFixed(1)}× fewer weights, validation error ${(100 * validationError).toFixed(2)} %`);
    if (report.quick && stages.length > 1) {
      while (stages.length < table.densities.length) stages.push(stages.at(-1)!);
      break;
    }
  }
  return stages;
}

/** Ratios of dropouts by the weight that holds each. */
function dropoutsOf(model: Model): [string, number][] {
  return model.graph.nodes
    .filter(({ opType }) => opType === "Dropout")
    .map(({ inputs }) => [inputs[1]!, model.graph.weight(inputs[1]!)!.toFloats()[0]!]);
}

/** Weights of layers, without biases. */
function countWeights(model: Model): { all: number; left: number } {
  const values = [...model.graph.weights()].filter(([, { dims }]) => dims.length > 1).map(([, w]) => w.toFloats());
  return {
    all: values.reduce((sum, { length }) => sum + length, 0),
    left: values.reduce((sum, one) => sum + one.reduce((count, value) => count + (value === 0 ? 0 : 1), 0), 0),
  };
}

function kilobytes(models: readonly Model[]): string {
  const files = models.map((model) => model.toBytes());
  const size = (list: readonly Uint8Array[]): string => (mean(list.map(({ length }) => length)) / 1024).toFixed(1);
  return `${size(files)} KB, ${size(files.map((file) => gzipSync(file, { level: 9 })))} KB`;
}
