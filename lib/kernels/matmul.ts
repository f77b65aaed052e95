/** Products of matrices, row-major: float32, and 8-bit integers with zero points; and packing the right side ahead. */
import { binding } from "../binding.js";
import { PareError } from "../errors.js";
import { kindOf, requireFloats, requireOut, type Invocation, type KernelOptions } from "./kernel.js";

interface Shape {
  /** Rows of A and of the result. */
  m: number;
  /** Columns of B and of the result. */
  n: number;
  /** Columns of A and rows of B. */
  k: number;
}
export interface MatmulOptions extends KernelOptions, Shape {
  /** A is given as [k, m]. Default: false. */
  transposeA?: boolean;
  /** B is given as [n, k]. Default: false. A packed B says it when it is packed. */
  transposeB?: boolean;
  /** Where to write, m × n, apart from a and b. Default: a new array. */
  out?: Float32Array;
}
/** An 8-bit zero point: a number for all, or an array of the matrix's type with one for all or one for each. */
type ZeroPoint = number | Int8Array | Uint8Array;
export interface MatmulIntegerOptions extends KernelOptions, Shape {
  /** Of A's type: one, or m of them (a row each). Default: 0. */
  aZeroPoint?: ZeroPoint;
  /** Of B's type: one, or n of them (a column each). Default: 0. */
  bZeroPoint?: ZeroPoint;
  /** Where to write, m × n, apart from a and b. Default: a new array. */
  out?: Int32Array;
}
export interface PackOptions extends KernelOptions {
  k: number;
  n: number;
  /** The matrix is given as [n, k]. Default: false. */
  transpose?: boolean;
}

/** A matrix [k, n] laid out as the kernels of one instruction-set level read it. A plain object: workers may be sent it. */
export interface PackedMatrix {
  readonly k: number;
  readonly n: number;
  readonly dtype: "float32" | "int8" | "uint8";
  /** The level it was packed for; products use that level's kernels, even after a switch to another. */
  readonly level: string;
  /** Bytes of `data`: as many as the matrix has, or up to twice that for integers, and some padding. */
  readonly byteLength: number;
  readonly data: ArrayBuffer;
}

function isPacked(b: unknown): b is PackedMatrix {
  return typeof b === "object" && b !== null && "data" in b && "level" in b;
}

/** Checks that a packed b is [k, n] of one of `dtypes`. */
function requirePacked(b: PackedMatrix, { k, n }: Shape, ...dtypes: PackedMatrix["dtype"][]): void {
  if (!dtypes.includes(b.dtype))
    throw new PareError("PARE_TYPE", `b is packed ${b.dtype}; this product takes ${dtypes.join(" or ")}.`);
  if (b.k !== k || b.n !== n)
    throw new PareError("PARE_SHAPE", `b is packed as [${b.k}, ${b.n}]; k and n say [${k}, ${n}].`);
}

export function matmul(
  a: Float32Array,
  b: Float32Array | PackedMatrix,
  options: MatmulOptions,
): Invocation<Float32Array> {
  requireFloats(a, "a");
  const { m, n, k, transposeA = false, transposeB = false, out } = options;
  requireOut(out, "Float32Array");
  const packed = isPacked(b);
  if (packed) {
    requirePacked(b, options, "float32");
    if (transposeB) throw new PareError("PARE_OPTION", "b is packed: pass transpose to pack instead of transposeB.");
  } else {
    requireFloats(b, "b");
  }
  const right = packed ? new Uint8Array(b.data) : b;
  const level = packed ? b.level : undefined;
  return {
    options,
    native: (call) => binding.matmul(a, right, m, n, k, transposeA, transposeB, level, out, call),
    result: (raw) => out ?? new Float32Array(raw as ArrayBuffer),
  };
}

/** The sign of an 8-bit matrix, refusing everything else. */
function isSigned(matrix: unknown, name: string): boolean {
  const kind = kindOf(matrix);
  if (kind !== "Int8Array" && kind !== "Uint8Array")
    throw new PareError("PARE_TYPE", `${name} must be an Int8Array or Uint8Array; got ${kind}.`);
  return kind === "Int8Array";
}

/** A zero point as an array of its matrix's type. */
function zeroPointOf(given: ZeroPoint | undefined, signed: boolean, name: string): Int8Array | Uint8Array | undefined {
  if (typeof given !== "number") return given;
  const zeroPoint = signed ? Int8Array.of(given) : Uint8Array.of(given);
  if (zeroPoint[0] !== given)
    throw new PareError(
      "PARE_OPTION",
      `${name} must be an integer between ${signed ? "-128 and 127" : "0 and 255"}; got ${given}.`,
    );
  return zeroPoint;
}

export function matmulInteger(
  a: Int8Array | Uint8Array,
  b: Int8Array | Uint8Array | PackedMatrix,
  options: MatmulIntegerOptions,
): Invocation<Int32Array> {
  const { m, n, k, out } = options;
  requireOut(out, "Int32Array");
  const packed = isPacked(b);
  if (packed) requirePacked(b, options, "int8", "uint8");
  const bSigned = packed ? b.dtype === "int8" : isSigned(b, "b");
  const aZeroPoint = zeroPointOf(options.aZeroPoint, isSigned(a, "a"), "aZeroPoint");
  const bZeroPoint = zeroPointOf(options.bZeroPoint, bSigned, "bZeroPoint");
  const right = packed ? new Uint8Array(b.data) : b;
  const level = packed ? b.level : undefined;
  return {
    options,
    native: (call) => binding.matmulInteger(a, right, m, n, k, aZeroPoint, bZeroPoint, level, bSigned, out, call),
    result: (raw) => out ?? new Int32Array(raw as ArrayBuffer),
  };
}

const packable: Record<string, PackedMatrix["dtype"]> = {
  Float32Array: "float32",
  Int8Array: "int8",
  Uint8Array: "uint8",
};

export function pack(b: Float32Array | Int8Array | Uint8Array, options: PackOptions): Invocation<PackedMatrix> {
  const { k, n, transpose = false } = options;
  const kind = kindOf(b);
  const dtype = packable[kind];
  if (!dtype)
    throw new PareError("PARE_TYPE", `b must be a Float32Array, Int8Array or Uint8Array to be packed; got ${kind}.`);
  return {
    options,
    native: (call) => binding.pack(b, k, n, transpose, call),
    result: (raw) => {
      const { data, level } = raw as { data: ArrayBuffer; level: string };
      return { k, n, dtype, level, byteLength: data.byteLength, data };
    },
  };
}
