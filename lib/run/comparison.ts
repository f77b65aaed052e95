/** What comparing two models found, as a table and as data. */
import { inspect } from "node:util";
import { formatBytes, formatDecibels, formatDims, formatDuration, formatNumber } from "../report/format.js";
import { printable, renderTable, style, type TextOptions } from "../report/table.js";
import type { InputDescription } from "./inputs.js";

export interface OutputComparison {
  name: string;
  type: string;
  /** Shape in the last batch. */
  dims: readonly number[];
  elements: number;
  /** Largest and mean |a − b|, over the elements where neither is NaN. */
  maxError: number;
  meanError: number;
  /** a·b / (|a| |b|). */
  cosine: number;
  /** 10·log10(Σa² / Σ(a−b)²). */
  snrDb: number;
  /** Elements where one of both is NaN. */
  nanCount: number;
}

export interface ModelTiming {
  name: string;
  /** Size of the model's file, without external data; undefined for what never was one. */
  bytes: number | undefined;
  /** Milliseconds of a run; undefined where none was timed. */
  medianMs: number | undefined;
  minMs: number | undefined;
}

export class Comparison {
  constructor(
    /** What was fed. */
    readonly inputs: readonly InputDescription[],
    readonly outputs: readonly OutputComparison[],
    /** The two models, a and b. */
    readonly models: readonly [ModelTiming, ModelTiming],
    readonly batches: number,
  ) {}

  /** The smallest cosine of all outputs. */
  get cosine(): number {
    return Math.min(1, ...this.outputs.map((output) => output.cosine));
  }

  get maxError(): number {
    return Math.max(0, ...this.outputs.map((output) => output.maxError));
  }

  toString(format: TextOptions = {}): string {
    const inputs = this.inputs.map(
      ({ name, type, dims, source }) => `${printable(name)} ${type} ${formatDims(dims)} (${source})`,
    );
    const outputs = renderTable(
      [
        { title: "output", shorten: "middle" },
        { title: "shape", optional: 1 },
        { title: "max error", align: "right" },
        { title: "mean error", align: "right" },
        { title: "cosine", align: "right" },
        { title: "SNR", align: "right", optional: 2 },
        { title: "NaN", align: "right" },
      ],
      this.outputs.map((output) => [
        output.name,
        formatDims(output.dims),
        formatNumber(output.maxError),
        formatNumber(output.meanError),
        output.cosine.toFixed(6),
        formatDecibels(output.snrDb),
        output.nanCount === 0 ? "" : String(output.nanCount),
      ]),
      format,
    );
    const [a, b] = this.models;
    const ratio = (one: ModelTiming, key: "bytes" | "medianMs"): string => {
      const from = a[key];
      const value = one[key];
      return one === a || from === undefined || value === undefined || from === 0
        ? ""
        : `${formatNumber(value / from)} ×`;
    };
    const models = renderTable(
      [
        { title: "model", shorten: "middle" },
        { title: "bytes", align: "right" },
        { title: "ratio", align: "right", optional: 1 },
        { title: "median", align: "right" },
        { title: "ratio", align: "right", optional: 2 },
        { title: "fastest", align: "right" },
      ],
      [a, b].map((one) => [
        one.name,
        one.bytes === undefined ? "" : formatBytes(one.bytes),
        ratio(one, "bytes"),
        one.medianMs === undefined ? "" : formatDuration(one.medianMs),
        ratio(one, "medianMs"),
        one.minMs === undefined ? "" : formatDuration(one.minMs),
      ]),
      format,
    );
    return [`${style("Inputs", "bold", format.color)}\n  ${inputs.join("\n  ")}`, outputs, models].join("\n\n");
  }

  /** Plain data for JSON; an infinite ratio (no difference at all) is null there. */
  toJSON(): Record<string, unknown> {
    const { inputs, outputs, models, batches, cosine, maxError } = this;
    return { inputs, outputs, models: { a: models[0], b: models[1] }, batches, cosine, maxError };
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
