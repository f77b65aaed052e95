/** Words read by the PP-OCR models that pare quantizes, beside those of ONNX Runtime's own tool. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { measure, type Form } from "../lib/demo/ocr/measure.js";
import { createTasks } from "../lib/demo/ocr/tasks.js";
import { words as demoWords } from "../lib/demo/ocr/words.js";
import { load, quantize, Tensor, type QuantizeOptions } from "../lib/index.js";
import { formatBytes, formatDecibels, formatDuration } from "../lib/report/format.js";
import { measureLatencies } from "../lib/run/latency.js";
import { createSession, runtimeNames } from "../lib/run/runtime.js";
import { commonWords, countRight, inputOf, readWords, recognition, renderWords } from "./frame/words.js";
import type { BenchReport } from "./frame/report.js";

export const title = "PP-OCR quantized by pare and by onnxruntime.quantization, and read in both runtimes";

/** By the names that bench/oracle/ocr.py gives the same options. */
const variants: Record<string, QuantizeOptions> = {
  int8: { dtype: "int8", mode: "dynamic" },
  uint8: { dtype: "uint8", mode: "dynamic" },
  "uint8-per-channel": { dtype: "uint8", mode: "dynamic", perChannel: true },
  "int8-matmul": { dtype: "int8", mode: "dynamic", opTypes: { include: ["MatMul", "Gemm"] } },
};

export async function run(report: BenchReport): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "pare-bench-"));
  const { tasks, renderer } = await createTasks(report.quick ? 20 : undefined);
  try {
    const python = process.env.PARE_PYTHON ?? "python3";
    const script = join(dirname(__dirname), "bench", "oracle", "ocr.py");
    let oracle = true;
    try {
      execFileSync(python, [script, dirname(tasks[0]!.file), folder], { stdio: "ignore" });
    } catch {
      oracle = false;
      report.note(
        `ONNX Runtime's own files are left out: ${python} has no onnx and onnxruntime (PARE_PYTHON names another Python; bench/oracle/ocr.py says which versions).`,
      );
    }
    const row = report.table("Right answers, and the median of a run in onnxruntime-node", [
      "model",
      "form",
      "size",
      "cosine",
      "SNR",
      "one run",
      "right",
    ]);
    const chosen = new RegExp(process.env.PARE_BENCH_CASES ?? "");
    for (const task of tasks) {
      if (!chosen.test(task.name)) continue;
      const model = await load(task.file);
      const forms: Form[] = [{ dtype: "float32", file: task.file }];
      for (const [name, options] of Object.entries(variants)) {
        const file = join(folder, `${task.name}.pare.${name}.onnx`);
        await (await quantize(model, options)).save(file);
        forms.push({ dtype: `${name}, pare`, file });
        if (oracle) forms.push({ dtype: `${name}, onnxruntime`, file: join(folder, `${task.name}.${name}.onnx`) });
      }
      const rows = await measure(task, forms, {
        budgetMs: 8000,
        threads: report.threads.at(-1)!,
        onProgress: ({ done, what }) => {
          report.progress(`${what}, ${Math.round(done * 100)} %`);
        },
      });
      for (const { model: name, dtype, bytes, cosine, snrDb, latencyMs, right, total } of rows)
        row(
          name,
          dtype,
          formatBytes(bytes),
          cosine.toFixed(5),
          formatDecibels(snrDb),
          formatDuration(latencyMs),
          `${right} of ${total}`,
        );
      report.note(`${task.name}: ${task.counts}.`);
    }
    if (chosen.test("both")) await readInBoth(report, folder);
  } finally {
    renderer.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The recognition model's forms in pare's engine and in onnxruntime-node: the same words, the same answers? */
async function readInBoth(report: BenchReport, folder: string): Promise<void> {
  const words = await renderWords(report.quick ? demoWords.slice(0, 20) : demoWords);
  const others = await renderWords(commonWords().slice(-200));
  const { file } = await recognition();
  const model = await load(file);
  const input = model.graph.inputs[0]!.name;
  const calibration = others.map((word) => {
    const { data, dims } = inputOf(word);
    return { x: { [input]: new Tensor("float32", data, dims) } };
  });
  // uint8 activations and 7-bit weights: kernels without a dot product of mixed signs saturate with others.
  const integers = { dtype: "int8", activationType: "uint8", perChannel: true, reduceRange: true } as const;
  const forms: Record<string, QuantizeOptions | undefined> = {
    float32: undefined,
    float16: { dtype: "float16" },
    "int8, dynamic": { dtype: "int8", mode: "dynamic" },
    "int8, dynamic, MatMul alone": variants["int8-matmul"]!,
    "int8, static": { ...integers, mode: "static", calibration },
    "int8, static, percentile": { ...integers, mode: "static", method: "percentile", percentile: 99.99, calibration },
  };
  const row = report.table(`${words.length} words read by rec in both runtimes`, [
    ...["form", "right in pare", "right in ORT", "read alike", "alike, ORT and ORT moved"],
    ...report.threads.flatMap((threads) => [`pare, ${threads} thr.`, `ORT, ${threads} thr.`, "ratio"]),
  ]);
  const [widest] = [...words].sort((a, b) => b.picture.width - a.picture.width);
  const timed = inputOf(widest!);
  for (const [name, options] of Object.entries(forms)) {
    report.progress(`rec ${name}`);
    const path = options === undefined ? file : join(folder, "rec.onnx");
    if (options !== undefined) await (await quantize(model, options)).save(path);
    const threads = report.threads.at(-1)!;
    const pare = await readWords(path, words, { runtime: "pare", threads });
    const other = await readWords(path, words, { runtime: "onnxruntime", threads });
    const again = await readWords(path, words, { runtime: "onnxruntime", threads, moved: 1.2e-7 });
    const alike = (texts: readonly string[]): number => texts.filter((text, i) => text === other[i]).length;
    const cells: string[] = [];
    for (const count of report.threads) {
      const sessions = [];
      for (const runtime of runtimeNames) sessions.push(await createSession(path, { runtime, threads: count }));
      const feeds = { [input]: new Tensor("float32", timed.data, timed.dims) };
      const [a, b] = await measureLatencies(
        sessions.map((session) => () => session.run(feeds)),
        { turns: 15, budgetMs: 20_000 },
      );
      for (const session of sessions) await session.release();
      cells.push(formatDuration(a!.medianMs), formatDuration(b!.medianMs), (b!.medianMs / a!.medianMs).toFixed(2));
    }
    row(name, ...[countRight(pare, words), countRight(other, words), alike(pare), alike(again)].map(String), ...cells);
  }
  report.note(
    `Times are of ${timed.dims.join(" × ")}; ratios are onnxruntime-node's time over pare's. Static: calibrated on 200 other words. Moved: every other value of the input by 1.2e-7 of itself, one rounding of float32.`,
  );
}
