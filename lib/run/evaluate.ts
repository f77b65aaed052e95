/** How well a model does on data that has the answers: accuracy for labels, squared error for target values. */
import type { InferenceSession, Tensor } from "onnxruntime-common";
import { binding } from "../binding.js";
import type { NativeComparison } from "../binding-types.js";
import { batchesOf, exampleCount, isTensor, labelsOf, type Batches, type Labels } from "../data/batch.js";
import { classNamesOf, numbersHint } from "../data/read.js";
import { PareError } from "../errors.js";
import { offLoop } from "../kernels/kernel.js";
import type { LongCall } from "../progress.js";
import { floatsOf } from "./casts.js";
import { Evaluation, type ClassResult, type Findings, type Metric } from "./evaluation.js";
import { feedsOf, fixedBatchSize, padBatch } from "./feeds.js";
import type { Runnable } from "./onnxruntime.js";
import { createSession, type RuntimeOptions } from "./runtime.js";
import type { RunOptions } from "./session.js";

export interface EvaluateOptions extends LongCall, RuntimeOptions {
  /** Default: accuracy for labels (integers), mean squared error for targets (floats). */
  metric?: Metric;
  /** Examples a run; default 32, or what the model's input says. */
  batchSize?: number;
  /** The output that answers. Default: the first. */
  output?: string;
  /** Default: those of the data. */
  classNames?: readonly string[];
}

/**
 * Runs the model on all of the data. A session stays open; a model is loaded and let go.
 * @throws PareError PARE_OPTION for an empty set, missing or out-of-range labels; PARE_SHAPE where data and model do not fit;
 * the signal's reason where it aborts.
 */
export async function evaluate(
  model: Runnable | InferenceSession,
  data: Batches,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  if (isSession(model)) return evaluateSession(model, data, options);
  const session = await createSession(model, options);
  try {
    return await evaluateSession(session, data, options);
  } finally {
    await session.release();
  }
}

const isSession = (model: Runnable | InferenceSession): model is InferenceSession =>
  typeof model === "object" && "inputMetadata" in model;

async function evaluateSession(
  session: InferenceSession,
  data: Batches,
  options: EvaluateOptions,
): Promise<Evaluation> {
  const { signal, onProgress } = options;
  const output = options.output ?? session.outputNames[0] ?? "";
  if (!session.outputNames.includes(output))
    throw new PareError(
      "PARE_OPTION",
      `the model has no output "${output}"; it has ${session.outputNames.join(", ")}.`,
    );
  const fixed = fixedBatchSize(session);
  const total = "x" in data ? exampleCount(data) : undefined;
  const runOptions: RunOptions = signal ? { signal } : {};
  let done = 0;
  let runMs = 0;
  let scores: Scores | undefined;
  const classNames = options.classNames ?? classNamesOf(data);
  for await (const batch of batchesOf(data, fixed ?? options.batchSize ?? 32)) {
    // onnxruntime-node computes on the event loop: this lets signals in.
    await new Promise(setImmediate);
    signal?.throwIfAborted();
    if (batch.y === undefined)
      throw new PareError("PARE_OPTION", "the data has no labels (y) to hold the outputs against.");
    const count = exampleCount(batch);
    const feeds = feedsOf(session, batch);
    const start = performance.now();
    const results = await session.run(fixed === undefined ? feeds : padBatch(feeds, fixed), [output], runOptions);
    runMs += performance.now() - start;
    scores ??= createScores(options.metric, batch.y);
    await scores.add(results[output]!, batch.y, { first: done, count, output, classNames });
    done += count;
    onProgress?.({ done, total: Math.max(done, total ?? done + count), what: "evaluating" });
  }
  if (!scores) throw new PareError("PARE_OPTION", "the data is empty: there is no example to evaluate on.");
  return new Evaluation({ output, examples: done, runMs, ...scores.result(classNames) });
}

interface Place {
  /** Number of the batch's first example. */
  first: number;
  /** Examples in it; what stands behind them in the output is padding. */
  count: number;
  output: string;
  classNames: readonly string[] | undefined;
}

interface Scores {
  add(result: Tensor, y: Labels, place: Place): Promise<void>;
  result(classNames: readonly string[] | undefined): Omit<Findings, "output" | "examples" | "runMs">;
}

function createScores(metric: Metric | undefined, y: Labels): Scores {
  const isFloat = isTensor(y) ? y.type.startsWith("float") : !Array.from(labelsOf(y)).every(Number.isInteger);
  const chosen = metric ?? (isFloat ? "mse" : "accuracy");
  if (chosen === "accuracy") return new Accuracy();
  if ((chosen as string) !== "mse")
    throw new PareError("PARE_OPTION", `metric must be "accuracy" or "mse"; got "${chosen as string}".`);
  return new SquaredError();
}

/** Right answers: the largest value of a row is the answer, the first of equals. */
class Accuracy implements Scores {
  #right = 0;
  #amongFive = 0;
  #count = 0;
  #classes = 0;
  #nanCount = 0;
  /** By label: how many there are, were found, were answered. */
  readonly #perClass = new Map<number, { count: number; right: number; predicted: number }>();

  add(result: Tensor, y: Labels, { first, count, output, classNames }: Place): Promise<void> {
    const labels = labelsOf(y);
    const { dims, type } = result;
    const isAnswer = /^u?int/.test(type) && dims.slice(1).every((dim) => dim === 1);
    const classes = isAnswer ? Infinity : (dims[1] ?? 0);
    if (!isAnswer && (classes < 2 || !dims.slice(2).every((dim) => dim === 1)))
      throw new PareError(
        "PARE_SHAPE",
        `accuracy needs an output of [examples, classes]; "${output}" is ${type} [${dims.join(", ")}].`,
      );
    requireExamples(result, count, output);
    const values = isAnswer ? labelsOf(result) : floatsOf(result);
    this.#classes = isAnswer ? 0 : classes;
    for (let i = 0; i < count; i++) {
      const label = labels[i]!;
      if (!Number.isInteger(label) || label < 0 || label >= classes)
        throw new PareError(
          "PARE_OPTION",
          `the label of example ${first + i} is ${label}; the model's output "${output}" has ${classes === Infinity ? "classes from 0 on" : `classes 0 to ${classes - 1}`}.${numbersHint(classNames, classes)}`,
        );
      const answer = isAnswer ? values[i]! : this.#answer(values as Float32Array, i * classes, classes, label);
      const right = answer === label;
      const own = this.#of(label);
      own.count++;
      if (right) own.right++;
      if (right) this.#right++;
      this.#of(answer).predicted++;
    }
    this.#count += count;
    return Promise.resolve();
  }

  /** The largest value's index; counts on the way whether the label is among the five largest. A NaN is no answer. */
  #answer(values: Float32Array, start: number, classes: number, label: number): number {
    const own = values[start + label]!;
    let best = -1;
    let largest = -Infinity;
    let before = 0;
    let hasNan = false;
    for (let c = 0; c < classes; c++) {
      const value = values[start + c]!;
      if (Number.isNaN(value)) hasNan = true;
      if (value > largest || (best < 0 && value === largest)) {
        largest = value;
        best = c;
      }
      if (value > own || (value === own && c < label)) before++;
    }
    if (hasNan) this.#nanCount++;
    else if (before < 5) this.#amongFive++;
    return hasNan ? -1 : best;
  }

  #of(label: number): { count: number; right: number; predicted: number } {
    let found = this.#perClass.get(label);
    if (!found) this.#perClass.set(label, (found = { count: 0, right: 0, predicted: 0 }));
    return found;
  }

  result(classNames: readonly string[] | undefined): ReturnType<Scores["result"]> {
    const classes = [...this.#perClass]
      .filter(([label]) => label >= 0)
      .sort(([a], [b]) => a - b)
      .map(([label, counts]): ClassResult => {
        const name = classNames?.[label];
        return { label, ...(name === undefined ? {} : { name }), ...counts };
      });
    return {
      metric: "accuracy",
      right: this.#right,
      accuracy: this.#right / this.#count,
      // With five classes or fewer it says nothing.
      ...(this.#classes > 5 ? { top5: this.#amongFive / this.#count } : {}),
      nanCount: this.#nanCount,
      classes,
    };
  }
}

/** Squared and absolute differences of the output and targets of the same shape. */
class SquaredError implements Scores {
  #square = 0;
  #absolute = 0;
  #largest = 0;
  #values = 0;
  #nanCount = 0;

  async add(result: Tensor, y: Labels, { count, output }: Place): Promise<void> {
    requireExamples(result, count, output);
    const size = result.dims.slice(1).reduce((product, dim) => product * dim, 1);
    const targets = isTensor(y) ? floatsOf(y) : Float32Array.from(y as ArrayLike<number>, Number);
    if (targets.length !== count * size)
      throw new PareError(
        "PARE_SHAPE",
        `targets have ${targets.length / count} values an example; the output "${output}" is [${result.dims.join(", ")}].`,
      );
    const values = floatsOf(result).subarray(0, count * size);
    const found = (await offLoop((call) => binding.compare(targets, values, call), {})) as NativeComparison;
    this.#square += found.sumSquareError;
    this.#absolute += found.sumError;
    this.#largest = Math.max(this.#largest, found.maxError);
    this.#values += found.count;
    this.#nanCount += found.nanCount;
  }

  result(): ReturnType<Scores["result"]> {
    const mse = this.#square / Math.max(1, this.#values);
    return {
      metric: "mse",
      mse,
      rmse: Math.sqrt(mse),
      mae: this.#absolute / Math.max(1, this.#values),
      maxError: this.#largest,
      nanCount: this.#nanCount,
    };
  }
}

function requireExamples({ dims }: Tensor, count: number, output: string): void {
  if ((dims[0] ?? 0) < count)
    throw new PareError(
      "PARE_SHAPE",
      `the output "${output}" is [${dims.join(", ")}] for ${count} examples; its first dimension should count them.`,
    );
}
