/** Thousands of rendered words read by PP-OCR's recognition model in float32 and in statically quantized forms, in two runtimes. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load, quantize, Tensor, type QuantizeOptions } from "../lib/index.js";
import { commonWords, countRight, inputOf, readWords, recognition, renderWords } from "./frame/words.js";
import type { BenchReport } from "./frame/report.js";

export const title = "Words read by PP-OCR's recognition, statically quantized";

const calibrationCount = 200;

/** uint8 activations everywhere: kernels without a dot product of mixed signs saturate with other types. */
const common: QuantizeOptions = {
  dtype: "int8",
  mode: "static",
  activationType: "uint8",
  perChannel: true,
  reduceRange: true,
};
const forms: Record<string, QuantizeOptions> = {
  minmax: common,
  "minmax, as the model is": { ...common, tidy: false },
  percentile: { ...common, method: "percentile", percentile: 99.99 },
  mse: { ...common, method: "mse" },
  entropy: { ...common, method: "entropy" },
};

export async function run(report: BenchReport): Promise<void> {
  const count = report.quick ? 20 : Number(process.env.PARE_BENCH_WORDS ?? 5000);
  const chosen = process.env.PARE_BENCH_CASES;
  const all = commonWords();
  report.progress("rendering");
  const words = await renderWords(all.slice(0, count));
  const others = await renderWords(all.slice(-calibrationCount));
  const { file } = await recognition();
  const model = await load(file);
  const input = model.graph.inputs[0]!.name;
  const calibration = others.map((word) => {
    const { data, dims } = inputOf(word);
    return { [input]: new Tensor("float32", data, dims) };
  });
  const folder = mkdtempSync(join(tmpdir(), "pare-bench-"));
  const threads = report.threads.at(-1)!;
  try {
    const row = report.table(`Of ${count} words right; calibrated on ${calibrationCount} others`, [
      ...["form", "bytes", "pare", "points fewer", "onnxruntime-node", "points fewer", "read alike"],
    ]);
    let float: { pare: number; onnxruntime: number } | undefined;
    const add = async (name: string, path: string, bytes: number): Promise<void> => {
      report.progress(name);
      const pare = await readWords(path, words, { runtime: "pare", threads });
      const onnxruntime = await readWords(path, words, { runtime: "onnxruntime", threads });
      const found = { pare: countRight(pare, words), onnxruntime: countRight(onnxruntime, words) };
      float ??= found;
      const points = (one: number, of: number): string => ((100 * (of - one)) / count).toFixed(2);
      row(
        name,
        `${(bytes / 1e6).toFixed(2)} MB`,
        String(found.pare),
        points(found.pare, float.pare),
        String(found.onnxruntime),
        points(found.onnxruntime, float.onnxruntime),
        String(pare.filter((text, i) => text === onnxruntime[i]).length),
      );
    };
    await add("float32", file, model.toBytes().byteLength);
    for (const [name, options] of Object.entries(forms)) {
      if (chosen !== undefined && !new RegExp(chosen).test(name)) continue;
      report.progress(`${name}: quantizing`);
      const made = await quantize(model, { ...options, calibration: calibration.map((x) => ({ x })) });
      const path = join(folder, "words.onnx");
      await made.save(path);
      await add(name, path, made.toBytes().byteLength);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
