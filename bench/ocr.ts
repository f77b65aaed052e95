/** Words read by the PP-OCR models that pare quantizes, beside those of ONNX Runtime's own tool. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { measure, type Form } from "../lib/demo/ocr/measure.js";
import { createTasks } from "../lib/demo/ocr/tasks.js";
import { load, quantize, type QuantizeOptions } from "../lib/index.js";
import { formatBytes, formatDecibels, formatDuration } from "../lib/report/format.js";
import type { BenchReport } from "./frame/report.js";

export const title = "PP-OCR quantized by pare and by onnxruntime.quantization";

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
    for (const task of tasks) {
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
  } finally {
    renderer.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
