/** The heavy half of quantizing: weights are made room for while the graph is rewritten, and filled by native code after. */
import { binding } from "../binding.js";
import type {
  NativeBnb4,
  NativeCall,
  NativeHalf,
  NativeMatMulNBits,
  NativeQuantizationError,
  NativeQuantized,
} from "../binding-types.js";
import { offLoop } from "../kernels/kernel.js";
import { layoutOf } from "../kernels/layout.js";
import { allocateBytes, byteLengthOf, Weight } from "../model/index.js";
import type { Report, TensorReportInput } from "../report/index.js";
import type { LongCall } from "../progress.js";
import type { BitsAndBytesDtype, HalfDtype, IntegerDtype } from "./options.js";

/** How a tensor becomes integers. */
export interface IntegerSpec {
  dtype: IntegerDtype;
  symmetric: boolean;
  reduceRange: boolean;
  /** Axis with a scale for each index, or (with blockSize) the axis that is cut into blocks; undefined: one scale for all. */
  axis?: number;
  blockSize?: number;
}

export interface IntegerWeights {
  data: Weight;
  scale: Weight;
  zeroPoint: Weight;
}

/** How a weight is laid out on either side. */
export interface WeightForm {
  /** Stores each of the outermost matrices (the last two dimensions) transposed; `axis` counts dimensions as they were. */
  turn?: boolean;
  /** Dimensions that `axis` counts, where they are not the weight's own. */
  as?: readonly number[];
  /** Shape of scales and zero points, where it is not what follows from the axis. */
  scaleDims?: readonly number[];
}

/** What a report's row says beside sizes and errors. */
export interface About {
  name: string;
  op: string;
}

/** How many values of a weight were too large for float16 and came down, and how many were too small and went up. */
export interface Moved {
  name: string;
  lowered: number;
  raised: number;
}

interface WorkOptions extends LongCall {
  smallest: number;
  largest: number;
}

interface Job {
  what: string;
  bytes: number;
  run: () => Promise<void>;
}

/** Shape of the scales: none, one for each index of the axis, or the tensor's own with the axis counted in blocks. */
export function scaleDimsOf(dims: readonly number[], axis: number | undefined, blockSize = 0): number[] {
  if (axis === undefined) return [];
  if (blockSize === 0) return [dims[axis]!];
  return dims.map((dim, i) => (i === axis ? Math.ceil(dim / blockSize) : dim));
}

export class WeightWork {
  readonly #report: Report;
  readonly #options: WorkOptions;
  readonly #jobs: Job[] = [];
  readonly #moved: Moved[] = [];

  constructor(report: Report, options: WorkOptions) {
    this.#report = report;
    this.#options = options;
  }

  /** Integers, scales and zero points of a float32 weight. */
  integers(weight: Weight, spec: IntegerSpec, about: About, { turn, as, scaleDims }: WeightForm = {}): IntegerWeights {
    const { dtype, axis, blockSize = 0 } = spec;
    const dims = as ?? weight.dims;
    const layout = layoutOf(weight.elementCount, { shape: dims, blockSize, ...(axis === undefined ? {} : { axis }) });
    const scales = scaleDims ?? scaleDimsOf(dims, axis, blockSize);
    const result = {
      data: empty(dtype, turn ? turned(weight.dims) : weight.dims),
      scale: empty("float32", scales),
      zeroPoint: empty(dtype, scales),
    };
    this.#add(about.name, weight, async () => {
      const out = turn ? allocateBytes(result.data.bytes.byteLength) : result.data.bytes;
      const made = await this.native<NativeQuantized>((call) =>
        binding.quantize(
          weight.bytes,
          layout,
          { dtype, symmetric: spec.symmetric, reduceRange: spec.reduceRange },
          out,
          call,
        ),
      );
      copy(made.scale, result.scale);
      copy(made.zeroPoint, result.zeroPoint);
      const grid = { dtype, scale: result.scale.bytes, zeroPoint: result.zeroPoint.bytes };
      const error = await this.native<NativeQuantizationError>((call) =>
        binding.quantizationError(weight.bytes, out, layout, grid, call),
      );
      if (turn) await this.#turn(out, weight.dims, result.data.bytes);
      this.#row(weight, about, dtype, Object.values(result), error);
      this.#nan(about, made.nanCount);
    });
    return result;
  }

  /** MatMulNBits' three tensors of a float32 matrix [k, n], or of [n, k] with `turn`. */
  nBits(
    weight: Weight,
    { blockSize, symmetric }: { blockSize: number; symmetric: boolean },
    about: About,
    turn: boolean,
  ): { data: Weight; scale: Weight; zeroPoint: Weight | undefined } {
    const [k, n] = (turn ? turned(weight.dims) : weight.dims) as [number, number];
    const blocks = Math.ceil(k / blockSize);
    const result = {
      data: empty("uint8", [n, blocks, blockSize / 2]),
      scale: empty("float32", [n, blocks]),
      zeroPoint: symmetric ? undefined : empty("uint8", [n, Math.ceil(blocks / 2)]),
    };
    this.#add(about.name, weight, async () => {
      const x = turn ? await this.#floatsTurned(weight) : weight.bytes;
      const options = { k, n, blockSize, symmetric, out: result.data.bytes, measure: true };
      const made = await this.native<NativeMatMulNBits>((call) => binding.packMatMulNBits(x, options, call));
      copy(made.scales, result.scale);
      if (result.zeroPoint) copy(made.zeroPoints!, result.zeroPoint);
      this.#row(weight, about, symmetric ? "int4" : "uint4", Object.values(result), made.error);
    });
    return result;
  }

  /** MatMulBnb4's two tensors of a float32 matrix [k, n], or of [n, k] with `turn`. */
  bnb4(
    weight: Weight,
    { blockSize, type }: { blockSize: number; type: BitsAndBytesDtype },
    about: About,
    turn: boolean,
  ): { data: Weight; absmax: Weight } {
    const [k, n] = (turn ? turned(weight.dims) : weight.dims) as [number, number];
    const result = {
      data: empty("uint8", [Math.ceil((k * n) / 2)]),
      absmax: empty("float32", [Math.ceil((k * n) / blockSize)]),
    };
    this.#add(about.name, weight, async () => {
      const x = turn ? await this.#floatsTurned(weight) : weight.bytes;
      const options = { k, n, blockSize, type, out: result.data.bytes, measure: true };
      const made = await this.native<NativeBnb4>((call) => binding.packBnb4(x, options, call));
      copy(made.absmax, result.absmax);
      this.#row(weight, about, type, Object.values(result), made.error);
    });
    return result;
  }

  /** A float32 weight as float16 or bfloat16; for float16, magnitudes are moved into [smallest, largest] first. */
  half(weight: Weight, dtype: HalfDtype, about: About): Weight {
    const result = empty(dtype, weight.dims);
    this.#add(about.name, weight, async () => {
      const { smallest, largest } = this.#options;
      const bounds = dtype === "float16" ? { smallest, largest } : undefined;
      const { raised, lowered, error } = await this.native<NativeHalf>((call) =>
        binding.toHalfMeasured(dtype, weight.bytes, bounds, result.bytes, call),
      );
      this.#row(weight, about, dtype, [result], error);
      if (raised + lowered > 0) this.#moved.push({ name: about.name, raised, lowered });
    });
    return result;
  }

  /** Runs something that needs what was asked for before it. */
  later(what: string, weight: Weight, run: () => Promise<void>): void {
    this.#add(what, weight, run);
  }

  /** Weights whose values were moved to fit float16. */
  get moved(): readonly Moved[] {
    return this.#moved;
  }

  /** Does all that was asked for, in that order, off the event loop. Rejects with the signal's reason when it aborts. */
  async run(): Promise<void> {
    const { onProgress, signal } = this.#options;
    const total = this.#jobs.reduce((sum, { bytes }) => sum + bytes, 0);
    let done = 0;
    for (const { what, bytes, run } of this.#jobs) {
      signal?.throwIfAborted();
      onProgress?.({ done, total, what });
      await run();
      done += bytes;
    }
    onProgress?.({ done, total, what: "" });
  }

  #add(what: string, weight: Weight, run: () => Promise<void>): void {
    this.#jobs.push({ what, bytes: weight.bytes.byteLength, run });
  }

  /** A native call off the event loop, with these options' threads and signal. */
  async native<Result>(start: (call: NativeCall) => unknown): Promise<Result> {
    return (await offLoop(start, this.#options)) as Result;
  }

  /** Turns each of the matrices that `dims` ends in. */
  async #turn(bytes: Uint8Array, dims: readonly number[], out: Uint8Array): Promise<void> {
    const [rows, columns] = dims.slice(-2) as [number, number];
    const size = rows * columns;
    for (let start = 0; start < bytes.byteLength; start += size) {
      const from = bytes.subarray(start, start + size);
      await this.native((call) => binding.transpose(from, 1, rows, columns, out.subarray(start, start + size), call));
    }
  }

  async #floatsTurned(weight: Weight): Promise<Uint8Array> {
    const [rows, columns] = weight.dims as [number, number];
    const out = allocateBytes(weight.bytes.byteLength);
    await this.native((call) => binding.transpose(weight.bytes, 4, rows, columns, out, call));
    return out;
  }

  #row(
    weight: Weight,
    about: About,
    to: string,
    made: (Weight | undefined)[],
    error?: TensorReportInput["error"],
  ): void {
    this.#report.add({
      ...about,
      dims: weight.dims,
      from: weight.dtype,
      to,
      bytesBefore: weight.bytes.byteLength,
      bytesAfter: made.reduce((sum, one) => sum + (one?.bytes.byteLength ?? 0), 0),
      ...(error ? { error } : {}),
    });
  }

  #nan({ name }: About, count: number): void {
    if (count > 0) this.#report.note(`${name} holds ${count} NaN, which became the zero point.`);
  }
}

const turned = (dims: readonly number[]): number[] => [...dims.slice(0, -2), dims.at(-1)!, dims.at(-2)!];

/** A weight of zeros. */
export function empty(dtype: Weight["dtype"], dims: readonly number[]): Weight {
  return new Weight(dtype, [...dims], allocateBytes(byteLengthOf(dtype, dims, "weight")));
}

function copy(from: ArrayBuffer, to: Weight): void {
  to.bytes.set(new Uint8Array(from));
}
