/** Pruning step by step: rank, prune, retrain with the zeros held, measure on held-back data, and go on (Han et al. 2015). */
import { PareError } from "../errors.js";
import type { Batches } from "../data/index.js";
import type { Model } from "../model/index.js";
import type { LongCall } from "../progress.js";
import type { HistoryRow, Report } from "../report/index.js";
import { Loop, type Epoch, type TrainOptions } from "../train/loop.js";
import type { PruneOptions } from "./options.js";
import type { Pruned } from "./index.js";

/** How training goes on after each pruning: `train`'s options, its epochs those of one step. */
export interface RetrainOptions extends Omit<TrainOptions, "inPlace" | "best" | "patience"> {
  data: Batches;
}

export const pruneSchedules = ["oneShot", "linear", "cubic"] as const;

export interface GradualOptions {
  retrain: RetrainOptions;
  /** How sparsity grows: all at once, evenly, or fast at first (Zhu & Gupta 2017). Default: "cubic", with one step "oneShot". */
  schedule?: (typeof pruneSchedules)[number];
  /** How many times something is pruned. Default 10, with oneShot 1. */
  steps?: number;
  /** Stops before accuracy on held-back data has dropped by more than this share, 0.01 for a point; default: never. */
  maxDrop?: number;
}

/** What one step came to: the losses of its last epoch, and held-back accuracy after it. */
export type PruningStep = HistoryRow & { sparsity: number };

/** Prunes by the one-shot function that is handed in, retraining in between; the result's report lists the steps. */
export async function pruneGradually(
  model: Model,
  oneShot: (model: Model, options: PruneOptions) => Promise<Pruned>,
  { retrain, schedule, steps, maxDrop, onProgress, ...options }: PruneOptions & GradualOptions,
): Promise<Pruned & { steps: PruningStep[] }> {
  const goal = options.sparsity;
  if (goal === undefined)
    throw new PareError(
      "PARE_OPTION",
      "retrain needs a sparsity to go to; amount and structure are pruned in one shot.",
    );
  const shares = sharesOf(schedule, steps);
  const { data, ...training } = retrain;
  const { signal, threads } = options;
  const first = await oneShot(model, { ...options, inPlace: false, sparsity: goal });
  const names = new Set(first.report.rows.map(({ name }) => name));
  const epochsEach = training.epochs ?? 1;
  const call: LongCall = {
    ...(signal ? { signal } : {}),
    ...(onProgress ? { onProgress } : {}),
    ...(threads === undefined ? {} : { threads }),
  };
  const extras = { masked: names, epochs: epochsEach * shares.length };
  const loop = await Loop.create(model, data, { ...call, ...training }, extras);
  try {
    const { trainer } = loop;
    const before = await loop.measure();
    const done: PruningStep[] = [];
    let kept: { weights: Map<string, Float32Array>; report: Report } | undefined;
    for (const share of shares) {
      const sparsity = goal * share;
      const pruned = await oneShot(trainer.write(), { ...options, inPlace: false, sparsity });
      hold(pruned, trainer.weights, trainer.masks);
      let last!: Epoch;
      for (let epoch = 0; epoch < epochsEach; epoch++) last = await loop.epoch();
      const { trainLoss, validationLoss, generalizationGap, accuracy } = last;
      const drop = (before.accuracy ?? 0) - (accuracy ?? 0);
      if (maxDrop !== undefined && drop > maxDrop) break;
      kept = { weights: trainer.snapshot(), report: pruned.report };
      done.push({
        sparsity,
        trainLoss,
        validationLoss,
        generalizationGap,
        ...(accuracy === undefined ? {} : { accuracy }),
      });
    }
    if (!kept) throw new PareError("PARE_OPTION", `the first step already loses more than maxDrop (${maxDrop ?? 0}).`);
    const result = trainer.write(kept.weights, { inPlace: options.inPlace ?? false });
    const { report } = kept;
    const { loss: validationLoss, ...rest } = before;
    report.history.push({ name: "before", validationLoss, ...rest });
    for (const [i, step] of done.entries()) report.history.push({ name: `step ${i + 1}`, ...step });
    if (done.length < shares.length) report.note(`Stopped after ${done.length} of ${shares.length} steps: maxDrop.`);
    return Object.assign(result, { report, steps: done });
  } finally {
    await loop.trainer.release();
  }
}

/** The share of the goal that each step goes to. */
function sharesOf(schedule: GradualOptions["schedule"], given: number | undefined): number[] {
  const kind = schedule ?? (given === 1 ? "oneShot" : "cubic");
  const steps = given ?? (kind === "oneShot" ? 1 : 10);
  if (!Number.isInteger(steps) || steps < 1)
    throw new PareError("PARE_OPTION", `steps must be a whole number of at least 1; got ${steps}.`);
  if (!pruneSchedules.includes(kind))
    throw new PareError("PARE_OPTION", `schedule must be oneShot, linear or cubic; got ${kind}.`);
  if (kind === "oneShot") return Array.from({ length: steps }, () => 1);
  return Array.from({ length: steps }, (_, i) => {
    const at = (i + 1) / steps;
    return kind === "linear" ? at : 1 - (1 - at) ** 3;
  });
}

/** The pruned weights, and masks that keep their zeros. */
function hold(
  pruned: Model,
  weights: ReadonlyMap<string, { data: Float32Array }>,
  masks: ReadonlyMap<string, Float32Array>,
): void {
  for (const [name, mask] of masks) {
    const values = pruned.graph.weight(name)!.toFloats();
    weights.get(name)!.data.set(values);
    mask.set(values.map((value) => (value === 0 ? 0 : 1)));
  }
}
