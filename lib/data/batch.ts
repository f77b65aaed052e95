/** What models are run on. */
import type { Tensor } from "onnxruntime-common";

/** Examples: one tensor for a model of one input, or tensors by input name; the first dimension counts the examples. */
export interface Batch {
  x: Tensor | Record<string, Tensor>;
}

/** All examples at once, or batch after batch. */
export type Batches = Batch | Iterable<Batch> | AsyncIterable<Batch>;

/** The batches one after another. */
export async function* eachBatch(data: Batches): AsyncGenerator<Batch> {
  if ("x" in data) yield data;
  else yield* data;
}
