/** Which layers bear pruning: each is pruned alone, by several shares, and the model is measured on data, without retraining. */
import { inspect } from "node:util";
import { joinBatches, type Batches } from "../data/index.js";
import { PareError } from "../errors.js";
import type { Model } from "../model/index.js";
import { formatCount, formatNumber, formatPercent } from "../report/format.js";
import { renderTable, style, type TextOptions } from "../report/table.js";
import { evaluate, type EvaluateOptions } from "../run/evaluate.js";
import type { Evaluation, Metric } from "../run/evaluation.js";
import { prune } from "./index.js";
import type { PruneOptions } from "./options.js";

export interface SensitivityOptions
  extends
    Pick<PruneOptions, "names" | "opTypes" | "importance" | "seed" | "threads" | "signal" | "onProgress">,
    Pick<EvaluateOptions, "metric" | "batchSize" | "output"> {
  /** Shares of a layer's weights that are pruned. Default 0.5, 0.7, 0.8, 0.9, 0.95. */
  sparsities?: readonly number[];
}

/** One tensor, and what the model comes to with so much of it pruned. */
export interface LayerSensitivity {
  name: string;
  op?: string;
  elements: number;
  /** Accuracy or mean squared error, in the order of the sparsities. */
  values: number[];
}

export class Sensitivity {
  constructor(
    readonly metric: Metric,
    /** Of the model as it is. */
    readonly before: number,
    readonly sparsities: readonly number[],
    /** The most sensitive first: what loses most over all sparsities. */
    readonly layers: readonly LayerSensitivity[],
  ) {}

  toString(text: TextOptions = {}): string {
    const shown = (value: number): string =>
      this.metric === "accuracy" ? formatPercent(value, 2) : formatNumber(value);
    const title = `${this.metric} with one layer pruned; ${shown(this.before)} as it is`;
    const table = renderTable(
      [
        { title: "tensor", shorten: "middle" },
        { title: "op", optional: 1 },
        { title: "weights", align: "right", optional: 2 },
        ...this.sparsities.map((sparsity) => ({ title: formatPercent(sparsity, 0), align: "right" as const })),
      ],
      this.layers.map(({ name, op = "", elements, values }) => [name, op, formatCount(elements), ...values.map(shown)]),
      text,
    );
    return `${style(title, "bold", text.color)}\n\n${table}`;
  }

  toJSON(): Pick<Sensitivity, "metric" | "before" | "sparsities" | "layers"> {
    const { metric, before, sparsities, layers } = this;
    return { metric, before, sparsities, layers };
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/** @throws PareError PARE_OPTION for options that do not fit or a model without weights to prune; see `evaluate` for the rest. */
export async function scanSensitivity(
  model: Model,
  data: Batches,
  {
    sparsities = [0.5, 0.7, 0.8, 0.9, 0.95],
    metric,
    batchSize,
    output,
    onProgress,
    ...pruning
  }: SensitivityOptions = {},
): Promise<Sensitivity> {
  const { signal, threads } = pruning;
  const examples = await joinBatches(data, pruning);
  const measured = async (one: Model): Promise<Evaluation> =>
    evaluate(one, examples, {
      ...(signal ? { signal } : {}),
      ...(threads === undefined ? {} : { threads }),
      ...(metric ? { metric } : {}),
      ...(batchSize === undefined ? {} : { batchSize }),
      ...(output === undefined ? {} : { output }),
    });
  const valueOf = ({ accuracy, mse }: Evaluation): number => accuracy ?? mse!;
  const { rows } = (await prune(model, { ...pruning, sparsity: 0 })).report;
  if (rows.length === 0) throw new PareError("PARE_OPTION", "no weight was found to prune.");
  const first = await measured(model);
  const before = valueOf(first);
  const layers: LayerSensitivity[] = [];
  for (const { name, op, dims } of rows) {
    const values: number[] = [];
    for (const sparsity of sparsities) {
      onProgress?.({
        done: layers.length * sparsities.length + values.length,
        total: rows.length * sparsities.length,
        what: name,
      });
      values.push(valueOf(await measured(await prune(model, { ...pruning, names: { include: [name] }, sparsity }))));
    }
    const elements = dims.reduce((product, dim) => product * dim, 1);
    layers.push({ name, ...(op === undefined ? {} : { op }), elements, values });
  }
  const sign = first.metric === "accuracy" ? 1 : -1;
  const sum = ({ values }: LayerSensitivity): number => sign * values.reduce((total, value) => total + value, 0);
  return new Sensitivity(
    first.metric,
    before,
    sparsities,
    layers.sort((a, b) => sum(a) - sum(b)),
  );
}
