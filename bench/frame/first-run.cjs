// Loads a model in a fresh process, runs it, and prints what that took: node first-run.cjs MODULE MODEL FEEDS RUNS THREADS
// MODULE is pare's or onnxruntime-node's entry; FEEDS is JSON, { name: { type, dims } }. With no MODEL the module is loaded, no more.
const { readFileSync } = require("node:fs");

const [path, model, feedsText, runs, threads] = process.argv.slice(2);
const { InferenceSession, Tensor } = require(path);

/** Peak of the resident size, in bytes. */
const peak = () => Number(/VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]) * 1024;

/** Ones for integers, values between -1 and 1 for floats. */
function tensorOf({ type, dims }) {
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (type === "int64") return new Tensor(type, new BigInt64Array(count).fill(1n), dims);
  return new Tensor(
    type,
    Float32Array.from({ length: count }, (_, i) => ((i * 7919) % 2003) / 1001 - 1),
    dims,
  );
}

async function main() {
  const times = {};
  if (model) {
    const feeds = Object.fromEntries(Object.entries(JSON.parse(feedsText)).map(([name, one]) => [name, tensorOf(one)]));
    const start = performance.now();
    const session = await InferenceSession.create(model, { intraOpNumThreads: Number(threads), logSeverityLevel: 3 });
    times.created = performance.now() - start;
    await session.run(feeds);
    times.ran = performance.now() - start;
    for (let run = 1; run < Number(runs); run++) await session.run(feeds);
  }
  console.log(JSON.stringify({ ...times, peak: peak() }));
}

main();
