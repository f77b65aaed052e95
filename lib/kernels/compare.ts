/** How far two arrays of floats are apart. */
import { binding } from "../binding.js";
import type { NativeComparison } from "../binding-types.js";
import { requireFloats, type Invocation, type KernelOptions } from "./kernel.js";

/** Over the pairs without a NaN; equal infinities have no error. */
export interface Comparison {
  /** Pairs without a NaN. */
  count: number;
  /** Pairs with one. */
  nanCount: number;
  /** max |a − b|. */
  maxError: number;
  /** mean |a − b|. */
  meanError: number;
  /** a·b / (|a| |b|); 1 for equal arrays of zeros. */
  cosine: number;
  /** 10 · log10(Σ a² / Σ (a − b)²), decibels; Infinity where there is no error. */
  snrDb: number;
}

export const compare = (a: Float32Array, b: Float32Array, options?: KernelOptions): Invocation<Comparison> => {
  requireFloats(a, "a");
  requireFloats(b, "b");
  return {
    options,
    native: (call) => binding.compare(a, b, call),
    result: (raw) => {
      const { count, nanCount, maxError, ...sums } = raw as NativeComparison;
      const norms = Math.sqrt(sums.sumSquareA) * Math.sqrt(sums.sumSquareB);
      return {
        count,
        nanCount,
        maxError,
        meanError: count === 0 ? 0 : sums.sumError / count,
        cosine: norms === 0 ? (maxError === 0 ? 1 : 0) : sums.dot / norms,
        snrDb: sums.sumSquareError === 0 ? Infinity : 10 * Math.log10(sums.sumSquareA / sums.sumSquareError),
      };
    },
  };
};
