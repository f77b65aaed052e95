/** Transposes matrices of any element type. */
import { binding } from "../binding.js";
import type { TypedArray } from "../binding-types.js";
import { kindOf, requireOut, type Invocation, type KernelOptions } from "./kernel.js";

export interface TransposeOptions<Matrix> extends KernelOptions {
  rows: number;
  columns: number;
  /** Where to write; of x's type and length, elsewhere in memory. Default: a new array. */
  out?: Matrix;
}

export const transpose = <Matrix extends TypedArray>(
  x: Matrix,
  { rows, columns, out, ...options }: TransposeOptions<Matrix>,
): Invocation<Matrix> => {
  requireOut(out, kindOf(x));
  // By name, not by x's own constructor: a Buffer's would be another class.
  const construct = globalThis[kindOf(x) as "Uint8Array"] as unknown as new (buffer: ArrayBuffer) => Matrix;
  return {
    options,
    native: (call) => binding.transpose(x, x.BYTES_PER_ELEMENT, rows, columns, out, call),
    result: (raw) => out ?? new construct(raw as ArrayBuffer),
  };
};
