/** One model in eight worker threads: right answers, and memory before, meanwhile and afterwards. */
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { compile, Tensor } from "../lib/index.js";
import { formatBytes } from "../lib/report/format.js";
import { encoder, minilm6Layer } from "../test/models.js";
import { runShared } from "../test/run/shared.js";
import type { BenchReport } from "./frame/report.js";

export const title = "One model in many worker threads";

export async function run(report: BenchReport): Promise<void> {
  const root = dirname(__dirname);
  const pare = join(root, "dist/index.js");
  const resident = async (): Promise<number> => {
    for (let i = 0; i < 3; i++) {
      globalThis.gc?.();
      await pause(100);
    }
    return process.memoryUsage.rss();
  };
  const dims = [1, 16, 384];
  const data = Float32Array.from({ length: 16 * 384 }, (_, i) => Math.sin(i));
  const row = report.table("Eight workers, four sessions each, of one plan; one run in five is aborted", [
    ...["round", "runs", "right", "aborted", "wrong", "resident before", "with the plan", "after the runs", "released"],
  ]);
  const runs = report.quick ? 1 : 32;
  for (let round = 1; round <= (report.quick ? 1 : 10); round++) {
    report.progress(`round ${round}`);
    const before = await resident();
    const session = await compile(encoder(minilm6Layer), { threads: 1 });
    const wanted = (await session.run({ x: new Tensor("float32", data, dims) })).y!.data as Float32Array;
    const compiled = await resident();
    const counts = await runShared(root, {
      ...{ pare, shared: session.share(), workers: 8, sessions: 4, runs, input: { data, dims }, wanted },
    });
    const after = await resident();
    await session.release();
    const released = await resident();
    row(
      ...[round, 8 * 4 * runs, counts.right, counts.aborted, counts.wrong].map(String),
      ...[before, compiled, after, released].map((bytes) => formatBytes(bytes)),
    );
  }
}
