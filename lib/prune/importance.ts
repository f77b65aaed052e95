/** Which weights matter, by name; each is a file of its own. */
import type { Floats } from "../binding-types.js";
import { gradient } from "./gradient.js";
import { magnitude } from "./magnitude.js";
import { random } from "./random.js";

/** A tensor that is to be scored. */
export interface Scored {
  name: string;
  dims: readonly number[];
  /** float32 values. */
  values: Floats;
  /** Number of the tensor among all that are pruned. */
  index: number;
  seed: number;
  threads?: number;
  signal?: AbortSignal;
}

/** Scores weights; those of the smallest |score| are pruned first, ties by index. */
export interface Importance {
  readonly name: string;
  /** One float32 score for every weight, comparable between tensors; may be the values themselves. */
  score(tensor: Scored): Floats | Promise<Floats>;
}

export const importances = { magnitude, gradient, random } satisfies Record<string, Importance>;
export type ImportanceName = keyof typeof importances;
