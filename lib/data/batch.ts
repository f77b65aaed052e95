/** What models are run on: examples, with labels where there are some, all at once or batch after batch. */
import { Tensor } from "onnxruntime-common";
import { PareError } from "../errors.js";

/** Labels: one integer an example, as an array or a tensor of integers; or target values as a tensor of floats. */
export type Labels = Tensor | ArrayLike<number> | ArrayLike<bigint>;

/** Examples: one tensor for a model of one input, or tensors by input name; the first dimension counts the examples. */
export interface Batch {
  x: Tensor | Record<string, Tensor>;
  y?: Labels;
}

/** All examples at once, or batch after batch. */
export type Batches = Batch | Iterable<Batch> | AsyncIterable<Batch>;

/** Examples with the names of what their labels stand for. */
export interface Dataset extends Batch {
  /** Of label 0, 1, …; absent where the data only numbers them. */
  classNames?: readonly string[];
}

/** By its shape: a Tensor may come from another copy of onnxruntime-common. */
export function isTensor(value: unknown): value is Tensor {
  return typeof value === "object" && value !== null && "dims" in value && "data" in value && "type" in value;
}

/** The batches one after another. */
export async function* eachBatch(data: Batches): AsyncGenerator<Batch> {
  if ("x" in data) yield data;
  else yield* data;
}

/** The same examples in batches of at most `batchSize`: views, not copies. Batches of a stream are cut, never joined. */
export async function* batchesOf(data: Batches, batchSize: number): AsyncGenerator<Batch> {
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new PareError("PARE_OPTION", `batchSize must be a whole number of at least 1; got ${batchSize}.`);
  for await (const batch of eachBatch(data)) {
    const count = exampleCount(batch);
    for (let start = 0; start < count; start += batchSize) yield sliceExamples(batch, start, start + batchSize);
  }
}

/** How many examples a batch holds. Throws PARE_SHAPE where its tensors and labels do not agree. */
export function exampleCount({ x, y }: Batch): number {
  const named: [string, Labels][] = isTensor(x) ? [["x", x]] : Object.entries(x);
  if (named.length === 0) throw new PareError("PARE_OPTION", "x names no tensor.");
  if (y !== undefined) named.push(["y", y]);
  const counts = named.map(([name, one]): [string, number] => [name, countOf(name, one)]);
  const first = counts[0]!;
  for (const [name, count] of counts)
    if (count !== first[1])
      throw new PareError(
        "PARE_SHAPE",
        `${first[0]} has ${first[1]} examples and ${name} has ${count}; first dimensions must be the same.`,
      );
  return first[1];
}

function countOf(name: string, values: Labels): number {
  if (!isTensor(values)) return values.length;
  const [count] = values.dims;
  if (count === undefined)
    throw new PareError("PARE_SHAPE", `${name} is a scalar; its first dimension should count the examples.`);
  return count;
}

/** Examples `start` to `end`, fewer where the batch has fewer. */
export function sliceExamples({ x, y }: Batch, start: number, end: number): Batch {
  const cut = isTensor(x)
    ? sliceRows(x, start, end)
    : Object.fromEntries(Object.entries(x).map(([name, one]) => [name, sliceRows(one, start, end)]));
  return { x: cut, ...(y === undefined ? {} : { y: sliceLabels(y, start, end) }) };
}

/** The examples of these numbers, in their order, copied. */
export function takeExamples({ x, y }: Batch, order: ArrayLike<number>): Batch {
  const taken = isTensor(x)
    ? takeRows(x, order)
    : Object.fromEntries(Object.entries(x).map(([name, one]) => [name, takeRows(one, order)]));
  if (y === undefined) return { x: taken };
  const labels = isTensor(y) ? takeRows(y, order) : Array.from(order, (i) => Number(y[i]));
  return { x: taken, y: labels };
}

function takeRows({ type, data, dims }: Tensor, order: ArrayLike<number>): Tensor {
  const rest = dims.slice(1);
  const size = rest.reduce((product, dim) => product * dim, 1);
  const all = data as Float32Array;
  const part = new (all.constructor as Float32ArrayConstructor)(order.length * size);
  for (let to = 0; to < order.length; to++) {
    const from = order[to]! * size;
    part.set(all.subarray(from, from + size), to * size);
  }
  return new Tensor(type as "float32", part, [order.length, ...rest]);
}

function sliceLabels(y: Labels, start: number, end: number): Labels {
  if (isTensor(y)) return sliceRows(y, start, end);
  return (Array.isArray(y) ? y.slice(start, end) : (y as Uint8Array).subarray(start, end)) as Labels;
}

/** A tensor of some of the first dimension's indices, over the same memory. */
function sliceRows({ type, data, dims }: Tensor, start: number, end: number): Tensor {
  const [count = 0, ...rest] = dims;
  const size = rest.reduce((product, dim) => product * dim, 1);
  const [from, to] = [Math.min(start, count), Math.min(end, count)];
  const part = Array.isArray(data)
    ? data.slice(from * size, to * size)
    : (data as Float32Array).subarray(from * size, to * size);
  return new Tensor(type as "float32", part as Float32Array, [to - from, ...rest]);
}

/** Labels as numbers. Throws PARE_TYPE for tensors of other types than integers. */
export function labelsOf(y: Labels): ArrayLike<number> {
  if (!isTensor(y)) return typeof y[0] === "bigint" ? Array.from(y as ArrayLike<bigint>, Number) : (y as number[]);
  if (!/^(u?int|bool)/.test(y.type))
    throw new PareError("PARE_TYPE", `labels must be integers; y is ${y.type} [${y.dims.join(", ")}].`);
  return labelsOf(y.data as Uint8Array);
}
