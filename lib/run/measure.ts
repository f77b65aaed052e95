/** A model tried once, or many times: what it gives, and how long it takes. */
import { inspect } from "node:util";
import type { Tensor } from "onnxruntime-common";
import { PareError } from "../errors.js";
import type { LongCall } from "../progress.js";
import { formatDims, formatDuration, formatNumber } from "../report/format.js";
import { factsTable, printable, renderTable, style, type TextOptions } from "../report/table.js";
import { floatsOf } from "./casts.js";
import { describeInputs, generateInputs, type InputDescription } from "./inputs.js";
import { latencyOf, type Latency } from "./latency.js";
import { runNamed, type Runnable } from "./onnxruntime.js";
import { createSession, nameOf, type RuntimeName, type RuntimeOptions } from "./runtime.js";
import type { RunOptions } from "./session.js";

export interface MeasureOptions extends LongCall, RuntimeOptions {
  /** Values of inputs; others are made up. */
  inputs?: Record<string, Tensor>;
  /** Shapes of inputs that are made up, by name. */
  shapes?: Record<string, readonly number[]>;
  /** Sizes of symbolic dimensions, by their name in the model or as "input.axis". Default: 1 for an input's first, else 64. */
  dims?: Record<string, number>;
  /** For inputs that are made up. Default 0. */
  seed?: number;
  /** Timed runs after the first. Default 0. */
  runs?: number;
}

/** An output in numbers. */
export interface OutputSummary {
  name: string;
  type: string;
  dims: readonly number[];
  /** Over the elements that are numbers; absent for strings. */
  min?: number;
  max?: number;
  mean?: number;
  nanCount: number;
  /** The five largest values of the first row, where a row has several. */
  top?: { index: number; value: number }[];
}

/**
 * Loads the model, runs it and lets it go. Errors: PARE_FILE and PARE_MODEL for a model that does not load, PARE_UNSUPPORTED
 * for one that does not run, PARE_OPTION and PARE_SHAPE for inputs that do not fit.
 */
export async function measure(model: Runnable, options: MeasureOptions = {}): Promise<Measurement> {
  const { inputs: given = {}, runs = 0, runtime = "pare", signal, onProgress } = options;
  if (!Number.isInteger(runs) || runs < 0)
    throw new PareError("PARE_OPTION", `runs must be a whole number, 0 for no timing; got ${runs}.`);
  const name = nameOf(model, "the model");
  const start = performance.now();
  const session = await createSession(model, options);
  const loadMs = performance.now() - start;
  try {
    signal?.throwIfAborted();
    const inputs = generateInputs(session, given, options);
    const feeds = Object.fromEntries(inputs.map((input) => [input.name, input.tensor]));
    const runOptions: RunOptions = signal ? { signal } : {};
    const run = (): Promise<Record<string, Tensor>> => runNamed(session, feeds, name, runOptions);
    const first = performance.now();
    const outputs = await run();
    const firstMs = performance.now() - first;
    const times: number[] = [];
    for (let i = 0; i < runs; i++) {
      onProgress?.({ done: i, total: runs, what: "timing" });
      // onnxruntime-node computes on the event loop: this lets signals in.
      await new Promise(setImmediate);
      signal?.throwIfAborted();
      const begin = performance.now();
      await run();
      times.push(performance.now() - begin);
    }
    const latency = runs === 0 ? undefined : latencyOf(times);
    return new Measurement(name, runtime, describeInputs(inputs), outputs, {
      loadMs,
      firstMs,
      ...(latency ? { latency } : {}),
    });
  } finally {
    await session.release();
  }
}

export interface Times {
  /** Milliseconds of loading and compiling, of the first run, and of those after it. */
  loadMs: number;
  firstMs: number;
  latency?: Latency;
}

export class Measurement {
  readonly summaries: readonly OutputSummary[];

  constructor(
    readonly model: string,
    readonly runtime: RuntimeName,
    readonly inputs: readonly InputDescription[],
    /** Results of the first run, by name. */
    readonly outputs: Readonly<Record<string, Tensor>>,
    readonly times: Times,
  ) {
    this.summaries = Object.entries(outputs).map(([name, tensor]) => summarize(name, tensor));
  }

  toString(format: TextOptions = {}): string {
    const inputs = this.inputs.map(
      ({ name, type, dims, source }) => `${printable(name)} ${type} ${formatDims(dims)} (${source})`,
    );
    const outputs = renderTable(
      [
        { title: "output", shorten: "middle" },
        { title: "type", optional: 1 },
        { title: "shape" },
        { title: "min", align: "right" },
        { title: "max", align: "right" },
        { title: "mean", align: "right" },
        { title: "NaN", align: "right" },
      ],
      this.summaries.map(({ name, type, dims, min, max, mean, nanCount }) => [
        name,
        type,
        formatDims(dims),
        ...[min, max, mean].map((value) => (value === undefined ? "" : formatNumber(value))),
        nanCount === 0 ? "" : String(nanCount),
      ]),
      format,
    );
    const top = this.summaries.flatMap(({ name, top: largest }) =>
      largest
        ? [`${printable(name)}: ${largest.map(({ index, value }) => `${index} (${formatNumber(value)})`).join(", ")}`]
        : [],
    );
    const { loadMs, firstMs, latency } = this.times;
    const facts: [string, string][] = [
      ["load", formatDuration(loadMs)],
      ["first run", formatDuration(firstMs)],
      ["median", latency ? `${formatDuration(latency.medianMs)} of ${latency.turns} more runs` : ""],
      ["95 %", latency ? `within ${formatDuration(latency.p95Ms)}` : ""],
      ["fastest", latency ? formatDuration(latency.minMs) : ""],
    ];
    const titled = (title: string, lines: string[]): string[] =>
      lines.length === 0 ? [] : [`${style(title, "bold", format.color)}\n  ${lines.join("\n  ")}`];
    return [
      ...titled("Inputs", inputs),
      outputs,
      ...titled("Largest of the first row", top),
      factsTable(facts, format),
    ].join("\n\n");
  }

  /** Plain data for JSON, without the outputs' values. */
  toJSON(): Record<string, unknown> {
    const { model, runtime, inputs, summaries, times } = this;
    return { model, runtime, inputs, outputs: summaries, ...times };
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

const topCount = 5;

function summarize(name: string, tensor: Tensor): OutputSummary {
  const { type, dims } = tensor;
  if (type === "string") return { name, type, dims, nanCount: 0 };
  const values = floatsOf(tensor);
  let [min, max, sum, nanCount] = [Infinity, -Infinity, 0, 0];
  for (const value of values) {
    if (Number.isNaN(value)) nanCount++;
    else {
      sum += value;
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  const count = values.length - nanCount;
  const width = dims.at(-1) ?? 1;
  const isRanked = type.startsWith("float") && dims.length <= 2 && width > 1 && values.length > 0;
  return {
    name,
    type,
    dims,
    ...(count > 0 ? { min, max, mean: sum / count } : {}),
    nanCount,
    ...(isRanked ? { top: largestOf(values.subarray(0, width)) } : {}),
  };
}

function largestOf(row: Float32Array): { index: number; value: number }[] {
  return Array.from(row, (value, index) => ({ index, value }))
    .filter(({ value }) => !Number.isNaN(value))
    .sort((a, b) => b.value - a.value)
    .slice(0, topCount);
}
