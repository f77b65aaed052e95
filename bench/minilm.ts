/** all-MiniLM-L6-v2, quantized: how far the similarities of sentences move, and what it costs to run in onnxruntime-node. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "../lib/model/index.js";
import { quantize, quantizeForTransformersJs, type QuantizeOptions } from "../lib/quantize/index.js";
import { createOnnxRuntimeSession, onnxRuntime } from "../lib/run/onnxruntime.js";
import type { BenchReport } from "./frame/report.js";
import { formatSeconds } from "./frame/race.js";

export const title = "all-MiniLM-L6-v2: sentence similarities of small versions beside float32";

/** Beyond what transformers.js asks for. */
const others: Record<string, QuantizeOptions> = {
  "q8 per channel": { dtype: "int8", perChannel: true },
  "int8 weights": { dtype: "int8", mode: "weights" },
  "int16 weights": { dtype: "int16" },
  "int4 weights, blocks of 32": { dtype: "int4", mode: "weights", blockSize: 32 },
  bfloat16: { dtype: "bfloat16" },
  uint4: { dtype: "uint4" },
};

interface Sentence {
  text: string;
  ids: number[];
}

export async function run(report: BenchReport): Promise<void> {
  const folder = process.env.PARE_MINILM;
  if (folder === undefined || !existsSync(join(folder, "model.onnx"))) {
    report.note(
      "Left out: it needs $PARE_MINILM, a folder made by bench/oracle/minilm.py (Python, torch, transformers).",
    );
    return;
  }
  const source = join(folder, "model.onnx");
  const sentences = JSON.parse(readFileSync(join(folder, "sentences.json"), "utf8")) as Sentence[];
  const row = report.table(`${sentences.length} sentences, ${(sentences.length * (sentences.length - 1)) / 2} pairs`, [
    ...["version", "MB", "cosine of embeddings, mean", "least", "|Δ similarity|, mean", "largest", "rank correlation"],
    ...["nearest kept", "ms a sentence"],
  ]);
  const temporary = mkdtempSync(join(tmpdir(), "pare-minilm-"));
  try {
    const model = await load(source);
    const exact = await embed(source, sentences);
    const add = async (name: string, path: string): Promise<void> => {
      report.progress(name);
      const { embeddings, seconds } = path === source ? exact : await embed(path, sentences);
      const cosines = embeddings.map((embedding, i) => dot(embedding, exact.embeddings[i]!));
      const [want, got] = [similarities(exact.embeddings), similarities(embeddings)];
      const moved = want.map((similarity, i) => Math.abs(similarity - got[i]!));
      row(
        name,
        (statSync(path).size / 1e6).toFixed(1),
        mean(cosines).toFixed(5),
        Math.min(...cosines).toFixed(5),
        mean(moved).toFixed(5),
        Math.max(...moved).toFixed(5),
        correlation(ranks(want), ranks(got)).toFixed(5),
        `${nearestKept(exact.embeddings, embeddings)} of ${sentences.length}`,
        formatSeconds(seconds / sentences.length),
      );
    };
    await add("float32", source);
    for (const { variant, path } of await quantizeForTransformersJs(model, temporary)) await add(variant, path);
    for (const [name, options] of Object.entries(others)) {
      const path = join(temporary, "other.onnx");
      await (await quantize(model, options)).save(path);
      await add(name, path);
    }
  } finally {
    rmSync(temporary, { recursive: true });
  }
  report.note(
    "Embeddings: mean of the last hidden state over the tokens, normalized. onnxruntime-node, one sentence at a time.",
  );
}

/** Sentence embeddings, and the time of the second of two rounds. */
async function embed(path: string, sentences: Sentence[]): Promise<{ embeddings: Float32Array[]; seconds: number }> {
  const { Tensor } = onnxRuntime();
  const session = await createOnnxRuntimeSession(path);
  let embeddings: Float32Array[] = [];
  let seconds = 0;
  for (let round = 0; round < 2; round++) {
    const start = performance.now();
    embeddings = [];
    for (const { ids } of sentences) {
      const dims = [1, ids.length];
      const filled = (value: bigint): BigInt64Array => new BigInt64Array(ids.length).fill(value);
      const outputs = await session.run({
        input_ids: new Tensor("int64", BigInt64Array.from(ids, BigInt), dims),
        attention_mask: new Tensor("int64", filled(1n), dims),
        token_type_ids: new Tensor("int64", filled(0n), dims),
      });
      embeddings.push(pooled(outputs.last_hidden_state!.data as Float32Array, ids.length));
    }
    seconds = (performance.now() - start) / 1e3;
  }
  await session.release();
  return { embeddings, seconds };
}

function pooled(hidden: Float32Array, tokens: number): Float32Array {
  const width = hidden.length / tokens;
  const sum = new Float32Array(width);
  hidden.forEach((value, i) => (sum[i % width]! += value));
  const length = Math.sqrt(dot(sum, sum));
  return sum.map((value) => value / length);
}

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function similarities(embeddings: Float32Array[]): number[] {
  return embeddings.flatMap((a, i) => embeddings.slice(i + 1).map((b) => dot(a, b)));
}

function ranks(values: number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const result: number[] = [];
  order.forEach((index, rank) => (result[index] = rank));
  return result;
}

function correlation(a: number[], b: number[]): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  const sum = (x: number[], mx: number, y: number[], my: number): number =>
    x.reduce((all, value, i) => all + (value - mx) * (y[i]! - my), 0);
  return sum(a, meanA, b, meanB) / Math.sqrt(sum(a, meanA, a, meanA) * sum(b, meanB, b, meanB));
}

/** Sentences whose nearest neighbour is the same one as before. */
function nearestKept(before: Float32Array[], after: Float32Array[]): number {
  const nearest = (all: Float32Array[], i: number): number => {
    const scores = all.map((other, j) => (i === j ? -Infinity : dot(all[i]!, other)));
    return scores.indexOf(Math.max(...scores));
  };
  return before.filter((_, i) => nearest(before, i) === nearest(after, i)).length;
}
