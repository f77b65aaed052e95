/** What the demo tells of a model file: parameters, zeros, bytes, accuracy and latency in pare and in onnxruntime-node. */
import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import type { InferenceSession, Tensor } from "onnxruntime-common";
import { sliceExamples, type Batch } from "../../data/index.js";
import { binding } from "../../binding.js";
import { offLoop } from "../../kernels/kernel.js";
import type { Model } from "../../model/index.js";
import type { LongCall } from "../../progress.js";
import { evaluate } from "../../run/evaluate.js";
import { measureLatencies } from "../../run/latency.js";
import { createSession, runtimeNames, type RuntimeName } from "../../run/runtime.js";
import { InferenceSession as PareSession } from "../../run/session.js";

/** A model that the demo has made and saved. */
export interface Made {
  /** What it shows: the technique that it belongs to. */
  part: string;
  name: string;
  file: string;
  /** Its weights as floats: of a quantized model those that it was made of. */
  floats: Model;
  /** What it learned from, and what its accuracy is of. */
  training: Batch;
  test: Batch;
}

export interface Row extends Omit<Made, "floats" | "training" | "test"> {
  parameters: number;
  nonZeros: number;
  bytes: number;
  /** Of the file when it is compressed, where zeros count for little. */
  gzippedBytes: number;
  /** Accuracy on what it learned from − accuracy on test digits. */
  gap: number;
  /** Share of test digits that are right, and milliseconds for one digit, the median, by runtime. */
  accuracy: Record<RuntimeName, number>;
  latencyMs: Record<RuntimeName, number>;
}

/** Calls of one measurement: one alone is as short as the clock's own error. */
const callsAtOnce = 50;

/** Examples of what a model learned from that the gap is measured on, at most. */
const mostSeen = 10_000;

/** Runs every file in both runtimes; latencies are measured in turns. */
export async function measure(models: readonly Made[], { threads, signal, onProgress }: LongCall): Promise<Row[]> {
  const call = { ...(threads === undefined ? {} : { threads }), ...(signal ? { signal } : {}) };
  const sessions: InferenceSession[] = [];
  try {
    const accuracies: number[] = [];
    const runs: (() => Promise<void>)[] = [];
    const gaps: number[] = [];
    for (const { file, training, test } of models) {
      for (const runtime of runtimeNames) {
        signal?.throwIfAborted();
        onProgress?.({ done: sessions.length / models.length / 4, total: 1, what: `testing ${runtime}` });
        const session = await createSession(file, { runtime, ...call });
        sessions.push(session);
        const { accuracy } = await evaluate(session, test, { ...call, batchSize: 500 });
        accuracies.push(accuracy!);
        runs.push(() => runOne(session, test));
      }
      const seen = await evaluate(sessions.at(-1)!, sliceExamples(training, 0, mostSeen), { ...call, batchSize: 500 });
      gaps.push(seen.accuracy! - accuracies.at(-1)!);
    }
    const latencies = await measureLatencies(runs, {
      ...(signal ? { signal } : {}),
      turns: 9,
      budgetMs: 8000,
      onProgress: ({ done }) => onProgress?.({ done: 0.5 + done / 2, total: 1, what: "latency" }),
    });
    const byRuntime = (values: readonly number[], i: number): Record<RuntimeName, number> =>
      Object.fromEntries(runtimeNames.map((name, r) => [name, values[i * runtimeNames.length + r]!])) as Record<
        RuntimeName,
        number
      >;
    const milliseconds = latencies.map(({ medianMs }) => medianMs / callsAtOnce);
    const rows: Row[] = [];
    for (const [i, { part, name, file, floats }] of models.entries()) {
      const bytes = await readFile(file);
      rows.push({
        ...{ part, name, file, gap: gaps[i]! },
        ...(await countOf(floats)),
        bytes: bytes.byteLength,
        gzippedBytes: gzipSync(bytes).byteLength,
        accuracy: byRuntime(accuracies, i),
        latencyMs: byRuntime(milliseconds, i),
      });
    }
    return rows;
  } finally {
    for (const session of sessions) await session.release();
  }
}

/** One digit, several times; pare computes on the event loop here, as onnxruntime-node always does. */
async function runOne(session: InferenceSession, test: Batch): Promise<void> {
  const feeds = { [session.inputNames[0]!]: sliceExamples(test, 0, 1).x as Tensor };
  if (session instanceof PareSession) for (let i = 0; i < callsAtOnce; i++) session.runSync(feeds);
  else for (let i = 0; i < callsAtOnce; i++) await session.run(feeds);
}

/** float32 weights, and how many of them are not zero. */
async function countOf({ graph }: Model): Promise<{ parameters: number; nonZeros: number }> {
  const weights = [...graph.weights()].map(([, weight]) => weight).filter(({ dtype }) => dtype === "float32");
  const parameters = weights.reduce((sum, { elementCount }) => sum + elementCount, 0);
  const bytes = weights.map((weight) => weight.bytes);
  const zeros = (await offLoop((native) => binding.countZeros(bytes, native), {})) as number[];
  return { parameters, nonZeros: parameters - zeros.reduce((sum, count) => sum + count, 0) };
}
