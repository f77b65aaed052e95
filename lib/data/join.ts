/** Batches of a stream as one: what must have all examples in memory, such as training, reads data through this. */
import { Tensor } from "onnxruntime-common";
import { PareError } from "../errors.js";
import type { TypedArray } from "../binding-types.js";
import type { LongCall } from "../progress.js";
import { isTensor, labelsOf, type Batch, type Batches, type Dataset, type Labels } from "./batch.js";
import { classNamesOf } from "./read.js";

/**
 * All examples in one batch; data that already is one comes back as it is.
 * @throws PareError PARE_OPTION for a stream without a batch, PARE_SHAPE where its batches differ in more than their counts;
 * the signal's reason where it aborts.
 */
export async function joinBatches(data: Batches, { signal }: Pick<LongCall, "signal"> = {}): Promise<Dataset> {
  if ("x" in data) return data;
  const batches: Batch[] = [];
  for await (const batch of data) {
    signal?.throwIfAborted();
    batches.push(batch);
  }
  const [first] = batches;
  if (!first) throw new PareError("PARE_OPTION", "the data has no examples.");
  const classNames = classNamesOf(data);
  const named = (batch: Batch): Record<string, Tensor> => (isTensor(batch.x) ? { x: batch.x } : batch.x);
  const joined = Object.fromEntries(
    Object.keys(named(first)).map((name) => [
      name,
      joinTensors(
        name,
        batches.map((batch) => named(batch)[name]),
      ),
    ]),
  );
  return {
    x: isTensor(first.x) ? joined.x! : joined,
    ...(first.y === undefined ? {} : { y: joinLabels(batches.map(({ y }) => y)) }),
    ...(classNames ? { classNames } : {}),
  };
}

function joinTensors(name: string, parts: readonly (Tensor | undefined)[]): Tensor {
  const [first] = parts as [Tensor];
  const [, ...rest] = first.dims;
  const size = rest.reduce((product, dim) => product * dim, 1);
  let count = 0;
  for (const [i, part] of parts.entries()) {
    if (part?.type !== first.type || part.dims.slice(1).join() !== rest.join())
      throw new PareError(
        "PARE_SHAPE",
        `batch ${i} has ${part ? `${part.type} [${part.dims.join(", ")}]` : "nothing"} for "${name}"; the first has ${first.type} [${first.dims.join(", ")}].`,
      );
    count += part.dims[0]!;
  }
  const data = new ((first.data as Float32Array).constructor as Float32ArrayConstructor)(count * size);
  let at = 0;
  for (const part of parts) {
    const values = part!.data as TypedArray;
    data.set(values as Float32Array, at);
    at += values.length;
  }
  return new Tensor(first.type as "float32", data, [count, ...rest]);
}

function joinLabels(parts: readonly (Labels | undefined)[]): Labels {
  const missing = parts.indexOf(undefined);
  if (missing >= 0) throw new PareError("PARE_OPTION", `batch ${missing} has no y; the first has.`);
  if (isTensor(parts[0])) return joinTensors("y", parts as Tensor[]);
  return parts.flatMap((part) => Array.from(labelsOf(part!)));
}
