/** The addon in worker_threads: many at once, and workers that end while their jobs run. */
import { join } from "node:path";
import { Worker } from "node:worker_threads";

const addon = join(__dirname, "..", process.env.PARE_ADDON ?? "build/Release/pare.node");

/** Starts asynchronous conversions without end and reports each one's first half. */
const endless = `
  const { parentPort, workerData } = require("node:worker_threads");
  const pare = require(workerData.addon);
  const x = new Float32Array(300000).fill(workerData.value);
  const next = () => pare.toHalf("float16", x, undefined, { async: true, threads: 2 }).then((raw) => {
    parentPort.postMessage(new Uint16Array(raw)[299999]);
    next();
  });
  for (let jobs = 0; jobs < 4; jobs++) next();
`;

function start(value: number): Worker {
  return new Worker(endless, { eval: true, workerData: { addon, value } });
}

/** Resolves after `count` answers, all of which must equal `half`. */
function answers(worker: Worker, half: number, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = 0;
    worker.on("message", (got: number) => {
      if (got !== half) reject(new Error(`got ${got}, wanted ${half}`));
      if (++seen === count) resolve();
    });
    worker.on("error", reject);
  });
}

test("eight workers at once each get their own answers", async () => {
  const halves = [0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600, 0x4700, 0x4800];
  const workers = halves.map((_, i) => start(i + 1));
  await Promise.all(workers.map((worker, i) => answers(worker, halves[i]!, 20)));
  await Promise.all(workers.map((worker) => worker.terminate()));
}, 60_000);

test("workers may end at any time, jobs in flight included", async () => {
  for (let round = 0; round < 6; round++) {
    const workers = Array.from({ length: 4 }, () => start(1));
    await Promise.all(
      workers.map(async (worker, i) => {
        if (i % 2) await answers(worker, 0x3c00, 1 + i);
        else await new Promise((resolve) => setTimeout(resolve, 10 * round));
        await worker.terminate();
      }),
    );
  }
}, 60_000);

test("the addon serves new workers after all earlier ones have ended", async () => {
  const worker = start(2);
  await answers(worker, 0x4000, 1);
  await worker.terminate();
}, 60_000);
