/** A worker thread with several sessions of one shared plan: runs without end, some of which it aborts. */
const { parentPort, workerData } = require("node:worker_threads");
const { InferenceSession, Tensor } = require(workerData.pare);

const { shared, sessions: count, runs, input, wanted, seed } = workerData;
let state = seed;
/** Repeatable numbers in [0, 1), far from random. */
const random = () => (state = (state * 16807) % 2147483647) / 2147483647;

async function lane(session) {
  const counts = { right: 0, aborted: 0, wrong: 0 };
  for (let i = 0; i < runs; i++) {
    const controller = new AbortController();
    if (random() < 0.2) setTimeout(() => controller.abort(), random() * 2);
    const feeds = { [session.inputNames[0]]: new Tensor("float32", input.data.slice(), input.dims) };
    try {
      const results = await session.run(feeds, { signal: controller.signal });
      const { data } = results[session.outputNames[0]];
      counts[data.every((value, at) => value === wanted[at]) ? "right" : "wrong"]++;
    } catch (error) {
      if (error.name !== "AbortError") throw error;
      counts.aborted++;
    }
  }
  return counts;
}

async function main() {
  const sessions = Array.from({ length: count }, () => InferenceSession.fromShared(shared));
  const counts = await Promise.all(sessions.map(lane));
  await Promise.all(sessions.map((session) => session.release()));
  parentPort.postMessage(counts);
}
void main();
