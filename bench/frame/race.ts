/** Times competitors side by side with benchmark.js: many short turns in rotation, so that a busy moment of the machine hits all alike. */
import Benchmark from "benchmark";
import { setTimeout } from "node:timers/promises";

/** What is timed: a function, or one that returns a promise (awaited before the next call starts). */
export type Competitor = (() => unknown) | { async: () => Promise<unknown> };

export interface RaceOptions {
  /** Turns of each competitor. Default 7. */
  rounds?: number;
  /** Least seconds a turn lasts; one call may well take longer. Default 0.1. */
  turnSeconds?: number;
  /** Rest before each turn. Default 0. ONNX Runtime's threads spin for some 16 ms after a run and slow the next one down. */
  restSeconds?: number;
}

/** Seconds a call. */
export interface Timing {
  median: number;
  min: number;
  /** Half the 95 % confidence interval of the mean, as a share of it; of benchmark.js over all samples. */
  margin: number;
  samples: number;
}

/** Seconds a call in each sample of one turn. */
function turn(competitor: Competitor, seconds: number): Promise<number[]> {
  return new Promise((resolve, reject) => {
    // benchmark.js takes samples of at least minTime until maxTime has passed.
    const bench: Benchmark = new Benchmark({
      minTime: seconds / 4,
      maxTime: seconds,
      minSamples: 2,
      ...(typeof competitor === "function"
        ? { fn: competitor }
        : {
            defer: true,
            fn: (deferred: { resolve(): void }) => {
              competitor.async().then(() => {
                deferred.resolve();
              }, reject);
            },
          }),
    });
    bench.on("complete", () => {
      const error = bench.error as Error | undefined;
      if (error === undefined) resolve(bench.stats.sample);
      else reject(error);
    });
    bench.run({ async: typeof competitor !== "function" });
  });
}

/** The middle value; of an even count the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

function timingOf(sample: readonly number[]): Timing {
  const count = sample.length;
  const mean = sample.reduce((sum, value) => sum + value, 0) / count;
  const variance = sample.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, count - 1);
  return {
    median: median(sample),
    min: Math.min(...sample),
    margin: (1.96 * Math.sqrt(variance / count)) / mean,
    samples: count,
  };
}

/** Times each competitor in turn, `rounds` times over, and returns its timing under its name. */
export async function race<Name extends string>(
  competitors: Record<Name, Competitor>,
  options: RaceOptions = {},
): Promise<Record<Name, Timing>> {
  const { rounds = 7, turnSeconds = 0.1, restSeconds = 0 } = options;
  const names = Object.keys(competitors) as Name[];
  const samples = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (const name of names) await turn(competitors[name], turnSeconds / 4); // warms code, caches and pages
  for (let round = 0; round < rounds; round++) {
    // Every other round goes backwards: nobody always runs after the same neighbour.
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      if (restSeconds > 0) await setTimeout(restSeconds * 1000);
      samples.get(name)!.push(...(await turn(competitors[name], turnSeconds)));
    }
  }
  return Object.fromEntries(names.map((name) => [name, timingOf(samples.get(name)!)])) as Record<Name, Timing>;
}

/** Seconds in the unit that reads best: "812 ns", "4.31 µs", "20.3 ms", "1.24 s". */
export function formatSeconds(seconds: number): string {
  for (const [unit, factor] of [["s", 1] as const, ["ms", 1e3] as const, ["µs", 1e6] as const])
    if (seconds * factor >= 1) return `${(seconds * factor).toPrecision(3)} ${unit}`;
  return `${(seconds * 1e9).toPrecision(3)} ns`;
}
