/** A run in pare and in onnxruntime-node of the same file: latencies, interleaved, and how close the results are. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InferenceSession as CommonSession } from "onnxruntime-common";
import { findAssets } from "../lib/demo/ocr/tasks.js";
import { compile, kernels, load, PareError, quantize, Tensor, type Model } from "../lib/index.js";
import { createOnnxRuntimeSession, onnxRuntime } from "../lib/run/onnxruntime.js";
import { bertBaseLayer, encoder, lenet, minilm6Layer, mlp, mobilenetV2, oneOp } from "../test/models.js";
import { formatSeconds, race } from "./frame/race.js";
import type { BenchReport } from "./frame/report.js";

export const title = "Runs in pare and in onnxruntime-node";

interface Case {
  name: string;
  make: () => Model | Promise<Model>;
  feeds: Record<string, { type: "float32" | "int64"; dims: readonly number[] }>;
}

const x = (...dims: number[]): Case["feeds"] => ({ x: { type: "float32", dims } });
const dynamic = async (model: Model): Promise<Model> => quantize(model, { dtype: "int8", mode: "dynamic" });

function cases(report: BenchReport): Case[] {
  const list: Case[] = [
    { name: "one op", make: () => oneOp(), feeds: x(1, 8) },
    { name: "mlp b1", make: () => mlp(), feeds: x(1, 784) },
    { name: "mlp b64", make: () => mlp(), feeds: x(64, 784) },
    { name: "lenet b1", make: () => lenet(), feeds: x(1, 1, 28, 28) },
    { name: "lenet b64", make: () => lenet(), feeds: x(64, 1, 28, 28) },
    { name: "mobilenetv2 224²", make: () => mobilenetV2(), feeds: x(1, 3, 224, 224) },
    { name: "bert layer s16", make: () => encoder(bertBaseLayer), feeds: x(1, 16, 768) },
    { name: "bert layer s128", make: () => encoder(bertBaseLayer), feeds: x(1, 128, 768) },
    { name: "minilm shape s16", make: () => encoder(minilm6Layer), feeds: x(1, 16, 384) },
    { name: "minilm shape s128", make: () => encoder(minilm6Layer), feeds: x(1, 128, 384) },
    { name: "mlp b1, int8", make: () => dynamic(mlp()), feeds: x(1, 784) },
    { name: "mlp b64, int8", make: () => dynamic(mlp()), feeds: x(64, 784) },
    { name: "bert layer s16, int8", make: () => dynamic(encoder(bertBaseLayer)), feeds: x(1, 16, 768) },
    { name: "bert layer s128, int8", make: () => dynamic(encoder(bertBaseLayer)), feeds: x(1, 128, 768) },
    { name: "minilm shape s16, int8", make: () => dynamic(encoder(minilm6Layer)), feeds: x(1, 16, 384) },
    { name: "minilm shape s128, int8", make: () => dynamic(encoder(minilm6Layer)), feeds: x(1, 128, 384) },
  ];
  try {
    const { models } = findAssets();
    list.push(
      { name: "PP-OCR cls 48×192", make: () => load(models.cls), feeds: x(1, 3, 48, 192) },
      { name: "PP-OCR rec 48×320", make: () => load(models.rec), feeds: x(1, 3, 48, 320) },
      { name: "PP-OCR det 640²", make: () => load(models.det), feeds: x(1, 3, 640, 640) },
    );
  } catch (error) {
    report.note(`PP-OCR is left out: ${(error as Error).message}`);
  }
  if (process.env.PARE_MINILM !== undefined) {
    const file = join(process.env.PARE_MINILM, "model.onnx");
    const ids = { type: "int64" as const, dims: [1, 128] };
    const feeds = { input_ids: ids, attention_mask: ids, token_type_ids: ids };
    list.push({ name: "MiniLM s128", make: () => load(file), feeds });
    list.push({ name: "MiniLM s128, int8", make: async () => dynamic(await load(file)), feeds });
  } else {
    report.note("MiniLM itself is left out: PARE_MINILM names the folder of its model.onnx.");
  }
  return list;
}

export async function run(report: BenchReport): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "pare-bench-"));
  const chosen = process.env.PARE_BENCH_CASES;
  const ratios = new Map<string, number[]>();
  try {
    const row = report.table("One run; ratios are onnxruntime-node's time over pare's", [
      "model",
      "largest difference",
      ...report.threads.flatMap((threads) => [`pare, ${threads} thr.`, `ORT, ${threads} thr.`, "ratio"]),
    ]);
    for (const one of cases(report)) {
      if (chosen !== undefined && !new RegExp(chosen).test(one.name)) continue;
      if (report.quick && one.name !== "mlp b1") continue;
      report.progress(one.name);
      const file = join(folder, "model.onnx");
      await (await one.make()).save(file);
      const cells: (string | number)[] = [];
      let difference = "";
      for (const threads of report.threads) {
        report.progress(`${one.name}, ${threads} threads`);
        try {
          const { pare, other, distance } = await time(file, one, threads);
          difference = distance.toExponential(1);
          cells.push(formatSeconds(pare), formatSeconds(other), (other / pare).toFixed(2));
          const kind = `${one.name.includes("int8") ? "int8" : "float32"}, ${threads} thr.`;
          ratios.set(kind, [...(ratios.get(kind) ?? []), other / pare]);
        } catch (error) {
          if (!(error instanceof PareError)) throw error;
          report.note(`${one.name}: ${error.message}`);
          cells.push("–", "–", "–");
        }
      }
      row(one.name, difference, ...cells);
    }
    for (const [kind, list] of ratios)
      report.note(
        `Geometric mean, ${kind}: ${Math.exp(list.reduce((sum, ratio) => sum + Math.log(ratio), 0) / list.length).toFixed(3)}; least ${Math.min(...list).toFixed(2)}.`,
      );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function time(
  file: string,
  { feeds }: Case,
  threads: number,
): Promise<{ pare: number; other: number; distance: number }> {
  const make = (tensor: typeof Tensor): Record<string, Tensor> =>
    Object.fromEntries(
      Object.entries(feeds).map(([name, { type, dims }]) => {
        const count = dims.reduce((product, dim) => product * dim, 1);
        return [
          name,
          type === "int64"
            ? new tensor(
                "int64",
                BigInt64Array.from({ length: count }, () => 1n),
                dims,
              )
            : new tensor(
                "float32",
                Float32Array.from({ length: count }, (_, i) => ((i * 7919) % 2003) / 1001 - 1),
                dims,
              ),
        ];
      }),
    );
  const session = await compile(file, { threads });
  const other: CommonSession = await createOnnxRuntimeSession(file, { threads });
  try {
    const [own, theirs] = [make(Tensor), make(onnxRuntime().Tensor)];
    const [a, b] = [session.runSync(own), await other.run(theirs)];
    let distance = 0;
    for (const name of session.outputNames) {
      const [mine, expected] = [a[name]!, b[name]!];
      if (mine.type !== "float32") continue;
      const scale = (expected.data as Float32Array).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const { maxError } = kernels.compare(expected.data as Float32Array, mine.data as Float32Array);
      distance = Math.max(distance, maxError / Math.max(scale, 1e-3));
    }
    const times = await race(
      { pare: () => session.runSync(own), other: { async: () => other.run(theirs) } },
      { rounds: 9, restSeconds: 0.02 },
    );
    return { pare: times.pare.median, other: times.other.median, distance };
  } finally {
    await session.release();
    await other.release();
  }
}
