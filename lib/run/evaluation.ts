/** What an evaluation found, as a table and as data. */
import { inspect } from "node:util";
import { formatCount, formatDuration, formatNumber, formatPercent, formatPlural } from "../report/format.js";
import { factsTable, renderTable, style, type TextOptions } from "../report/table.js";

export type Metric = "accuracy" | "mse";
export const metrics: readonly Metric[] = ["accuracy", "mse"];

export interface ClassResult {
  label: number;
  name?: string;
  /** Examples of the class, those that were answered rightly, and how often it was the answer. */
  count: number;
  right: number;
  predicted: number;
}

export interface Findings {
  /** The output that was held against the answers. */
  output: string;
  metric: Metric;
  examples: number;
  /** Milliseconds in the model's runs. */
  runMs: number;
  /** Examples (of accuracy) or values (of errors) with a NaN; such an example is answered wrongly, such a value left out. */
  nanCount: number;
  right?: number;
  /** Share of the examples whose label has the largest value; is among the five largest. */
  accuracy?: number;
  top5?: number;
  classes?: readonly ClassResult[];
  /** Mean squared error, its root, mean and largest absolute error. */
  mse?: number;
  rmse?: number;
  mae?: number;
  maxError?: number;
}

export interface EvaluationTextOptions extends TextOptions {
  /** Classes that are listed; default all. Those with the most wrong answers come first where not all are. */
  rows?: number;
}

export class Evaluation implements Findings {
  declare readonly output: string;
  declare readonly metric: Metric;
  declare readonly examples: number;
  declare readonly runMs: number;
  declare readonly nanCount: number;
  declare readonly right?: number;
  declare readonly accuracy?: number;
  declare readonly top5?: number;
  declare readonly classes?: readonly ClassResult[];
  declare readonly mse?: number;
  declare readonly rmse?: number;
  declare readonly mae?: number;
  declare readonly maxError?: number;
  readonly #findings: Findings;

  /** @internal Evaluations come from `evaluate`. */
  constructor(findings: Findings) {
    this.#findings = findings;
    Object.assign(this, findings);
  }

  toString({ rows: limit = Infinity, ...text }: EvaluationTextOptions = {}): string {
    const { examples, right, accuracy, top5, mse, rmse, mae, maxError, nanCount, runMs, classes = [] } = this;
    const facts = factsTable(
      [
        [
          "accuracy",
          accuracy === undefined
            ? ""
            : `${formatPercent(accuracy, 2)} (${formatCount(right!)} of ${formatCount(examples)})`,
        ],
        ["top 5", top5 === undefined ? "" : formatPercent(top5, 2)],
        ["mean squared error", mse === undefined ? "" : `${formatNumber(mse)} (root ${formatNumber(rmse!)})`],
        ["mean absolute error", mae === undefined ? "" : `${formatNumber(mae)} (largest ${formatNumber(maxError!)})`],
        ["examples", accuracy === undefined ? formatCount(examples) : ""],
        ["NaN", nanCount === 0 ? "" : formatCount(nanCount)],
        ["time", `${formatDuration(runMs)} (${formatDuration(runMs / examples)} an example)`],
      ],
      text,
    );
    return [facts, ...(classes.length > 0 ? [this.#classTable(classes, limit, text)] : [])].join("\n\n");
  }

  #classTable(classes: readonly ClassResult[], limit: number, text: TextOptions): string {
    const wrong = ({ count, right }: ClassResult): number => count - right;
    const shown = classes.length <= limit ? classes : [...classes].sort((a, b) => wrong(b) - wrong(a)).slice(0, limit);
    const table = renderTable(
      [
        { title: "class", shorten: "end" },
        { title: "examples", align: "right" },
        { title: "right", align: "right" },
        { title: "recall", align: "right" },
        { title: "precision", align: "right" },
      ],
      shown.map(({ label, name, count, right, predicted }) => [
        name ?? String(label),
        formatCount(count),
        formatCount(right),
        count === 0 ? "" : formatPercent(right / count),
        predicted === 0 ? "" : formatPercent(right / predicted),
      ]),
      text,
    );
    const hidden = classes.length - shown.length;
    const note = `The ${formatPlural(shown.length, "class", "classes")} with the most wrong answers; ${formatCount(hidden)} more.`;
    return hidden > 0 ? `${table}\n${style(note, "dim", text.color)}` : table;
  }

  toJSON(): Findings {
    return this.#findings;
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
