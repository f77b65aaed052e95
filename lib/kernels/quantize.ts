/** float32 ⇄ integers on a grid of scale and zero point; ONNX QuantizeLinear and DequantizeLinear. */
import { binding } from "../binding.js";
import type {
  NativeQuantizationError,
  NativeQuantized,
  QuantizationLayout,
  QuantizedType,
  TypedArray,
} from "../binding-types.js";
import { PareError } from "../errors.js";
import { kindOf, requireFloats, requireOut, type Invocation, type KernelOptions } from "./kernel.js";
import { layoutOf, scaleCountOf, type LayoutOptions } from "./layout.js";

/** int8 → Int8Array and so on; int4 and uint4 lie two a byte in a Uint8Array, low nibble first. */
export type QuantizedArray = Int8Array | Uint8Array | Int16Array | Uint16Array;

export interface QuantizeOptions extends KernelOptions, LayoutOptions {
  dtype: QuantizedType;
  /** How a scale is computed: around zero, or from the smallest to the largest value. Default: symmetric for signed types,
   * asymmetric for unsigned ones. */
  scheme?: "symmetric" | "asymmetric";
  /** One, or as many as the layout has; computed when absent (over finite values, rules of onnxruntime.quantization). */
  scale?: number | Float32Array;
  /** One, or as many as scales, stored as the data is. Default: 0. Needs `scale`. */
  zeroPoint?: number | QuantizedArray;
  /** Computed scales leave out one bit, for processors whose 8-bit products saturate. */
  reduceRange?: boolean;
  /** Where the quantized data goes. Default: a new array. */
  out?: QuantizedArray;
}

export interface Quantized {
  data: QuantizedArray;
  scale: Float32Array;
  /** Stored as the data is: four-bit ones two a byte. */
  zeroPoint: QuantizedArray;
  /** NaNs met; each became the zero point. */
  nanCount: number;
}

/** The grid of data that is quantized already. */
export interface GridOptions extends KernelOptions, LayoutOptions {
  /** Default: the array's own type. Must be given for int4 and uint4. */
  dtype?: QuantizedType;
  scale: number | Float32Array;
  /** Default: 0. */
  zeroPoint?: number | QuantizedArray;
}
export interface DequantizeOptions extends GridOptions {
  /** Where to write. Default: a new array. */
  out?: Float32Array;
}

/** How far quantized data is from what it stands for, over the finite values. */
export interface QuantizationError {
  /** Σ x². */
  signal: number;
  /** Σ (x − x')². */
  noise: number;
  /** 10 · log10(signal / noise), decibels; Infinity where nothing was lost. */
  snrDb: number;
  maxError: number;
  /** Finite values compared. */
  count: number;
}

interface Storage {
  kind: "Int8Array" | "Uint8Array" | "Int16Array" | "Uint16Array";
  view: (buffer: ArrayBuffer) => QuantizedArray;
  low: number;
  high: number;
}
const bytes = (buffer: ArrayBuffer): QuantizedArray => new Uint8Array(buffer);
const storages: Record<QuantizedType, Storage> = {
  int8: { kind: "Int8Array", view: (buffer) => new Int8Array(buffer), low: -128, high: 127 },
  uint8: { kind: "Uint8Array", view: bytes, low: 0, high: 255 },
  int16: { kind: "Int16Array", view: (buffer) => new Int16Array(buffer), low: -32768, high: 32767 },
  uint16: { kind: "Uint16Array", view: (buffer) => new Uint16Array(buffer), low: 0, high: 65535 },
  int4: { kind: "Uint8Array", view: bytes, low: -8, high: 7 },
  uint4: { kind: "Uint8Array", view: bytes, low: 0, high: 15 },
};
const isFourBit = (dtype: QuantizedType): boolean => dtype === "int4" || dtype === "uint4";

function storageOf(dtype: QuantizedType): Storage {
  if (!Object.hasOwn(storages, dtype))
    throw new PareError("PARE_OPTION", `dtype must be one of ${Object.keys(storages).join(", ")}; got ${dtype}.`);
  return storages[dtype];
}

/** Bytes or elements that `count` values take in the array of their type. */
const lengthOf = (dtype: QuantizedType, count: number): number => (isFourBit(dtype) ? Math.ceil(count / 2) : count);

function scalesOf(scale: number | Float32Array, layout: QuantizationLayout): Float32Array {
  if (typeof scale === "number") return new Float32Array(scaleCountOf(layout)).fill(scale);
  requireFloats(scale, "scale");
  return scale;
}

function zeroPointsOf(
  zeroPoint: number | QuantizedArray | undefined,
  dtype: QuantizedType,
  layout: QuantizationLayout,
): QuantizedArray | undefined {
  if (zeroPoint === undefined) return undefined;
  const { kind, view, low, high } = storageOf(dtype);
  if (typeof zeroPoint === "number") {
    if (!Number.isInteger(zeroPoint) || zeroPoint < low || zeroPoint > high)
      throw new PareError(
        "PARE_OPTION",
        `zeroPoint must be an integer from ${low} to ${high} for ${dtype}; got ${zeroPoint}.`,
      );
    const count = scaleCountOf(layout);
    const length = lengthOf(dtype, count);
    const points = view(new ArrayBuffer(kind.endsWith("16Array") ? length * 2 : length));
    points.fill(isFourBit(dtype) ? (zeroPoint & 15) * 17 : zeroPoint);
    return points;
  }
  if (kindOf(zeroPoint) !== kind)
    throw new PareError("PARE_TYPE", `zeroPoint of ${dtype} must be a ${kind}; got ${kindOf(zeroPoint)}.`);
  return zeroPoint;
}

export const quantize = (x: Float32Array, options: QuantizeOptions): Invocation<Quantized> => {
  requireFloats(x, "x");
  const { dtype, out, reduceRange = false } = options;
  const { kind, view } = storageOf(dtype);
  const { scheme = dtype.startsWith("u") ? "asymmetric" : "symmetric" } = options;
  requireOut(out, kind);
  // A misspelt scheme must not silently mean the other one.
  if (!["symmetric", "asymmetric"].includes(scheme))
    throw new PareError("PARE_OPTION", `scheme must be symmetric or asymmetric; got ${scheme}.`);
  if (options.zeroPoint !== undefined && options.scale === undefined)
    throw new PareError("PARE_OPTION", "zeroPoint needs a scale; leave both out to have them computed.");
  const layout = layoutOf(x.length, options);
  const scale = options.scale === undefined ? undefined : scalesOf(options.scale, layout);
  const zeroPoint = zeroPointsOf(options.zeroPoint, dtype, layout);
  const given = { ...(scale && { scale }), ...(zeroPoint && { zeroPoint }) };
  return {
    options,
    native: (call) =>
      binding.quantize(x, layout, { dtype, symmetric: scheme === "symmetric", reduceRange, ...given }, out, call),
    result: (raw) => {
      const result = raw as NativeQuantized;
      return {
        data: out ?? view(result.data as ArrayBuffer),
        scale: new Float32Array(result.scale),
        zeroPoint: view(result.zeroPoint),
        nanCount: result.nanCount,
      };
    },
  };
};

/** The type of quantized data, and how many values it holds. */
function contentOf(q: TypedArray, options: GridOptions, count?: number): { dtype: QuantizedType; count: number } {
  const kind = kindOf(q);
  const own = (["int8", "uint8", "int16", "uint16"] as const).find((type) => storages[type].kind === kind);
  const dtype = options.dtype ?? own;
  if (dtype === undefined || storageOf(dtype).kind !== kind)
    throw new PareError(
      "PARE_TYPE",
      `q must be ${dtype === undefined ? "an Int8Array, Uint8Array, Int16Array or Uint16Array" : `a ${storageOf(dtype).kind} for ${dtype}`}; got ${kind}.`,
    );
  if (!isFourBit(dtype)) return { dtype, count: q.length };
  const values = options.shape?.reduce((all, dim) => all * dim, 1) ?? count ?? q.length * 2;
  if (lengthOf(dtype, values) !== q.length)
    throw new PareError("PARE_SHAPE", `q has ${q.length} bytes; ${values} values of ${dtype} take half as many.`);
  return { dtype, count: values };
}

function gridOf(
  q: TypedArray,
  options: GridOptions,
  given?: number,
): {
  layout: QuantizationLayout;
  grid: { dtype: QuantizedType; scale: Float32Array; zeroPoint?: QuantizedArray };
} {
  const { dtype, count } = contentOf(q, options, given);
  const layout = layoutOf(count, options);
  const zeroPoint = zeroPointsOf(options.zeroPoint, dtype, layout);
  return { layout, grid: { dtype, scale: scalesOf(options.scale, layout), ...(zeroPoint && { zeroPoint }) } };
}

export const dequantize = (q: QuantizedArray, options: DequantizeOptions): Invocation<Float32Array> => {
  const { out } = options;
  requireOut(out, "Float32Array");
  const { layout, grid } = gridOf(q, options, out?.length);
  return {
    options,
    native: (call) => binding.dequantize(q, layout, grid, out, call),
    result: (raw) => out ?? new Float32Array(raw as ArrayBuffer),
  };
};

export const quantizationError = (
  x: Float32Array,
  q: QuantizedArray,
  options: GridOptions,
): Invocation<QuantizationError> => {
  requireFloats(x, "x");
  const { layout, grid } = gridOf(q, options, x.length);
  return {
    options,
    native: (call) => binding.quantizationError(x, q, layout, grid, call),
    result: (raw) => {
      const error = raw as NativeQuantizationError;
      return { ...error, snrDb: error.noise === 0 ? Infinity : 10 * Math.log10(error.signal / error.noise) };
    },
  };
};
