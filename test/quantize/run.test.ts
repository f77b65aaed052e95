/** Small models, quantized in every way, run in onnxruntime-node and compute nearly what they computed before. */
import { join } from "node:path";
import { loadSync, type Model } from "../../lib/model/index.js";
import { quantize, type QuantizeOptions } from "../../lib/quantize/index.js";
import { cosine, floats, runInOnnxRuntime, type Feeds } from "../onnxruntime.js";

const golden = (name: string): Model => loadSync(join(__dirname, "..", "goldens", "quantize", `${name}.onnx`));
const tensor = (...dims: number[]): Feeds[string] => ({
  type: "float32",
  dims,
  data: floats(
    dims.reduce((a, b) => a * b, 1),
    dims.length,
  ),
});

const integers = (dims: number[], ...values: number[]): Feeds[string] => ({
  type: "int32",
  dims,
  data: Int32Array.from(values),
});

const feeds: Record<string, Feeds> = {
  mlp: { x: tensor(3, 20) },
  convnet: { x: tensor(2, 3, 12, 12) },
  gemms: { x: tensor(3, 14), t: tensor(6, 4), v: tensor(14, 9) },
  attention: {
    ids: { type: "int64", dims: [2, 5], data: BigInt64Array.from([1, 5, 30, 0, 7, 3, 3, 12, 28, 9], BigInt) },
  },
  recurrent: { x: tensor(4, 2, 7) },
  branches: { x: tensor(3, 10), flag: { type: "bool", dims: [], data: Uint8Array.of(1) } },
  blocks: { x: tensor(3, 40) },
  fused: {
    ids: integers([2, 4], 3, 28, 0, 11, 9, 9, 2, 17),
    segments: integers([2, 4], 0, 0, 1, 1, 0, 0, 0, 1),
    mask: integers([2, 4], 1, 1, 1, 1, 1, 1, 1, 0),
  },
};

const ways: [QuantizeOptions, leastCosine: number][] = [
  [{ dtype: "int8" }, 0.99],
  [{ dtype: "uint8" }, 0.99],
  [{ dtype: "int8", perChannel: true, reduceRange: true }, 0.99],
  [{ dtype: "int8", mode: "weights" }, 0.999],
  [{ dtype: "uint8", mode: "weights", perChannel: false }, 0.999],
  [{ dtype: "int8", mode: "weights", blockSize: 8 }, 0.999],
  [{ dtype: "int16" }, 0.999999],
  [{ dtype: "int16", blockSize: 16 }, 0.999999],
  [{ dtype: "uint16", perChannel: false }, 0.999999],
  [{ dtype: "int4", mode: "weights" }, 0.97],
  [{ dtype: "uint4", mode: "weights" }, 0.97],
  [{ dtype: "int4", mode: "weights", blockSize: 16 }, 0.97],
  [{ dtype: "int4" }, 0.97],
  [{ dtype: "uint4" }, 0.97],
  [{ dtype: "int4", blockSize: 16, accuracyLevel: 4 }, 0.97],
  [{ dtype: "nf4" }, 0.97],
  [{ dtype: "fp4" }, 0.95],
  [{ dtype: "float16" }, 0.9999],
  [{ dtype: "bfloat16" }, 0.9999],
];

test.each(Object.keys(feeds))("%s", async (net) => {
  const original = golden(net);
  const before = original.toBytes();
  const made = await Promise.all(ways.map(([options]) => quantize(original, options)));
  expect(Buffer.compare(original.toBytes(), before)).toBe(0);
  const models = [before, ...made.map((model) => model.toBytes())];
  const [want, ...got] = runInOnnxRuntime(models.map((model) => ({ model, feeds: feeds[net]! })));
  if (want instanceof Error) throw want;
  got.forEach((outputs, i) => {
    const [options, least] = ways[i]!;
    const what = JSON.stringify(options);
    if (outputs instanceof Error) throw new Error(`${what}: ${outputs.message}`);
    for (const [name, { data, dims, type }] of Object.entries(outputs)) {
      expect([what, name, type, dims]).toEqual([what, name, "float32", want![name]!.dims]);
      if (!(cosine(data, want![name]!.data) >= least))
        throw new Error(`${what}, ${name}: cosine ${cosine(data, want![name]!.data)}, wanted ${least}`);
    }
  });
});
