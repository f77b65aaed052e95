/** Two threads beside a process that burns a processor: what they take, of what one thread takes; pare and onnxruntime-node. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { latencyOf } from "../lib/run/latency.js";
import { createSession, runtimeNames, type RuntimeName } from "../lib/run/runtime.js";
import { Model, Tensor, Weight } from "../lib/index.js";
import { bertBaseLayer, encoder, lenet, mobilenetV2 } from "../test/models.js";
import { formatSeconds } from "./frame/race.js";
import type { BenchReport } from "./frame/report.js";

export const title = "Two threads while another process burns a processor";

/** A product of two square matrices, one of them a weight. */
function product(size: number): Model {
  const model = Model.create({ opset: 13 });
  model.graph.addInput("x", "float32", [size, size]);
  const values = Float32Array.from({ length: size * size }, (_, i) => ((i * 7919) % 2003) / 1001 - 1);
  model.graph.addWeight("w", Weight.of("float32", [size, size], values));
  model.graph.addNode({ opType: "MatMul", inputs: ["x", "w"], outputs: ["y"] });
  model.graph.addOutput("y", "float32", [size, size]);
  return model;
}

const cases: [string, () => Model, number[]][] = [
  ["matmul 512³", () => product(512), [512, 512]],
  ["matmul 1024³", () => product(1024), [1024, 1024]],
  ["lenet b64", () => lenet(), [64, 1, 28, 28]],
  ["mobilenetv2 224²", () => mobilenetV2(), [1, 3, 224, 224]],
  ["bert layer s128", () => encoder(bertBaseLayer), [1, 128, 768]],
];

/** Long enough for threads that spin to have gone to sleep. */
const restMs = 20;
const runsInTurn = 5;

export async function run(report: BenchReport): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "pare-bench-"));
  // As nice as this process; it may run wherever the system puts it.
  const burner = spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" });
  try {
    const row = report.table("Means of runs, one thread and two in turn; the ratios are of one thread's mean", [
      ...["model", "runtime", "1 thread", "2 threads", "2 of 1", "95th percentile, 1 thread", "2 threads"],
    ]);
    const chosen = new RegExp(process.env.PARE_BENCH_CASES ?? "");
    for (const [name, make, dims] of cases) {
      if (!chosen.test(name)) continue;
      report.progress(name);
      const file = join(folder, "model.onnx");
      await make().save(file);
      const times = await measure(file, dims, report.quick ? 2 : 40);
      for (const runtime of runtimeNames) {
        const [one, two] = [times[runtime][0]!, times[runtime][1]!];
        const mean = (list: readonly number[]): number => list.reduce((sum, ms) => sum + ms, 0) / list.length;
        row(
          name,
          runtime === "pare" ? "pare" : "ORT",
          formatSeconds(mean(one) / 1e3),
          formatSeconds(mean(two) / 1e3),
          (mean(two) / mean(one)).toFixed(2),
          (latencyOf(one).p95Ms / mean(one)).toFixed(2),
          (latencyOf(two).p95Ms / mean(one)).toFixed(2),
        );
      }
    }
    if (availableParallelism() !== 2)
      report.note(`One process burns; this machine has ${availableParallelism()} processors, not two.`);
  } finally {
    burner.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
}

/** Milliseconds of each run with one thread and with two. */
async function measure(file: string, dims: readonly number[], turns: number): Promise<Record<RuntimeName, number[][]>> {
  const count = dims.reduce((all, dim) => all * dim, 1);
  const x = new Tensor(
    "float32",
    Float32Array.from({ length: count }, (_, i) => ((i * 104729) % 1999) / 999 - 1),
    dims,
  );
  const times: Record<RuntimeName, number[][]> = { pare: [[], []], onnxruntime: [[], []] };
  const runs: { session: Awaited<ReturnType<typeof createSession>>; times: number[] }[] = [];
  for (const threads of [1, 2])
    for (const runtime of runtimeNames)
      runs.push({ session: await createSession(file, { runtime, threads }), times: times[runtime][threads - 1]! });
  for (let turn = 0; turn < turns; turn++) {
    // Every other turn goes backwards: nobody always runs after the same neighbour.
    for (const { session, times: kept } of turn % 2 === 0 ? runs : [...runs].reverse()) {
      await pause(restMs);
      await session.run({ x });
      for (let i = 0; i < runsInTurn; i++) {
        const start = performance.now();
        await session.run({ x });
        kept.push(performance.now() - start);
      }
    }
  }
  for (const { session } of runs) await session.release();
  return times;
}
