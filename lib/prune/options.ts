/** What prune() may be asked for, and errors that say what would fit. */
import { PareError } from "../errors.js";
import { pruneCount } from "../kernels/prune.js";
import type { LongCall } from "../progress.js";
import { requireFilter, type NameFilter } from "../rewrite/names.js";
import { importances, type Importance, type ImportanceName } from "./importance.js";

/** At most `n` of `m` consecutive weights along the dimension that the operator sums over are kept. */
export interface Structure {
  n: number;
  m: number;
}

export interface PruneOptions extends LongCall {
  /** Fraction of the weights to prune, 0 to 1: exactly round(sparsity · elements), half to even. */
  sparsity?: number;
  /** As torch.nn.utils.prune's `amount`: a fraction below 1, or a whole number of weights (with scope "local", of each tensor). */
  amount?: number;
  /** Whether each tensor loses its own share, or the least important of all tensors together go. Default "local". */
  scope?: "local" | "global";
  /**
   * Which weights matter: by magnitude (default), by magnitude times gradient on the data of `retrain`, or at random, the
   * baseline.
   */
  importance?: ImportanceName | Importance;
  /** N:M instead of an amount: { n: 2, m: 4 } keeps 2 of every 4. */
  structure?: Structure;
  /** For random importance. Default 0. */
  seed?: number;
  /** Weights to prune, by their own name or that of a node that reads them. */
  names?: NameFilter;
  /** Operator types whose weights are pruned; default: those of `prunableOps`. "Gather" prunes embeddings too. */
  opTypes?: NameFilter;
  /** Whether the given model is changed and returned instead of a new one. Default false. */
  inPlace?: boolean;
}

/** Options with every default in place. */
export interface Resolved extends PruneOptions {
  scope: "local" | "global";
  importance: Importance;
  seed: number;
  inPlace: boolean;
}

const known: readonly string[] = [
  ...["sparsity", "amount", "scope", "importance", "structure", "seed", "names", "opTypes", "inPlace"],
  ...["threads", "signal", "onProgress"],
];

/** Checks what was asked for and fills in the defaults. Throws PARE_OPTION. */
export function resolveOptions(options: PruneOptions): Resolved {
  const given: unknown = options;
  if (typeof given !== "object" || given === null)
    throw new PareError("PARE_OPTION", `prune takes options such as { sparsity: 0.5 }; got ${String(given)}.`);
  for (const key of Object.keys(options))
    if (!known.includes(key))
      throw new PareError("PARE_OPTION", `prune has no option "${key}". It has: ${known.join(", ")}.`);
  const { sparsity, amount, structure, scope = "local", seed = 0, importance = "magnitude" } = options;
  const ways = Object.entries({ sparsity, amount, structure }).filter(([, value]) => value !== undefined);
  if (ways.length !== 1)
    throw new PareError(
      "PARE_OPTION",
      `prune takes one of sparsity, amount and structure; got ${ways.length === 0 ? "none" : ways.map(([name]) => name).join(" and ")}.`,
    );
  if (sparsity !== undefined) pruneCount(sparsity, 0); // checks the range
  if (amount !== undefined && !(amount >= 0 && (amount < 1 || Number.isInteger(amount))))
    throw new PareError(
      "PARE_OPTION",
      `amount must be a fraction below 1 or a whole number of weights; got ${amount}.`,
    );
  if (structure) requireStructure(structure);
  if (!["local", "global"].includes(scope))
    throw new PareError("PARE_OPTION", `scope must be "local" or "global"; got ${JSON.stringify(scope)}.`);
  if (structure && options.scope === "global")
    throw new PareError("PARE_OPTION", "structure prunes within groups of every tensor; scope has no meaning for it.");
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new PareError("PARE_OPTION", `seed must be a whole number; got ${String(seed)}.`);
  requireFilter(options.names, "names");
  requireFilter(options.opTypes, "opTypes");
  return { ...options, scope, seed, importance: importanceOf(importance), inPlace: options.inPlace ?? false };
}

function requireStructure({ n, m }: Structure): void {
  if (Number.isInteger(n) && Number.isInteger(m) && n >= 0 && n <= m && m >= 1) return;
  throw new PareError(
    "PARE_OPTION",
    `structure keeps n of every m weights, 0 ≤ n ≤ m, as { n: 2, m: 4 }; got { n: ${String(n)}, m: ${String(m)} }.`,
  );
}

function importanceOf(importance: ImportanceName | Importance): Importance {
  if (typeof importance === "object") return importance;
  const found = importances[importance] as Importance | undefined;
  if (found) return found;
  throw new PareError(
    "PARE_OPTION",
    `importance must be one of ${Object.keys(importances).join(", ")}; got ${JSON.stringify(importance)}.`,
  );
}

/** How many of `elements` go, by torch's rule: a whole number as it is, a fraction rounded half to even. */
export function countToPrune({ sparsity, amount }: PruneOptions, elements: number, where: string): number {
  if (amount === undefined || amount < 1) return pruneCount(sparsity ?? amount ?? 0, elements);
  if (amount <= elements) return amount;
  throw new PareError("PARE_OPTION", `amount is ${amount} weights, but ${where} has ${elements}.`);
}
