// Runs models in onnxruntime-node: jobs come as JSON on stdin, results go as JSON to stdout, floats as base64.
// A process of its own, since jest's typed arrays are of another realm.
const ort = require("onnxruntime-node");
const { readFileSync, writeSync } = require("node:fs");

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

async function run({ model, feeds }) {
  const session = await ort.InferenceSession.create(model, { logSeverityLevel: 4, intraOpNumThreads: 1 });
  const tensors = {};
  for (const [name, { type, dims, data }] of Object.entries(feeds)) {
    const bytes = Buffer.from(data, "base64");
    const own = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    tensors[name] = new ort.Tensor(type, new arrays[type](own), dims);
  }
  const outputs = await session.run(tensors);
  await session.release();
  const results = {};
  for (const [name, { type, dims, data }] of Object.entries(outputs))
    results[name] = {
      type,
      dims,
      data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64"),
    };
  return results;
}

(async () => {
  const results = [];
  for (const job of JSON.parse(readFileSync(0, "utf8"))) {
    try {
      results.push({ outputs: await run(job) });
    } catch (error) {
      results.push({ error: error.message });
    }
  }
  const text = Buffer.from(JSON.stringify(results));
  for (let at = 0; at < text.length;) at += writeSync(1, text, at);
})();
