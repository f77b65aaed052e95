/** Examples in memory: shuffled, split and gathered into batches. */
import type { Hash } from "node:crypto";
import { Tensor } from "onnxruntime-common";
import { PareError } from "../errors.js";
import { exampleCount, type Batch } from "../data/index.js";
import { isTensor, labelsOf } from "../data/batch.js";
import { classNamesOf, numbersHint } from "../data/read.js";
import { kernels } from "../kernels/index.js";
import type { Model } from "../model/index.js";
import type { LongCall } from "../progress.js";
import type { TypedArray } from "../binding-types.js";

/** What belongs to each example of one input or of the targets. */
interface Column {
  name: string;
  type: Tensor.Type;
  /** Of one example. */
  dims: readonly number[];
  size: number;
  data: TypedArray;
}

/** A permutation of 0 … count − 1 that depends on seed and stream alone (Fisher and Yates). */
export function permutation(count: number, seed: number, stream: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  const lots = kernels.randomScores({ seed, stream, count });
  for (let i = count - 1; i > 0; i--) {
    const other = Math.floor(lots[i]! * (i + 1));
    [order[i], order[other]] = [order[other]!, order[i]!];
  }
  return order;
}

/** Examples that a function is called on at once. */
const batchOfAdded = 256;

export class Examples {
  private constructor(
    readonly count: number,
    private readonly columns: readonly Column[],
  ) {}

  /**
   * @param target what the loss reads: its input's name, labels or values, and the number of classes where known; without it
   * there are the inputs alone
   * @throws PareError PARE_OPTION, PARE_SHAPE or PARE_TYPE for data that does not fit the model and the loss
   */
  static of(
    data: Batch,
    model: Model,
    target?: { name: string; kind: "labels" | "values"; classes?: number; dims?: readonly number[] },
  ): Examples {
    const count = exampleCount(data);
    if (count === 0) throw new PareError("PARE_OPTION", "the data has no examples.");
    const inputs = model.graph.inputs.filter(({ name }) => !model.graph.isOverridable(name));
    const tensors = isTensor(data.x) ? { [inputs[0]?.name ?? ""]: data.x } : data.x;
    if (isTensor(data.x) && inputs.length !== 1)
      throw new PareError(
        "PARE_OPTION",
        `the model has ${inputs.length} inputs (${inputs.map(({ name }) => name).join(", ")}); give x as { name: Tensor }.`,
      );
    const columns = inputs.map(({ name, dims }) => {
      const tensor = tensors[name];
      if (!tensor) throw new PareError("PARE_OPTION", `the data has no tensor for the input "${name}".`);
      return columnOf(name, tensor, dims?.slice(1));
    });
    if (!target) return new Examples(count, columns);
    if (data.y === undefined) throw new PareError("PARE_OPTION", "the data has no y, which the loss needs.");
    const answers =
      target.kind === "labels"
        ? labelColumn(target.name, data.y, target.classes, classNamesOf(data))
        : valueColumn(target.name, data.y, count, target.dims);
    return new Examples(count, [...columns, answers]);
  }

  /** The examples of these numbers, in their order, copied. */
  take(order: ArrayLike<number>): Record<string, Tensor> {
    const feeds: Record<string, Tensor> = {};
    for (const { name, type, dims, size, data } of this.columns) {
      const part = new (data.constructor as new (length: number) => TypedArray)(order.length * size);
      for (let i = 0; i < order.length; i++) {
        const from = order[i]! * size;
        // The two arrays have one type, which the union cannot say.
        part.set(data.subarray(from, from + size) as never, i * size);
      }
      feeds[name] = new Tensor(type as "float32", part as Float32Array, [order.length, ...dims]);
    }
    return feeds;
  }

  /**
   * The same examples, and what a function makes of those of the given numbers, computed now and kept: tensors by name, whose
   * first dimension counts the examples.
   */
  async with(
    make: (feeds: Record<string, Tensor>) => Promise<Record<string, Tensor>>,
    order: Uint32Array,
    { signal }: Pick<LongCall, "signal">,
  ): Promise<Examples> {
    const added = new Map<string, Column>();
    for (let start = 0; start < order.length; start += batchOfAdded) {
      signal?.throwIfAborted();
      const numbers = order.subarray(start, start + batchOfAdded);
      for (const [name, { type, dims, data }] of Object.entries(await make(this.take(numbers)))) {
        const own = dims.slice(1);
        const size = own.reduce((product, dim) => product * dim, 1);
        let column = added.get(name);
        if (!column) {
          const all = new (data.constructor as Float32ArrayConstructor)(this.count * size);
          added.set(name, (column = { name, type, dims: own, size, data: all }));
        }
        for (let i = 0; i < numbers.length; i++)
          column.data.set((data as Float32Array).subarray(i * size, (i + 1) * size) as never, numbers[i]! * size);
      }
    }
    return new Examples(this.count, [...this.columns, ...added.values()]);
  }

  /** Adds all that the examples are to a digest. */
  hash(digest: Hash): void {
    for (const { name, type, dims, data } of this.columns) {
      digest.update(`${name} ${type} ${dims.join()} `);
      digest.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  }
}

function columnOf(name: string, tensor: Tensor, wanted: readonly (number | string | undefined)[] | undefined): Column {
  const own = tensor.dims.slice(1);
  const size = own.reduce((product, dim) => product * dim, 1);
  const fits =
    !wanted || (wanted.length === own.length && wanted.every((dim, i) => typeof dim !== "number" || dim === own[i]));
  const known = wanted?.every((dim) => typeof dim === "number") ? wanted : undefined;
  // The same elements in other dimensions: a picture as a row, or the other way round.
  const isReshaped = !fits && known?.reduce((product, dim) => product * dim, 1) === size;
  if (!fits && !isReshaped)
    throw new PareError(
      "PARE_SHAPE",
      `"${name}" has examples of [${own.join(", ")}]; the model takes [${wanted.map((dim) => dim ?? "?").join(", ")}].`,
    );
  return { name, type: tensor.type, dims: isReshaped ? known : own, size, data: tensor.data as TypedArray };
}

function labelColumn(
  name: string,
  y: NonNullable<Batch["y"]>,
  classes: number | undefined,
  classNames: readonly string[] | undefined,
): Column {
  const labels = labelsOf(y);
  const data = new BigInt64Array(labels.length);
  for (let i = 0; i < labels.length; i++) {
    const label = Number(labels[i]);
    if (!Number.isInteger(label) || label < 0 || (classes !== undefined && label >= classes))
      throw new PareError(
        "PARE_OPTION",
        `label ${i} is ${label}; ${classes === undefined ? "labels are whole numbers from 0 on" : `the model has ${classes} classes, 0 to ${classes - 1}`}.${numbersHint(classNames, classes ?? Infinity)}`,
      );
    data[i] = BigInt(label);
  }
  return { name, type: "int64", dims: [], size: 1, data };
}

function valueColumn(name: string, y: NonNullable<Batch["y"]>, count: number, dims?: readonly number[]): Column {
  const tensor = isTensor(y)
    ? y
    : new Tensor("float32", Float32Array.from(y as ArrayLike<number>, Number), [count, ...(dims?.map(() => 1) ?? [])]);
  if (tensor.type !== "float32")
    throw new PareError("PARE_TYPE", `the targets must be float32 for this loss; y is ${tensor.type}.`);
  return columnOf(name, tensor, dims);
}
