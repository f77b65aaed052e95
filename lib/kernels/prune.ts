/** Pruning by magnitude, exact to the element, n of every m, and random scores. */
import { binding } from "../binding.js";
import type { NativePruned, NativePrunedNM } from "../binding-types.js";
import { PareError } from "../errors.js";
import { requireFloats, requireOut, type Invocation, type KernelOptions } from "./kernel.js";
import { resolveAxis } from "./layout.js";

export interface SparsityOptions extends KernelOptions {
  /** The share of elements to prune, 0 to 1: exactly `pruneCount(sparsity, x.length)` of them. */
  sparsity: number;
}

/** Where pruned values and masks go; by default to new arrays. */
interface PruneOutputs extends KernelOptions {
  /** Writes the result over x. */
  inPlace?: boolean;
  /** As long as x. */
  out?: Float32Array;
  /** As long as x. */
  mask?: Uint8Array;
}

/** Either a share of elements, or what counts as small: |x| ≤ threshold. */
export type PruneMagnitudeOptions = PruneOutputs &
  ({ sparsity: number; threshold?: undefined } | { threshold: number; sparsity?: undefined });

export interface Pruned {
  data: Float32Array;
  /** 1 where the value was kept, 0 where it was pruned. */
  mask: Uint8Array;
}
export interface PrunedMagnitude extends Pruned {
  /** How many were pruned. */
  zeros: number;
}

export interface PruneNMOptions extends PruneOutputs {
  /** How many of each group stay. Default: 2. */
  n?: number;
  /** Neighbours in a group, at most 64. Default: 4. */
  m?: number;
  /** x's dimensions. Default: one dimension. */
  shape?: readonly number[];
  /** Along which axis neighbours are. Default: the last. */
  axis?: number;
}

export interface RandomScoresOptions extends KernelOptions {
  /** A non-negative integer. */
  seed: number;
  count: number;
  /** Numbers of two streams are independent: one for each tensor, say. Default: 0. */
  stream?: number;
  out?: Float32Array;
}

/** How many of n elements a sparsity prunes: Python's round(sparsity · n), half to even. */
export function pruneCount(sparsity: number, n: number): number {
  if (!(sparsity >= 0 && sparsity <= 1))
    throw new PareError(
      "PARE_OPTION",
      `sparsity must be between 0 and 1; got ${sparsity}.` +
        (sparsity > 1 && sparsity <= 100 ? ` For ${sparsity} %, pass ${sparsity / 100}.` : ""),
    );
  const exact = sparsity * n;
  const floor = Math.floor(exact);
  const rest = exact - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/** The k-th smallest |x|, k being `pruneCount(sparsity, n)`; 0 where k is 0. NaN counts as the largest. */
export const magnitudeThreshold = (x: Float32Array, options: SparsityOptions): Invocation<number> => {
  requireFloats(x, "x");
  const k = pruneCount(options.sparsity, x.length);
  return {
    options,
    native: (call) => (k === 0 ? 0 : binding.magnitudeThreshold([x], k, call)),
    result: (raw) => raw as number,
  };
};

/** What `inPlace`, `out` and `mask` say, checked. */
function outputsOf(x: Float32Array, { inPlace, out, mask }: PruneOutputs): { out?: Float32Array; mask?: Uint8Array } {
  if (inPlace && out) throw new PareError("PARE_OPTION", "give inPlace or out, not both.");
  requireOut(out, "Float32Array");
  requireOut(mask, "Uint8Array");
  const target = inPlace ? x : out;
  return { ...(target && { out: target }), ...(mask && { mask }) };
}

export const pruneMagnitude = (x: Float32Array, options: PruneMagnitudeOptions): Invocation<PrunedMagnitude> => {
  requireFloats(x, "x");
  const { sparsity, threshold } = options;
  if ((sparsity === undefined) === (threshold === undefined))
    throw new PareError("PARE_OPTION", "give either sparsity or threshold.");
  const { out, mask } = outputsOf(x, options);
  const choice = sparsity === undefined ? { threshold } : { count: pruneCount(sparsity, x.length) };
  return {
    options,
    native: (call) => binding.pruneMagnitude([x], choice, [out], [mask], call),
    result: (raw) => {
      const { data, masks, zeros } = raw as NativePruned;
      return {
        data: out ?? new Float32Array(data[0] as ArrayBuffer),
        mask: mask ?? new Uint8Array(masks![0] as ArrayBuffer),
        zeros: zeros[0]!,
      };
    },
  };
};

export const pruneNM = (x: Float32Array, options: PruneNMOptions = {}): Invocation<Pruned> => {
  requireFloats(x, "x");
  const { n = 2, m = 4, shape = [x.length], axis = -1 } = options;
  const at = resolveAxis(axis, shape.length);
  const product = (dims: readonly number[]): number => dims.reduce((all, dim) => all * dim, 1);
  if (product(shape) !== x.length)
    throw new PareError("PARE_SHAPE", `shape [${shape.join(", ")}] has ${product(shape)} elements; x has ${x.length}.`);
  const { out, mask } = outputsOf(x, options);
  const sizes = { outer: product(shape.slice(0, at)), axis: shape[at]!, inner: product(shape.slice(at + 1)) };
  return {
    options,
    native: (call) => binding.pruneNM(x, { n, m, ...sizes }, out, mask, call),
    result: (raw) => {
      const result = raw as NativePrunedNM;
      return {
        data: out ?? new Float32Array(result.data as ArrayBuffer),
        mask: mask ?? new Uint8Array(result.mask as ArrayBuffer),
      };
    },
  };
};

/** Uniform numbers in [0, 1) from Philox 4×32-10: the i-th depends on seed, stream and i alone. */
export const randomScores = ({
  seed,
  count,
  stream = 0,
  out,
  ...options
}: RandomScoresOptions): Invocation<Float32Array> => {
  requireOut(out, "Float32Array");
  return {
    options,
    native: (call) => binding.randomScores(seed, stream, count, out, call),
    result: (raw) => out ?? new Float32Array(raw as ArrayBuffer),
  };
};
