/** What a model's body makes of examples: all that a head which is trained alone needs of them. */
import { Tensor } from "onnxruntime-common";
import { joinBatches, type Batch, type Batches } from "../data/index.js";
import type { LongCall } from "../progress.js";
import { InferenceSession } from "../run/session.js";
import { Examples } from "../train/examples.js";
import type { Headed } from "./head.js";

const batchSize = 64;

/** The examples' features [count, …] with their labels. */
export async function featuresOf(
  { model, feature }: Pick<Headed, "model" | "feature">,
  data: Batches,
  { threads, signal, onProgress }: LongCall & { threads?: number },
): Promise<Batch> {
  const { x, ...rest } = await joinBatches(data, signal ? { signal } : {});
  const body = model.clone();
  const examples = Examples.of({ x }, body);
  body.graph.proto.output = [];
  body.graph.addOutput(feature, "float32", model.inferShapes().get(feature)?.dims);
  body.graph.removeUnused();
  const used = new Set(body.graph.inputs.map(({ name }) => name));
  const session = new InferenceSession(body, threads === undefined ? {} : { threads });
  let all: Tensor | undefined;
  try {
    for (let start = 0; start < examples.count; start += batchSize) {
      signal?.throwIfAborted();
      onProgress?.({ done: start, total: examples.count, what: "features for the head" });
      const length = Math.min(batchSize, examples.count - start);
      const feeds = Object.entries(examples.take(Uint32Array.from({ length }, (_, i) => start + i)));
      const results = await session.run(Object.fromEntries(feeds.filter(([name]) => used.has(name))));
      const { data: values, dims } = results[feature]!;
      const size = values.length / length;
      all ??= new Tensor("float32", new Float32Array(examples.count * size), [examples.count, ...dims.slice(1)]);
      (all.data as Float32Array).set(values as Float32Array, start * size);
    }
  } finally {
    await session.release();
  }
  return { x: all!, ...rest };
}
