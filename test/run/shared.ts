/** Worker threads that run one model together: who starts them, and what they tell. */
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { SharedSession } from "../../lib/index.js";

export interface SharedRuns {
  /** The built library that workers load. */
  pare: string;
  shared: SharedSession;
  workers: number;
  /** Of each worker. */
  sessions: number;
  /** Of each session; one in five is aborted while it goes on, if it takes long enough. */
  runs: number;
  input: { data: Float32Array; dims: readonly number[] };
  wanted: Float32Array;
}

export interface RunCounts {
  right: number;
  aborted: number;
  wrong: number;
}

/** Starts the workers and waits for them. @param root of the repository */
export async function runShared(root: string, { workers, ...data }: SharedRuns): Promise<RunCounts> {
  const counts = await Promise.all(
    Array.from(
      { length: workers },
      (_, i) =>
        new Promise<RunCounts[]>((resolve, reject) => {
          const worker = new Worker(join(root, "test/run/shared-worker.cjs"), { workerData: { ...data, seed: i + 1 } });
          worker.once("message", resolve);
          worker.once("error", reject);
        }),
    ),
  );
  const sum: RunCounts = { right: 0, aborted: 0, wrong: 0 };
  for (const one of counts.flat()) for (const key of Object.keys(sum) as (keyof RunCounts)[]) sum[key] += one[key];
  return sum;
}
