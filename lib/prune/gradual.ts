/** Pruning step by step: rank, prune, retrain with the zeros held, measure on held-back data, and go on (Han et al. 2015). */
import type { Batches } from "../data/index.js";
import { teachingOf, type TeachingOptions } from "../distill/teaching.js";
import { PareError } from "../errors.js";
import type { Model } from "../model/index.js";
import type { LongCall } from "../progress.js";
import { Report, type HistoryRow } from "../report/index.js";
import { Loop } from "../train/loop.js";
import type { TrainOptions } from "../train/options.js";
import type { Measure, Trainer } from "../train/trainer.js";
import { gradientOf } from "./gradient.js";
import type { PruneOptions } from "./options.js";
import type { Pruned } from "./index.js";

/** How training goes on after each pruning: `train`'s options, its epochs those of one step. */
export interface RetrainOptions extends Omit<TrainOptions, "inPlace" | "best" | "patience"> {
  data: Batches;
  /** The loss is that of `distill`, with this teacher: the dense model itself, or a better one. Default: none. */
  teacher?: { model: Model } & Omit<TeachingOptions, "cache">;
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
  /**
   * Share of the weights that stay which are exchanged at each step: so many more go, and as many of those that are zero come
   * back where the gradient is largest (Guo et al. 2016; Evci et al. 2020). Default 0.
   */
  regrow?: number;
}

/** What one step came to: the losses of its last epoch, and held-back accuracy after it. */
export type PruningStep = HistoryRow & { sparsity: number };

/** Prunes by the one-shot function that is handed in, retraining in between; the result's report lists the steps. */
export async function pruneGradually(
  model: Model,
  oneShot: (model: Model, options: PruneOptions) => Promise<Pruned>,
  { retrain, schedule, steps, maxDrop, regrow = 0, onProgress, ...options }: PruneOptions & GradualOptions,
): Promise<Pruned & { steps: PruningStep[] }> {
  const goal = options.sparsity;
  if (goal === undefined)
    throw new PareError(
      "PARE_OPTION",
      "retrain needs a sparsity to go to; amount and structure are pruned in one shot.",
    );
  const shares = sharesOf(schedule, steps);
  if (!(regrow >= 0 && regrow < 1))
    throw new PareError("PARE_OPTION", `regrow must be at least 0 and below 1; got ${regrow}.`);
  const { data, teacher, ...training } = retrain;
  const { signal, threads, scope, importance } = options;
  // Which weights there are to prune; scores are not needed for that.
  const first = await oneShot(model, { ...options, importance: "magnitude", inPlace: false, sparsity: goal });
  const epochsEach = training.epochs ?? 1;
  const call: LongCall = {
    ...(signal ? { signal } : {}),
    ...(onProgress ? { onProgress } : {}),
    ...(threads === undefined ? {} : { threads }),
  };
  const taught =
    teacher && teachingOf(model, teacher.model, { ...teacher, cache: true }, { threads: training.threads ?? threads });
  const loop = await Loop.create(
    model,
    data,
    { ...call, ...training, ...(taught && { loss: taught.loss }) },
    {
      ...taught?.extras,
      masked: new Set(first.report.rows.map(({ name }) => name)),
      epochs: epochsEach * shares.length,
      settings: {
        ...taught?.extras.settings,
        ...{ sparsity: goal, schedule, steps, regrow, scope, importance, epochs: epochsEach },
      },
    },
  ).catch(async (error: unknown) => {
    await taught?.release();
    throw error;
  });
  try {
    const { trainer } = loop;
    const memo = (loop.memo ??= { before: await loop.measure(), steps: [], epochs: 0, stopped: false }) as Memo;
    while (memo.steps.length < shares.length && !memo.stopped) {
      const sparsity = goal * shares[memo.steps.length]!;
      if (!memo.pruned) {
        const own = { ...options, inPlace: false };
        if (importance === "gradient") own.importance = gradientOf(await loop.scores("change"));
        let pruned = await oneShot(trainer.write(), { ...own, sparsity: sparsity + regrow * (1 - sparsity) });
        hold(pruned, trainer);
        if (regrow > 0) {
          const scores = new Map([...(await loop.scores("growth"))].filter(([name]) => trainer.masks.has(name)));
          pruned = await oneShot(trainer.write(scores), { ...own, importance: "magnitude", sparsity });
          hold(pruned, trainer);
        }
        memo.pruned = pruned.report.toJSON();
        memo.epochs = 0;
      }
      while (memo.epochs < epochsEach) {
        await loop.epoch();
        memo.epochs++;
        await loop.save();
      }
      const { trainLoss, validationLoss, generalizationGap, accuracy } = loop.history.at(-1)!;
      if (maxDrop !== undefined && (memo.before.accuracy ?? 0) - (accuracy ?? 0) > maxDrop) memo.stopped = true;
      else {
        const rest = accuracy === undefined ? {} : { accuracy };
        memo.steps.push({ sparsity, trainLoss, validationLoss, generalizationGap, ...rest });
        memo.report = memo.pruned;
        loop.kept = trainer.snapshot();
      }
      delete memo.pruned;
      await loop.save();
    }
    if (!memo.report)
      throw new PareError("PARE_OPTION", `the first step already loses more than maxDrop (${maxDrop ?? 0}).`);
    const result = trainer.write(loop.kept, { inPlace: options.inPlace ?? false });
    return Object.assign(result, { report: reportOf(memo, first.report, shares.length), steps: memo.steps });
  } finally {
    await loop.trainer.release();
    await taught?.release();
  }
}

/** What is remembered from step to step, and in checkpoints. */
interface Memo {
  before: Measure;
  steps: PruningStep[];
  /** Whether maxDrop has stopped it. */
  stopped: boolean;
  /** Of the step that is worked on: what was pruned, and the epochs that were trained since. */
  pruned?: ReturnType<Report["toJSON"]>;
  epochs: number;
  /** Of the last step that was kept. */
  report?: ReturnType<Report["toJSON"]>;
}

/** The last step's zeros beside those of the model that was given; a ratio of noise says nothing of retrained weights. */
function reportOf({ report: last, before: dense, steps, stopped }: Memo, first: Report, all: number): Report {
  const report = new Report(last!.title);
  for (const row of last!.rows) {
    const { name, op, dims, from, to, bytesBefore, bytesAfter, zeros } = row;
    const before = first.rows.find((one) => one.name === name);
    const counts = { zerosBefore: before?.zerosBefore ?? 0, zeros: zeros ?? 0 };
    report.add({ name, dims, from, to, bytesBefore, bytesAfter, ...counts, ...(op === undefined ? {} : { op }) });
  }
  for (const { name, reason } of last!.skipped) report.skip(name, reason);
  for (const note of last!.notes) report.note(note);
  const { loss: validationLoss, ...rest } = dense;
  report.history.push({ name: "before", validationLoss, ...rest });
  for (const [i, step] of steps.entries()) report.history.push({ name: `step ${i + 1}`, ...step });
  if (stopped) report.note(`Stopped after ${steps.length} of ${all} steps: maxDrop.`);
  return report;
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

/** Masks that keep the zeros of pruned weights, or of scores; what they leave stays as it is. */
function hold(pruned: Model, { weights, masks }: Trainer): void {
  for (const [name, mask] of masks) {
    const { data } = weights.get(name)!;
    const kept = pruned.graph.weight(name)!.toFloats();
    for (let i = 0; i < mask.length; i++) {
      mask[i] = kept[i] === 0 ? 0 : 1;
      if (kept[i] === 0) data[i] = 0;
    }
  }
}
