/** Latency in onnxruntime-node of well-known shapes before and after pare's quantization, other quantizers' files beside. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { InferenceSession, Tensor } from "onnxruntime-common";
import { kernels, quantize, type Model, type QuantizeOptions } from "../lib/index.js";
import { formatBytes } from "../lib/report/format.js";
import { createOnnxRuntimeSession, onnxRuntime } from "../lib/run/onnxruntime.js";
import { bertBaseLayer, encoder, lenet, minilm6Layer, mlp, mobilenetV2 } from "../test/models.js";
import { formatSeconds, race, type Timing } from "./frame/race.js";
import type { BenchReport } from "./frame/report.js";

export const title = "Models in onnxruntime-node before and after quantization";

const models: readonly { name: string; make: () => Model; dims: readonly number[] }[] = [
  { name: "mlp b1", make: () => mlp(), dims: [1, 784] },
  { name: "mlp b64", make: () => mlp(), dims: [64, 784] },
  { name: "lenet b1", make: () => lenet(), dims: [1, 1, 28, 28] },
  { name: "bert_base_layer s128", make: () => encoder(bertBaseLayer), dims: [1, 128, 768] },
  { name: "bert_base_layer s16", make: () => encoder(bertBaseLayer), dims: [1, 16, 768] },
  { name: "minilm_6layer s128", make: () => encoder(minilm6Layer), dims: [1, 128, 384] },
  { name: "mobilenetv2 224²", make: () => mobilenetV2(), dims: [1, 3, 224, 224] },
];

const variants: Record<string, QuantizeOptions> = {
  "pare int8 dynamic": { dtype: "int8", mode: "dynamic" },
  "pare int8 weights": { dtype: "int8", mode: "weights" },
  "pare int4 MatMulNBits": { dtype: "int4" },
  "pare float16": { dtype: "float16" },
};

/** Files of other quantizers, by the ending that bench/oracle/dynamic.py gives them. */
const others: Record<string, string> = { "minimal rewrite": ".minimal.onnx", "onnxruntime.quantization": ".ort.onnx" };

interface Form {
  file: string;
  cosine: number;
}

export async function run(report: BenchReport): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "pare-bench-"));
  try {
    const chosen = report.quick ? models.slice(0, 1) : models;
    for (const { name, make, dims } of chosen) {
      report.progress(name);
      const feed = feedOf(dims);
      const forms = await write(make(), folder, feed, report);
      const times: Record<string, Timing>[] = [];
      for (const threads of report.threads) {
        report.progress(`${name}, ${threads} threads`);
        times.push(await time(forms, feed, threads));
      }
      const columns = report.threads.map((threads) => (threads === 1 ? "1 thread" : `${threads} threads`));
      const row = report.table(`${name}: one run`, [
        "form",
        "size",
        "cosine",
        ...columns.flatMap((column) => [column, "of float32", "of minimal"]),
      ]);
      for (const [form, { file, cosine }] of forms)
        row(
          form,
          formatBytes(statSync(file).size),
          cosine.toFixed(5),
          ...times.flatMap((one) => {
            const { median } = one[form]!;
            const ratio = (other: string): string => (other in one ? (median / one[other]!.median).toFixed(2) : "");
            return [formatSeconds(median), ratio("float32"), ratio("minimal rewrite")];
          }),
        );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function time(forms: ReadonlyMap<string, Form>, feed: Tensor, threads: number): Promise<Record<string, Timing>> {
  const sessions = new Map<string, InferenceSession>();
  try {
    for (const [form, { file }] of forms) sessions.set(form, await createOnnxRuntimeSession(file, { threads }));
    const runs = Array.from(sessions, ([form, session]) => [form, { async: () => session.run({ x: feed }) }] as const);
    return await race(Object.fromEntries(runs), { rounds: 9, restSeconds: 0.02 });
  } finally {
    for (const session of sessions.values()) await session.release();
  }
}

function feedOf(dims: readonly number[]): Tensor {
  const count = dims.reduce((product, dim) => product * dim, 1);
  const values = Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7));
  return new (onnxRuntime().Tensor)("float32", values, dims);
}

/** Every form of a model as a file, and how close its outputs come; what a form does not fit is left out. */
async function write(model: Model, folder: string, feed: Tensor, report: BenchReport): Promise<Map<string, Form>> {
  const forms = new Map<string, string>([["float32", join(folder, "float32.onnx")]]);
  await model.save(forms.get("float32")!);
  for (const [form, options] of Object.entries(variants)) {
    const small = await quantize(model, options);
    if (small.report.rows.length === 0) continue;
    forms.set(form, join(folder, `${form.replaceAll(" ", "-")}.onnx`));
    await small.save(forms.get(form)!);
  }
  const python = process.env.PARE_PYTHON ?? "python3";
  const script = join(dirname(__dirname), "bench", "oracle", "dynamic.py");
  try {
    execFileSync(python, [script, forms.get("float32")!, join(folder, "other")], { stdio: "ignore" });
    for (const [form, ending] of Object.entries(others)) forms.set(form, join(folder, `other${ending}`));
  } catch {
    report.note(
      `Other quantizers are left out: ${python} has no onnx and onnxruntime (PARE_PYTHON names another Python; bench/oracle/dynamic.py says which versions).`,
    );
  }
  const outputs = new Map<string, Float32Array>();
  for (const [form, file] of forms) {
    const session = await createOnnxRuntimeSession(file);
    outputs.set(form, (await session.run({ x: feed })).y!.data as Float32Array);
    await session.release();
  }
  const compared = (form: string): number => kernels.compare(outputs.get("float32")!, outputs.get(form)!).cosine;
  return new Map(Array.from(forms, ([form, file]) => [form, { file, cosine: compared(form) }]));
}
