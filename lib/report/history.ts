/** How a model got on while it was trained or pruned: losses and accuracy on what was held back, row by row. */
import { formatPercent } from "./format.js";
import { renderTable, style, type TextOptions } from "./table.js";

/** One epoch, or one step of pruning. */
export interface HistoryRow {
  /** Mean over the batches as they were trained on, penalties left out. */
  trainLoss?: number;
  /** On held-back data. */
  validationLoss: number;
  /** validationLoss − trainLoss */
  generalizationGap?: number;
  /** Share of held-back examples that are right, where targets are labels. */
  accuracy?: number;
  /** Share of the weights that are zero. */
  sparsity?: number;
}

export interface HistoryTextOptions extends TextOptions {
  /** Rows that are shown at most, evenly spread, `chosen` and the last among them; default: all. */
  rows?: number;
  /** Number of the row that the result has the weights of. */
  chosen?: number;
}

const loss = (value: number | undefined): string => (value === undefined ? "" : value.toFixed(4));
const share = (value: number | undefined): string => (value === undefined ? "" : formatPercent(value, 2));

/** A table of rows by their names: "epoch 1", "before". */
export function historyTable(
  history: readonly (readonly [string, HistoryRow])[],
  { rows = Infinity, chosen, ...text }: HistoryTextOptions = {},
): string {
  const last = history.length - 1;
  const every = Math.ceil(history.length / rows);
  const shown = history.map((_, i) => i).filter((i) => i === chosen || i === last || i % every === 0);
  const table = renderTable(
    [
      { title: "after" },
      { title: "sparsity", align: "right" },
      { title: "train loss", align: "right", optional: 1 },
      { title: "validation loss", align: "right" },
      { title: "gap", align: "right", optional: 2 },
      { title: "accuracy", align: "right" },
      { title: "" },
    ],
    shown.map((i) => {
      const [name, row] = history[i]!;
      return [
        name,
        share(row.sparsity),
        loss(row.trainLoss),
        loss(row.validationLoss),
        loss(row.generalizationGap),
        share(row.accuracy),
        i === chosen ? "← these weights" : "",
      ];
    }),
    text,
  );
  const hidden = history.length - shown.length;
  return hidden > 0 ? `${table}\n${style(`${hidden} more are not shown.`, "dim", text.color)}` : table;
}
