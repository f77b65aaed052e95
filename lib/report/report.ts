/** What a technique did to a model: every tensor's sizes and errors, what was left alone and why. */
import { inspect } from "node:util";
import {
  formatBytes,
  formatCount,
  formatDecibels,
  formatDims,
  formatNumber,
  formatPercent,
  formatPlural,
} from "./format.js";
import { historyTable, type HistoryRow } from "./history.js";
import { printable, renderTable, shorten, style, wrap, type Column, type TextOptions } from "./table.js";

/** One tensor before and after. */
export interface TensorReport {
  name: string;
  /** Type of the operator that reads it. */
  op?: string;
  dims: readonly number[];
  /** Element types before and after, in ONNX's words or a scheme's name ("nf4"). */
  from: string;
  to: string;
  bytesBefore: number;
  /** Everything that stands for the tensor now, scales and zero points included. */
  bytesAfter: number;
  /** Signal-to-noise ratio, 10·log10(Σx² / Σ(x−x̂)²); Infinity where nothing changed. */
  snrDb?: number;
  /** Largest |x − x̂|. */
  maxError?: number;
  /** Elements that are zero, before and after. */
  zerosBefore?: number;
  zeros?: number;
  /** zeros / elements. */
  sparsity?: number;
}

/** A row as techniques hand it in; `error` is what `quantizationError` measured, from which the ratio follows. */
export interface TensorReportInput extends Omit<TensorReport, "sparsity"> {
  error?: { signal: number; noise: number; maxError?: number };
}

/** An activation that became integers, on data that it was measured on. */
export interface ActivationReport {
  name: string;
  /** Type of the operator that makes it; empty for an input. */
  op: string;
  scale: number;
  zeroPoint: number;
  /** Of the float model's values against those of the quantized model, errors of everything before included. */
  snrDb: number;
  cosine: number;
}

/** A tensor or node that was left as it was. */
export interface SkippedReport {
  name: string;
  reason: string;
}

/** All rows together; `snrDb` is that of the rows whose error is known. */
export interface ReportTotals {
  tensors: number;
  elements: number;
  bytesBefore: number;
  bytesAfter: number;
  snrDb?: number;
  maxError?: number;
  zerosBefore?: number;
  zeros?: number;
  sparsity?: number;
}

export interface ReportTextOptions extends TextOptions {
  /** Rows to show at most, the largest tensors; default: all. */
  rows?: number;
}

/** 10·log10(signal / noise): Infinity without noise. */
export function signalToNoise(signal: number, noise: number): number {
  return noise === 0 ? Infinity : 10 * Math.log10(signal / noise);
}

/** Notes that are shown where rows are limited. */
const notesBesideRows = 8;

const elementsOf = (row: TensorReport): number => row.dims.reduce((product, dim) => product * dim, 1);

/** Filled by a technique, then attached to the model that it returns. */
export class Report {
  readonly title: string;
  readonly rows: TensorReport[] = [];
  /** In the order of the graph; filled by static quantization. */
  readonly activations: ActivationReport[] = [];
  /** Steps that were retrained and measured, by name; filled by gradual pruning. */
  readonly history: (HistoryRow & { name: string })[] = [];
  readonly skipped: SkippedReport[] = [];
  readonly notes: string[] = [];
  /** Σx² and Σ(x−x̂)² over the rows whose error was measured. */
  #signal = 0;
  #noise = 0;
  #measured = false;
  readonly #known = new Set<string>();

  constructor(title: string) {
    this.title = title;
  }

  /** Adds a tensor; ratios are derived from `error` and the counts. */
  add({ error, ...row }: TensorReportInput): this {
    const derived: TensorReport = { ...row };
    if (error) {
      derived.snrDb ??= signalToNoise(error.signal, error.noise);
      if (error.maxError !== undefined) derived.maxError ??= error.maxError;
      this.#signal += error.signal;
      this.#noise += error.noise;
      this.#measured = true;
    }
    if (row.zeros !== undefined) derived.sparsity = row.zeros / Math.max(1, elementsOf(row));
    this.rows.push(derived);
    return this;
  }

  /** Records what was left alone, and why; the same pair is kept once. */
  skip(name: string, reason: string): this {
    const key = JSON.stringify([name, reason]);
    if (!this.#known.has(key)) this.skipped.push({ name, reason });
    this.#known.add(key);
    return this;
  }

  /** A sentence for the reader; the same one is kept once. */
  note(text: string): this {
    if (!this.notes.includes(text)) this.notes.push(text);
    return this;
  }

  get totals(): ReportTotals {
    const sum = (value: (row: TensorReport) => number | undefined): number =>
      this.rows.reduce((total, row) => total + (value(row) ?? 0), 0);
    const totals: ReportTotals = {
      tensors: this.rows.length,
      elements: sum(elementsOf),
      bytesBefore: sum((row) => row.bytesBefore),
      bytesAfter: sum((row) => row.bytesAfter),
    };
    if (this.#measured) totals.snrDb = signalToNoise(this.#signal, this.#noise);
    if (this.rows.some((row) => row.maxError !== undefined))
      totals.maxError = this.rows.reduce((largest, row) => Math.max(largest, row.maxError ?? 0), 0);
    if (this.rows.some((row) => row.zerosBefore !== undefined)) totals.zerosBefore = sum((row) => row.zerosBefore);
    if (this.rows.some((row) => row.zeros !== undefined)) {
      totals.zeros = sum((row) => row.zeros);
      totals.sparsity = totals.zeros / Math.max(1, totals.elements);
    }
    return totals;
  }

  /** The report as text: a table, what was skipped by reason, notes. Default: no limit of width, no colour, all rows. */
  toString({ rows: limit = Infinity, ...text }: ReportTextOptions = {}): string {
    const parts = [style(printable(this.title), "bold", text.color)];
    if (this.rows.length > 0) parts.push(this.#table(limit, text));
    const hidden = this.rows.length - limit;
    if (hidden > 0)
      parts.push(style(`The ${limit} largest tensors are shown, ${hidden} more are not.`, "dim", text.color));
    if (this.activations.length > 0) parts.push(this.#activationsText(limit, text));
    if (this.history.length > 0)
      parts.push(
        historyTable(
          this.history.map((row) => [row.name, row]),
          { ...text, rows: limit },
        ),
      );
    if (this.skipped.length > 0) parts.push(this.#skippedText(text));
    if (this.notes.length > 0) parts.push(this.#notesText(limit, text));
    return parts.join("\n\n");
  }

  #table(limit: number, text: TextOptions): string {
    const sized = new Map(this.rows.map((row) => [row, row.bytesBefore]));
    const largest = new Set([...sized.keys()].sort((a, b) => sized.get(b)! - sized.get(a)!).slice(0, limit));
    const { totals } = this;
    const pruned = totals.zeros !== undefined;
    const columns: Column[] = [
      { title: "tensor", shorten: "middle" },
      { title: "op", shorten: "end", optional: 2 },
      { title: "shape", optional: 1 },
      { title: "type", optional: 3 },
      { title: "bytes", align: "right", optional: 4 },
      { title: "after", align: "right" },
      { title: "ratio", align: "right" },
      { title: "zeros", align: "right", optional: 5 },
      { title: "sparsity", align: "right" },
      { title: "SNR", align: "right" },
      { title: "max error", align: "right", optional: 6 },
    ];
    const changed = totals.bytesAfter !== totals.bytesBefore;
    const numbers = (row: TensorReport | ReportTotals): string[] => [
      formatBytes(row.bytesBefore),
      changed ? formatBytes(row.bytesAfter) : "",
      changed ? formatPercent(row.bytesAfter / Math.max(1, row.bytesBefore)) : "",
      row.zeros === undefined ? "" : formatCount(row.zeros),
      row.sparsity === undefined ? "" : formatPercent(row.sparsity),
      row.snrDb === undefined ? "" : formatDecibels(row.snrDb),
      row.maxError === undefined || pruned ? "" : formatNumber(row.maxError),
    ];
    const cells = this.rows
      .filter((row) => largest.has(row))
      .map((row) => [
        row.name,
        row.op ?? "",
        formatDims(row.dims),
        row.from === row.to ? row.to : `${row.from} → ${row.to}`,
        ...numbers(row),
      ]);
    return renderTable(columns, cells, {
      ...text,
      footer: [`${formatCount(totals.tensors)} in all`, "", "", "", ...numbers(totals)],
    });
  }

  /** The worst ones first where rows are limited. */
  #activationsText(limit: number, text: TextOptions): string {
    const worst = new Set([...this.activations].sort((a, b) => a.snrDb - b.snrDb).slice(0, limit));
    const columns: Column[] = [
      { title: "activation", shorten: "middle" },
      { title: "made by", shorten: "end", optional: 2 },
      { title: "scale", align: "right", optional: 1 },
      { title: "zero point", align: "right", optional: 1 },
      { title: "SNR", align: "right" },
      { title: "cosine", align: "right" },
    ];
    const cells = this.activations
      .filter((row) => worst.has(row))
      .map(({ name, op, scale, zeroPoint, snrDb, cosine }) => [
        name,
        op,
        formatNumber(scale),
        String(zeroPoint),
        formatDecibels(snrDb),
        cosine.toFixed(5),
      ]);
    const hidden = this.activations.length - worst.size;
    const more =
      hidden > 0
        ? `\n${style(`The ${limit} worst activations are shown, ${hidden} more are not.`, "dim", text.color)}`
        : "";
    return `${renderTable(columns, cells, text)}${more}`;
  }

  #notesText(limit: number, { width }: TextOptions): string {
    const shown = this.notes.slice(0, limit < Infinity ? notesBesideRows : Infinity);
    const hidden = this.notes.length - shown.length;
    return [...shown, ...(hidden > 0 ? [`And ${formatPlural(hidden, "more note", "more notes")}.`] : [])]
      .map((note) => wrap(printable(note), width))
      .join("\n");
  }

  #skippedText({ width, color }: TextOptions): string {
    const names = new Map<string, string[]>();
    for (const { name, reason } of this.skipped) names.set(reason, [...(names.get(reason) ?? []), name]);
    const lines = Array.from(names, ([reason, all]) => {
      const some = all.slice(0, 3).map((name) => shorten(printable(name), 40, "middle"));
      const more = all.length > some.length ? ` and ${formatCount(all.length - some.length)} more` : "";
      return wrap(`  ${formatCount(all.length)} × ${printable(reason)}: ${some.join(", ")}${more}`, width, "    ");
    });
    return `${style("Left as they were", "bold", color)}\n${lines.join("\n")}`;
  }

  /** Plain data for JSON; an infinite ratio (no error at all) is null there, as JSON has no infinity. */
  toJSON(): {
    title: string;
    totals: ReportTotals;
    rows: TensorReport[];
    activations?: ActivationReport[];
    history?: (HistoryRow & { name: string })[];
    skipped: SkippedReport[];
    notes: string[];
  } {
    const { title, totals, rows, activations, history, skipped, notes } = this;
    return {
      title,
      totals,
      rows,
      ...(activations.length > 0 ? { activations } : {}),
      ...(history.length > 0 ? { history } : {}),
      skipped,
      notes,
    };
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
