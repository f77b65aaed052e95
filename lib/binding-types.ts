/** The native addon's functions as TypeScript sees them; native/binding/ checks every argument. */

/** Any typed array over an ordinary or a shared buffer. */
export type TypedArray = NodeJS.TypedArray;

/** float32 values: a Float32Array, or their raw bytes at any offset. */
export type Floats = Float32Array | Uint8Array;

/** How a native call runs: a number is that many threads, now. With `async` it returns a promise of the same result. */
export type NativeCall =
  | number
  | {
      threads?: number;
      async?: boolean;
      /** One element; the call stops soon after it becomes non-zero. */
      cancel?: Int32Array;
    };

/** How a row-major tensor of outer × axis × inner elements shares scales: blockSize 0 gives one to each index of the axis
 * (axis 1: one to the tensor), else each block along the axis has its own, shaped outer × ceil(axis / blockSize) × inner. */
export interface QuantizationLayout {
  outer: number;
  axis: number;
  inner: number;
  blockSize: number;
}

export type QuantizedType = "int8" | "uint8" | "int16" | "uint16" | "int4" | "uint4";

/** What quantize returns; zeroPoint is stored as the type is, four-bit ones two a byte. */
export interface NativeQuantized {
  data: ArrayBuffer | TypedArray;
  scale: ArrayBuffer;
  zeroPoint: ArrayBuffer;
  nanCount: number;
}

/** Scale (float32) and zero point (as stored; zeros when absent) of quantized data. */
export interface NativeGrid {
  dtype: QuantizedType;
  scale: Floats;
  zeroPoint?: TypedArray;
}

/** Σ x², Σ (x − x')², max |x − x'| and the number of finite x. */
export interface NativeQuantizationError {
  signal: number;
  noise: number;
  maxError: number;
  count: number;
}

/** Sums over the pairs without a NaN (`count` of them; `nanCount` have one). Equal infinities add nothing. */
export interface NativeComparison {
  count: number;
  maxError: number;
  sumError: number;
  sumSquareA: number;
  sumSquareB: number;
  sumSquareError: number;
  dot: number;
  nanCount: number;
}

/** Of the finite values (Infinity and −Infinity where there are none), and how many are not. */
export interface NativeExtent {
  low: number;
  high: number;
  nanCount: number;
  infiniteCount: number;
}

/** Halves, how many magnitudes came from below and above the bounds, and how far the halves are from what was left. */
export interface NativeHalf {
  data: ArrayBuffer | TypedArray;
  raised: number;
  lowered: number;
  error: NativeQuantizationError;
}

/** `out` takes the data; with `measure`, the result has an `error`. */
export interface PackOptions {
  out?: TypedArray;
  measure?: boolean;
}

export interface NativeMatMulNBits {
  error?: NativeQuantizationError;
  /** [n, ceil(k / blockSize), blockSize / 2] bytes. */
  data: ArrayBuffer;
  /** float32 [n, ceil(k / blockSize)]. */
  scales: ArrayBuffer;
  /** [n, ceil(ceil(k / blockSize) / 2)] bytes; absent when symmetric (8 everywhere). */
  zeroPoints?: ArrayBuffer;
  nanCount: number;
}

export interface NativeBnb4 {
  error?: NativeQuantizationError;
  /** ceil(k · n / 2) bytes. */
  data: ArrayBuffer;
  /** float32, ceil(k · n / blockSize). */
  absmax: ArrayBuffer;
  nanCount: number;
}

/** A result for each array; `zeros` counts what was pruned. */
export interface NativePruned {
  data: (ArrayBuffer | TypedArray)[];
  /** A byte an element: 1 kept, 0 pruned. */
  masks?: (ArrayBuffer | TypedArray)[];
  zeros: number[];
}

export interface NativePrunedNM {
  data: ArrayBuffer | TypedArray;
  mask?: ArrayBuffer | TypedArray;
}

export interface Information {
  level: string;
  levels: string[];
  threads: number;
  processors: number;
  processor: string;
  warning: string;
}

/** Types of a graph's values: for each, its type's code, its rank (−1: unknown) and whether it is a tensor. */
export interface NativeShapes {
  words: Int32Array;
  /** Of all values after each other; −1 − i stands for symbols[i]. */
  dims: Float64Array;
  symbols: string[];
}

/** What createPlan made; native code alone looks inside. */
export type NativePlan = object & { readonly plan: unique symbol };

/** A plan tied to one buffer: see native/binding/bound-plan.cc. */
export interface NativeBoundPlan {
  /** Runs with the feeds that `memory` holds, and leaves the results there; or gives everything back, for good. */
  run: (isEnd?: true) => void;
  memory: ArrayBuffer;
  /** Bytes from the buffer's beginning to each feed. */
  inputs: number[];
  outputs: { dtype: number; dims: number[]; offset: number }[];
}

/** One output of a run; no `data` where the caller's buffer has it. */
export interface NativeResult {
  dtype: number;
  dims: number[];
  data?: ArrayBuffer;
}

export interface OperatorParameter {
  name: string;
  arity: "required" | "optional" | "variadic" | "heterogeneous";
  /** Parameters of one variable have one type. */
  variable?: string;
  types: string[];
}

/** A row of the op table: an operator in a range of its domain's versions. */
export interface Operator {
  /** "" is ai.onnx. */
  domain: string;
  name: string;
  since: number;
  /** The last version with this meaning; absent: the newest. */
  until?: number;
  inputs: OperatorParameter[];
  outputs: OperatorParameter[];
  attributes: { name: string; kind: string; required: boolean; default?: number | string | number[] }[];
  traits: string[];
  /** Devices that it runs on. */
  run: string[];
}

/** Results are new ArrayBuffers, or the `out` that was given; `unknown` where a call may also be a promise of it. */
export interface Binding {
  information(): Information;
  setLevel(level: string): void;
  mapFile(path: string, offset?: number, byteLength?: number): ArrayBuffer;
  allocate(byteLength: number, spillFolder?: string): ArrayBuffer;

  toHalf(format: "float16" | "bfloat16", x: Floats, out?: TypedArray, call?: NativeCall): unknown;
  fromHalf(format: "float16" | "bfloat16", h: TypedArray, out?: TypedArray, call?: NativeCall): unknown;
  /** toHalf after clampForFloat16 (without bounds: no clamping), in one pass; → NativeHalf. */
  toHalfMeasured(
    format: "float16" | "bfloat16",
    x: Floats,
    bounds?: { smallest: number; largest: number },
    out?: TypedArray,
    call?: NativeCall,
  ): unknown;
  /** Finite magnitudes other than zero go into [smallest, largest]; → { data, clampedCount }. `out` may be x. */
  clampForFloat16(
    x: Floats,
    bounds: { smallest: number; largest: number },
    out?: TypedArray,
    call?: NativeCall,
  ): unknown;

  /** → NativeQuantized. Scale and zero point are computed when `scale` is absent. */
  quantize(
    x: Floats,
    layout: QuantizationLayout,
    options: {
      dtype: QuantizedType;
      symmetric?: boolean;
      reduceRange?: boolean;
      scale?: Floats;
      zeroPoint?: TypedArray;
    },
    out?: TypedArray,
    call?: NativeCall,
  ): unknown;
  /** → float32 ArrayBuffer, or `out`. */
  dequantize(q: TypedArray, layout: QuantizationLayout, grid: NativeGrid, out?: TypedArray, call?: NativeCall): unknown;
  /** → NativeQuantizationError. */
  quantizationError(x: Floats, q: TypedArray, layout: QuantizationLayout, grid: NativeGrid, call?: NativeCall): unknown;
  /** → NativeComparison. */
  compare(a: Floats, b: Floats, call?: NativeCall): unknown;
  /** Gives a NativeExtent. */
  extent(x: Floats, call?: NativeCall): unknown;
  /** Gives an ArrayBuffer of a float64 for each bin; edges ascend, nearly evenly spaced. */
  histogram(x: Floats, edges: Float32Array, call?: NativeCall): unknown;
  /** x is [k, n], row-major; blockSize a power of two from 16 to 256; → NativeMatMulNBits. */
  packMatMulNBits(
    x: Floats,
    options: { k: number; n: number; blockSize: number; symmetric: boolean } & PackOptions,
    call?: NativeCall,
  ): unknown;
  /** x is [k, n], row-major; blockSize a power of two from 16 to 4096; → NativeBnb4. */
  packBnb4(
    x: Floats,
    options: { k: number; n: number; blockSize: number; type: "nf4" | "fp4" } & PackOptions,
    call?: NativeCall,
  ): unknown;
  /** A memory copy: what benches hold transforms against. */
  copy(bytes: TypedArray, out?: TypedArray, call?: NativeCall): unknown;
  /** → ArrayBuffer or `out` of the columns × rows matrix; elementSize is 1, 2, 4 or 8 bytes. */
  transpose(
    bytes: TypedArray,
    elementSize: number,
    rows: number,
    columns: number,
    out?: TypedArray,
    call?: NativeCall,
  ): unknown;

  /** Row-major float32; with `packedFor`, b is the data of a matrix packed for that level. */
  matmul(
    a: Floats,
    b: Floats,
    m: number,
    n: number,
    k: number,
    transposeA: boolean,
    transposeB: boolean,
    packedFor?: string,
    out?: TypedArray,
    call?: NativeCall,
  ): unknown;
  /** 8-bit integers; `packedSigned` is the signedness of a packed b. */
  matmulInteger(
    a: TypedArray,
    b: TypedArray,
    m: number,
    n: number,
    k: number,
    aZeroPoint?: TypedArray,
    bZeroPoint?: TypedArray,
    packedFor?: string,
    packedSigned?: boolean,
    out?: TypedArray,
    call?: NativeCall,
  ): unknown;
  /** → { data: ArrayBuffer, level } */
  pack(b: TypedArray, k: number, n: number, transposed: boolean, call?: NativeCall): unknown;
  /** → the k-th smallest |x| (k from 1) over all arrays together; NaN counts as the largest. */
  magnitudeThreshold(xs: readonly Floats[], k: number, call?: NativeCall): unknown;
  /**
   * Prunes, over all arrays together, exactly `count` elements of the smallest magnitude (ties by array, then index), or
   * those of at most `threshold`. `scores` are ordered by magnitude in place of xs. `outs` may hold xs themselves;
   * `mask: false` makes no masks. → NativePruned.
   */
  pruneMagnitude(
    xs: readonly Floats[],
    options: {
      count?: number | undefined;
      threshold?: number | undefined;
      scores?: readonly Floats[];
      mask?: boolean;
    },
    outs?: readonly (TypedArray | undefined)[],
    masks?: readonly (TypedArray | undefined)[],
    call?: NativeCall,
  ): unknown;
  /** Keeps the n largest of every m along the axis of an outer × axis × inner tensor; → NativePrunedNM. */
  pruneNM(
    x: Floats,
    options: { n: number; m: number; outer: number; axis: number; inner: number; mask?: boolean },
    out?: TypedArray,
    mask?: TypedArray,
    call?: NativeCall,
  ): unknown;
  /** → number[]: how many elements of each array are zero, of either sign. */
  countZeros(xs: readonly Floats[], call?: NativeCall): unknown;
  /** → float32 in [0, 1), from Philox 4×32-10. */
  randomScores(seed: number, stream: number, count: number, out?: TypedArray, call?: NativeCall): unknown;

  /** Types of all values of a graph, in the form that lib/model/describe.ts writes. */
  inferShapes(
    words: Int32Array,
    strings: readonly string[],
    bytes: readonly Uint8Array[],
    options?: { strict?: boolean },
  ): NativeShapes;
  /** The op table, or its rows of this name. */
  operators(name?: string): Operator[];

  /** A model made ready to run, from `describe(model, "all")`; `variables` and `updates` are numbers of values. */
  createPlan(
    words: Int32Array,
    strings: readonly string[],
    bytes: readonly Uint8Array[],
    options: { threads?: number; memoryLimit?: number; variables?: Int32Array; updates?: Int32Array },
  ): NativePlan;
  /** `header`: of each input the dtype's code, the rank, the dimensions; −1 where it is not fed. → NativeResult[]. */
  runPlan(
    plan: NativePlan,
    header: Float64Array,
    feeds: readonly (TypedArray | undefined)[],
    outs?: readonly (TypedArray | undefined)[],
    call?: NativeCall,
  ): unknown;
  /** For runs of few bytes; undefined where this one is not, or only a run tells its results' dimensions. */
  bindPlan(plan: NativePlan, header: Float64Array, threads?: number): NativeBoundPlan | undefined;
  releasePlan(plan: NativePlan): void;
  trimPlan(plan: NativePlan): void;
  /** A number by which `sharedPlan` finds the same plan in any thread of the process, as long as one has it. */
  sharePlan(plan: NativePlan): number;
  sharedPlan(number: number): NativePlan;
  /** Begins to count each node's time, from zero, or ends that. */
  profilePlan(plan: NativePlan, isOn: boolean): void;
  /** What was counted: nanoseconds of each node of the main graph, in its order, over so many runs. */
  planStats(plan: NativePlan): { arenaBytes: number; runs: number; nanoseconds: Float64Array };
}
