/** Times several runs beside each other, in rotation, so that a busy moment of the machine strikes all alike. */
import { setTimeout as pause } from "node:timers/promises";
import type { LongCall } from "../progress.js";

export interface LatencyOptions {
  signal?: AbortSignal | undefined;
  onProgress?: LongCall["onProgress"] | undefined;
  /** Turns of each at most. Default 20. */
  turns?: number;
  /** No turn begins after this many milliseconds, but three are always taken, or one if this is 0. Default 5000. */
  budgetMs?: number;
}

/** Milliseconds of a run. */
export interface Latency {
  medianMs: number;
  p95Ms: number;
  minMs: number;
  turns: number;
}

/** A runtime's threads spin for work before they sleep: without a rest, those of one session slow the next one down. */
const restMs = 20;

/** Calls each function in turn, and again; one call of each turn is not timed, the next one is. */
export async function measureLatencies(
  runs: readonly (() => Promise<unknown>)[],
  { turns = 20, budgetMs = 5000, signal, onProgress }: LatencyOptions = {},
): Promise<Latency[]> {
  const times = runs.map((): number[] => []);
  const end = performance.now() + budgetMs;
  const least = budgetMs === 0 ? 1 : 3;
  for (let turn = 0; turn < turns && (turn < least || performance.now() < end); turn++) {
    onProgress?.({
      done: Math.min(1, Math.max(turn / turns, 1 - (end - performance.now()) / budgetMs)),
      total: 1,
      what: "timing",
    });
    // Every other turn goes backwards: nobody always runs after the same neighbour.
    const order = runs.map((_, index) => (turn % 2 === 0 ? index : runs.length - 1 - index));
    for (const index of order) {
      await pause(restMs, undefined, signal === undefined ? {} : { signal });
      await runs[index]!();
      const start = performance.now();
      await runs[index]!();
      times[index]!.push(performance.now() - start);
    }
  }
  onProgress?.({ done: 1, total: 1, what: "timing" });
  return times.map(latencyOf);
}

/** The times of some runs, at least one. */
export function latencyOf(times: readonly number[]): Latency {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1) + 0.5)]!;
  return { medianMs: at(0.5), p95Ms: at(0.95), minMs: sorted[0]!, turns: sorted.length };
}
