/** What quantize() may be asked for: types, defaults, and errors that list what would fit. */
import { PareError } from "../errors.js";
import { requireFilter, type NameFilter } from "../rewrite/names.js";
import type { LongCall } from "../progress.js";
import { resolveStatic, staticOptionNames, type ResolvedStatic, type StaticOptions } from "./static/options.js";

/** Integer types, half floats, and the 4-bit float codes of bitsandbytes. */
export const quantizeDtypes = [
  "int8",
  "uint8",
  "int16",
  "uint16",
  "int4",
  "uint4",
  "float16",
  "bfloat16",
  "nf4",
  "fp4",
] as const;
export type QuantizeDtype = (typeof quantizeDtypes)[number];
export type IntegerDtype = "int8" | "uint8" | "int16" | "uint16" | "int4" | "uint4";
export type HalfDtype = "float16" | "bfloat16";
export type BitsAndBytesDtype = "nf4" | "fp4";

export const quantizeModes = ["dynamic", "static", "weights", "matmulnbits", "bnb4"] as const;
export type QuantizeMode = (typeof quantizeModes)[number];

/** The modes of each type, its default first. */
const modesOf: Record<QuantizeDtype, readonly QuantizeMode[]> = {
  int8: ["dynamic", "static", "weights"],
  uint8: ["dynamic", "static", "weights"],
  int16: ["weights"],
  uint16: ["weights"],
  int4: ["matmulnbits", "weights"],
  uint4: ["matmulnbits", "weights"],
  float16: ["weights"],
  bfloat16: ["weights"],
  nf4: ["bnb4"],
  fp4: ["bnb4"],
};

export interface QuantizeOptions extends LongCall, StaticOptions {
  /** Type of the weights in the new model. */
  dtype: QuantizeDtype;
  /**
   * "dynamic": integer arithmetic, activations quantized as they come (int8, uint8; their default).
   * "static": integer arithmetic, activations' ranges fixed beforehand from `calibration` data (int8, uint8).
   * "weights": weights stored small and widened where they are used (DequantizeLinear), or the whole model in float16 or
   * bfloat16 with its inputs and outputs kept.
   * "matmulnbits": com.microsoft MatMulNBits (int4, uint4; their default). "bnb4": com.microsoft MatMulBnb4 (nf4, fp4).
   */
  mode?: QuantizeMode;
  /** One scale for each output channel instead of one for the tensor. Default: true in mode "weights", else false. */
  perChannel?: boolean;
  /** Seven bits of eight, for processors whose int8 products saturate. Default false. */
  reduceRange?: boolean;
  /**
   * Elements that share a scale along the axis that is summed over. "matmulnbits": a power of two from 16 to 256,
   * default 32; "bnb4": default 64; "weights": default none.
   */
  blockSize?: number;
  /** Zero in the middle of the range. Default: true for signed types. */
  symmetric?: boolean;
  /** Operator types to quantize; default: all that the mode knows. */
  opTypes?: NameFilter;
  /** Nodes to quantize, by name (a node without a name goes by its first output). */
  nodes?: NameFilter;
  /** "matmulnbits": precision that the runtime may compute in, 0 (its choice) to 4 (int8). Default 0: left out. */
  accuracyLevel?: number;
  /** float16: magnitudes below become this. Default 1e-7. */
  smallest?: number;
  /** float16: finite magnitudes above become this. Default 1e4. */
  largest?: number;
  /** float16, bfloat16: operator types that stay float32. Default: those that half floats break, or that have no kernel. */
  blockedOps?: readonly string[];
  /** float16, bfloat16: whether inputs and outputs stay float32. Default true. */
  keepIoTypes?: boolean;
}

/** Options with every default in place. */
export interface Resolved extends Omit<QuantizeOptions, keyof StaticOptions>, ResolvedStatic {
  /** "static": nodes that minimumSnrDb keeps float, and the decibels that their integers alone would leave. */
  fragile?: ReadonlyMap<string, number>;
  mode: QuantizeMode;
  perChannel: boolean;
  reduceRange: boolean;
  blockSize: number;
  symmetric: boolean;
  smallest: number;
  largest: number;
  keepIoTypes: boolean;
}

const known = new Set<string>([
  ...["dtype", "mode", "perChannel", "reduceRange", "blockSize", "symmetric", "opTypes", "nodes", "accuracyLevel"],
  ...["smallest", "largest", "blockedOps", "keepIoTypes", "threads", "signal", "onProgress"],
  ...staticOptionNames,
]);

/** Checks what was asked for and fills in the defaults; `preferred` is the mode where the type has it. Throws PARE_OPTION. */
export function resolveOptions(options: QuantizeOptions, preferred?: QuantizeMode): Resolved {
  const given: unknown = options;
  if (typeof given !== "object" || given === null)
    throw new PareError("PARE_OPTION", `quantize takes options such as { dtype: "int8" }; got ${String(given)}.`);
  for (const key of Object.keys(options))
    if (!known.has(key))
      throw new PareError("PARE_OPTION", `quantize has no option "${key}". It has: ${[...known].join(", ")}.`);
  const { dtype } = options;
  if (!quantizeDtypes.includes(dtype))
    throw new PareError("PARE_OPTION", `dtype must be one of ${quantizeDtypes.join(", ")}; got ${quoted(dtype)}.`);
  const modes = modesOf[dtype];
  const mode = options.mode ?? (preferred !== undefined && modes.includes(preferred) ? preferred : modes[0]!);
  if (!quantizeModes.includes(mode))
    throw new PareError("PARE_OPTION", `mode must be one of ${quantizeModes.join(", ")}; got ${quoted(mode)}.`);
  if (!modesOf[dtype].includes(mode))
    throw new PareError(
      "PARE_OPTION",
      `mode "${mode}" has no ${dtype}. For ${dtype} it can be ${list(modesOf[dtype])}; "${mode}" takes ${list(
        quantizeDtypes.filter((type) => modesOf[type].includes(mode)),
      )}.`,
    );
  for (const name of ["perChannel", "reduceRange", "symmetric", "keepIoTypes"] as const) boolean(options[name], name);
  const integers = mode === "dynamic" || mode === "static" || (mode === "weights" && !isHalf(dtype));
  only(options.perChannel, "perChannel", integers, mode, dtype);
  only(options.reduceRange, "reduceRange", integers, mode, dtype);
  only(options.symmetric, "symmetric", integers || mode === "matmulnbits", mode, dtype);
  only(options.accuracyLevel, "accuracyLevel", mode === "matmulnbits", mode, dtype);
  only(options.blockedOps, "blockedOps", isHalf(dtype), mode, dtype);
  only(options.keepIoTypes, "keepIoTypes", isHalf(dtype), mode, dtype);
  only(options.smallest, "smallest", dtype === "float16", mode, dtype);
  only(options.largest, "largest", dtype === "float16", mode, dtype);
  const smallest = options.smallest ?? 1e-7;
  const largest = options.largest ?? 1e4;
  if (!(smallest >= 5.96e-8 && smallest < largest && largest <= 65504))
    throw new PareError(
      "PARE_OPTION",
      `smallest and largest must be what float16 can hold, 5.96e-8 ≤ smallest < largest ≤ 65504; got ${smallest} and ${largest}.`,
    );
  const { accuracyLevel } = options;
  if (accuracyLevel !== undefined && ![0, 1, 2, 3, 4].includes(accuracyLevel))
    throw new PareError("PARE_OPTION", `accuracyLevel must be 0, 1, 2, 3 or 4; got ${accuracyLevel}.`);
  for (const name of staticOptionNames) only(options[name], name, mode === "static", mode, dtype);
  for (const name of ["opTypes", "nodes"] as const) requireFilter(options[name], name);
  return {
    ...options,
    ...resolveStatic(options, mode === "static", dtype),
    mode,
    perChannel: options.perChannel ?? (mode === "weights" && options.blockSize === undefined),
    reduceRange: options.reduceRange ?? false,
    blockSize: blockSizeOf(options, mode),
    symmetric: options.symmetric ?? !dtype.startsWith("u"),
    smallest,
    largest,
    keepIoTypes: options.keepIoTypes ?? true,
  };
}

export function isHalf(dtype: QuantizeDtype): dtype is HalfDtype {
  return dtype === "float16" || dtype === "bfloat16";
}

function blockSizeOf({ blockSize, perChannel, dtype }: QuantizeOptions, mode: QuantizeMode): number {
  only(blockSize, "blockSize", mode !== "dynamic" && mode !== "static" && !isHalf(dtype), mode, dtype);
  if (blockSize === undefined) return { matmulnbits: 32, bnb4: 64, dynamic: 0, static: 0, weights: 0 }[mode];
  const powerOfTwo =
    Number.isInteger(blockSize) && blockSize >= 16 && blockSize <= 256 && Number.isInteger(Math.log2(blockSize));
  if (mode !== "weights" && !powerOfTwo)
    throw new PareError("PARE_OPTION", `blockSize must be 16, 32, 64, 128 or 256 in mode "${mode}"; got ${blockSize}.`);
  if (!Number.isInteger(blockSize) || blockSize < 1)
    throw new PareError("PARE_OPTION", `blockSize must be a whole number of elements; got ${blockSize}.`);
  if (perChannel)
    throw new PareError("PARE_OPTION", "perChannel and blockSize exclude each other: a block has a scale of its own.");
  return blockSize;
}

function only(value: unknown, name: string, allowed: boolean, mode: QuantizeMode, dtype: string): void {
  if (value !== undefined && !allowed)
    throw new PareError("PARE_OPTION", `${name} has no meaning for ${dtype} in mode "${mode}"; leave it out.`);
}

function boolean(value: unknown, name: string): void {
  if (value !== undefined && typeof value !== "boolean")
    throw new PareError("PARE_OPTION", `${name} must be true or false; got ${quoted(value)}.`);
}

const list = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(" or ");

function quoted(value: unknown): string {
  return value === undefined ? "undefined" : JSON.stringify(value);
}
