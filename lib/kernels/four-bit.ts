/** Packs weights into four bits for ONNX Runtime's MatMulNBits and MatMulBnb4. */
import { binding } from "../binding.js";
import type { NativeBnb4, NativeMatMulNBits } from "../binding-types.js";
import { requireFloats, type Invocation, type KernelOptions } from "./kernel.js";

/** The matrix: k rows (the dimension that MatMul sums over) of n columns, row-major. */
interface MatrixOptions extends KernelOptions {
  k: number;
  n: number;
}
export interface MatMulNBitsOptions extends MatrixOptions {
  /** Rows that share a scale: a power of two from 16 to 256. Default: 32. */
  blockSize?: number;
  /** Without zero points. Default: true. */
  symmetric?: boolean;
}
export interface MatMulNBits {
  /** [n, ceil(k / blockSize), blockSize / 2] bytes, two rows each, low nibble first. */
  data: Uint8Array;
  /** [n, ceil(k / blockSize)]. */
  scales: Float32Array;
  /** [n, ceil(ceil(k / blockSize) / 2)] bytes; absent when symmetric: the zero point is 8. */
  zeroPoints?: Uint8Array;
}
export interface Bnb4Options extends MatrixOptions {
  /** Values that share a scale: a power of two from 16 to 4096. Default: 64. */
  blockSize?: number;
  /** The code: NF4 (default) or FP4 of bitsandbytes. */
  type?: "nf4" | "fp4";
}
export interface Bnb4 {
  /** ceil(k · n / 2) bytes over the transposed matrix, high nibble first. */
  data: Uint8Array;
  /** The largest magnitude of each block. */
  absmax: Float32Array;
}

export const packMatMulNBits = (
  x: Float32Array,
  { k, n, blockSize = 32, symmetric = true, ...options }: MatMulNBitsOptions,
): Invocation<MatMulNBits> => {
  requireFloats(x, "x");
  return {
    options,
    native: (call) => binding.packMatMulNBits(x, { k, n, blockSize, symmetric }, call),
    result: (raw) => {
      const { data, scales, zeroPoints } = raw as NativeMatMulNBits;
      return {
        data: new Uint8Array(data),
        scales: new Float32Array(scales),
        ...(zeroPoints && { zeroPoints: new Uint8Array(zeroPoints) }),
      };
    },
  };
};

export const packBnb4 = (
  x: Float32Array,
  { k, n, blockSize = 64, type = "nf4", ...options }: Bnb4Options,
): Invocation<Bnb4> => {
  requireFloats(x, "x");
  return {
    options,
    native: (call) => binding.packBnb4(x, { k, n, blockSize, type }, call),
    result: (raw) => {
      const { data, absmax } = raw as NativeBnb4;
      return { data: new Uint8Array(data), absmax: new Float32Array(absmax) };
    },
  };
};
