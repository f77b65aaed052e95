/** The floor of every transform: a memory copy of as many bytes, on as many threads. */
import { Worker } from "node:worker_threads";

/** What each worker runs: wait for the epoch to move, copy its share, count itself done. */
const workerSource = `
  const { workerData } = require("node:worker_threads");
  const { control, source, target, index, threads } = workerData;
  const state = new Int32Array(control), from = new Uint8Array(source), to = new Uint8Array(target);
  for (let epoch = 0; ; ) {
    Atomics.wait(state, 0, epoch);
    epoch = Atomics.load(state, 0);
    if (epoch < 0) break;
    const byteLength = Atomics.load(state, 1), share = Math.ceil(byteLength / threads);
    const begin = index * share, end = Math.min(byteLength, begin + share);
    if (begin < end) to.set(from.subarray(begin, end), begin);
    Atomics.add(state, 2, 1);
  }`;

/** Copies between two shared buffers with TypedArray.set, each thread its share. */
export class Copier {
  readonly #state = new Int32Array(new SharedArrayBuffer(12));
  readonly #workers: Worker[];
  readonly #from: Uint8Array;
  readonly #to: Uint8Array;

  constructor(
    source: SharedArrayBuffer,
    target: SharedArrayBuffer,
    private readonly threads: number,
  ) {
    this.#from = new Uint8Array(source);
    this.#to = new Uint8Array(target);
    this.#workers = Array.from(
      { length: threads - 1 },
      (_, i) =>
        new Worker(workerSource, {
          eval: true,
          workerData: { control: this.#state.buffer, source, target, index: i + 1, threads },
        }),
    );
  }

  copy(byteLength: number): void {
    const state = this.#state;
    Atomics.store(state, 1, byteLength);
    Atomics.store(state, 2, 0);
    Atomics.add(state, 0, 1);
    Atomics.notify(state, 0);
    const share = Math.ceil(byteLength / this.threads);
    this.#to.set(this.#from.subarray(0, share), 0);
    // A short spin: sleeping would cost more than the copies differ.
    while (Atomics.load(state, 2) < this.#workers.length);
  }

  async stop(): Promise<void> {
    Atomics.store(this.#state, 0, -1);
    Atomics.notify(this.#state, 0);
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
