/** Runs of microseconds: feeds of the same shapes as before are copied into a buffer that native code knows already. */
import { Tensor } from "onnxruntime-common";
import { binding } from "../binding.js";
import type { NativePlan, TypedArray } from "../binding-types.js";
import { dataTypeOf, type DataType } from "../model/dtype.js";
import { typedArrayOf } from "../model/weight.js";

interface Slot {
  name: string;
  dtype: DataType;
  dims: readonly number[];
  view: TypedArray;
}

export class BoundRun {
  readonly #inputs: Slot[];
  readonly #outputs: Slot[];
  readonly #run: (isEnd?: true) => void;

  private constructor(inputs: Slot[], outputs: Slot[], run: (isEnd?: true) => void) {
    this.#inputs = inputs;
    this.#outputs = outputs;
    this.#run = run;
  }

  /** For feeds that a run has just taken; undefined where runs of this size gain nothing. */
  static create(
    plan: NativePlan,
    header: Float64Array,
    feeds: Readonly<Record<string, Tensor>>,
    inputNames: readonly string[],
    outputNames: readonly string[],
    threads: number | undefined,
  ): BoundRun | undefined {
    const bound = binding.bindPlan(plan, header, threads);
    if (!bound) return undefined;
    const slot = (name: string, dtype: DataType, dims: readonly number[], offset: number): Slot => {
      const all = typedArrayOf(dtype, bound.memory);
      const begin = offset / all.BYTES_PER_ELEMENT;
      const count = dims.reduce((product, dim) => product * dim, 1);
      return { name, dtype, dims: [...dims], view: all.subarray(begin, begin + count) };
    };
    const inputs = inputNames.map((name, i) => {
      const { type, dims } = feeds[name]!;
      return slot(name, type, dims, bound.inputs[i]!);
    });
    const outputs = bound.outputs.map(({ dtype, dims, offset }, i) =>
      slot(outputNames[i]!, dataTypeOf(dtype)!, dims, offset),
    );
    return new BoundRun(inputs, outputs, bound.run);
  }

  /** Gives the memory back; it runs no more. */
  release(): void {
    this.#run(true);
  }

  /** Takes the feeds, if they are of these types and shapes and there are no others. */
  take(feeds: Readonly<Record<string, unknown>>): boolean {
    if (Object.keys(feeds).length !== this.#inputs.length) return false;
    for (const { name, dtype, dims, view } of this.#inputs) {
      const feed = feeds[name] as Tensor | undefined;
      if (feed?.type !== dtype) return false;
      const given = feed.dims;
      if (given.length !== dims.length) return false;
      for (let axis = 0; axis < dims.length; axis++) if (given[axis] !== dims[axis]) return false;
      const data = feed.data as TypedArray;
      // Another realm's arrays go the long way, which looks closer.
      if (data.constructor !== view.constructor || data.length !== view.length) return false;
      (view as Float32Array).set(data as Float32Array);
    }
    return true;
  }

  /** Runs with what `take` took; `given` tensors' buffers take their results. Undefined: one of them does not fit. */
  run(given?: Readonly<Record<string, unknown>>): Record<string, Tensor> | undefined {
    if (given)
      for (const { name, view } of this.#outputs) {
        const data = (given[name] as Tensor | undefined)?.data as TypedArray | undefined;
        if (data?.constructor !== view.constructor || data.length !== view.length) return undefined;
      }
    this.#run();
    const results: Record<string, Tensor> = {};
    for (const { name, dtype, dims, view } of this.#outputs)
      if (given) {
        const tensor = given[name] as Tensor;
        (tensor.data as Float32Array).set(view as Float32Array);
        results[name] = tensor;
      } else {
        results[name] = new Tensor(dtype as "float32", view.slice() as Float32Array, dims);
      }
    return results;
  }
}
