/** What a fresh process pays for a model: loading, compiling and the first run; and its peak memory, beside onnxruntime-node's. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findAssets } from "../lib/demo/ocr/tasks.js";
import { load, quantize, type Model } from "../lib/index.js";
import { formatBytes } from "../lib/report/format.js";
import { bertBaseLayer, encoder, minilm6Layer, mobilenetV2 } from "../test/models.js";
import { formatSeconds, median } from "./frame/race.js";
import type { BenchReport } from "./frame/report.js";

export const title = "Load, compile and first run in a fresh process, and its peak memory";

interface Case {
  name: string;
  /** A file, or a model to write. */
  source: string | (() => Model | Promise<Model>);
  feeds: Record<string, { type: "float32" | "int64"; dims: readonly number[] }>;
}

const x = (...dims: number[]): Case["feeds"] => ({ x: { type: "float32", dims } });

function cases(report: BenchReport): Case[] {
  const { models } = findAssets();
  const int8 = async (model: Model): Promise<Model> => quantize(model, { dtype: "int8", mode: "dynamic" });
  const list: Case[] = [
    { name: "PP-OCR cls 48×192", source: models.cls, feeds: x(1, 3, 48, 192) },
    { name: "PP-OCR rec 48×320", source: models.rec, feeds: x(1, 3, 48, 320) },
    { name: "PP-OCR det 640²", source: models.det, feeds: x(1, 3, 640, 640) },
    { name: "mobilenetv2 224²", source: () => mobilenetV2(), feeds: x(1, 3, 224, 224) },
    { name: "bert layer s128", source: () => encoder(bertBaseLayer), feeds: x(1, 128, 768) },
    { name: "minilm shape s128", source: () => encoder(minilm6Layer), feeds: x(1, 128, 384) },
    { name: "rec, int8", source: async () => int8(await load(models.rec)), feeds: x(1, 3, 48, 320) },
    {
      name: "rec, float16",
      source: async () => quantize(await load(models.rec), { dtype: "float16" }),
      feeds: x(1, 3, 48, 320),
    },
    { name: "minilm shape s128, int8", source: () => int8(encoder(minilm6Layer)), feeds: x(1, 128, 384) },
  ];
  const file = join(process.env.PARE_MINILM ?? "", "model.onnx");
  if (process.env.PARE_MINILM !== undefined && existsSync(file)) {
    const ids = { type: "int64" as const, dims: [1, 128] };
    list.push({
      name: "MiniLM s128",
      source: file,
      feeds: { input_ids: ids, attention_mask: ids, token_type_ids: ids },
    });
  } else {
    report.note("MiniLM itself is left out: PARE_MINILM names the folder of its model.onnx.");
  }
  return list;
}

interface Measured {
  created: number;
  ran: number;
  peak: number;
}

export async function run(report: BenchReport): Promise<void> {
  const root = dirname(__dirname);
  const modules = { pare: join(root, "dist/index.js"), ort: createRequire(__filename).resolve("onnxruntime-node") };
  const folder = mkdtempSync(join(tmpdir(), "pare-bench-"));
  const threads = report.threads.at(-1)!;
  const rounds = report.quick ? 1 : 9;
  const start = (module: string, ...rest: string[]): Measured =>
    JSON.parse(
      execFileSync(process.execPath, [join(root, "bench/frame/first-run.cjs"), module, ...rest], { encoding: "utf8" }),
    ) as Measured;
  try {
    const row = report.table(
      `Median of ${rounds} processes each, ${threads} threads; ratios are onnxruntime-node's figure over pare's`,
      [
        ...["model", "pare, load and compile", "and first run", "ORT, create", "and first run", "ratio"],
        ...["pare, peak memory", "ORT, peak memory", "ratio"],
      ],
    );
    const chosen = new RegExp(process.env.PARE_BENCH_CASES ?? "");
    for (const { name, source, feeds } of cases(report)) {
      if (!chosen.test(name) || (report.quick && !name.includes("cls"))) continue;
      report.progress(name);
      const file = typeof source === "string" ? source : join(folder, "model.onnx");
      if (typeof source !== "string") await (await source()).save(file);
      const found = {
        pare: [] as Measured[],
        ort: [] as Measured[],
        pareEmpty: [] as Measured[],
        ortEmpty: [] as Measured[],
      };
      for (let round = 0; round < rounds; round++) {
        found.pare.push(start(modules.pare, file, JSON.stringify(feeds), "20", String(threads)));
        found.ort.push(start(modules.ort, file, JSON.stringify(feeds), "20", String(threads)));
        found.pareEmpty.push(start(modules.pare));
        found.ortEmpty.push(start(modules.ort));
      }
      const middle = (list: Measured[], key: keyof Measured): number => median(list.map((one) => one[key]));
      const own = middle(found.pare, "peak") - middle(found.pareEmpty, "peak");
      const other = middle(found.ort, "peak") - middle(found.ortEmpty, "peak");
      row(
        name,
        formatSeconds(middle(found.pare, "created") / 1e3),
        formatSeconds(middle(found.pare, "ran") / 1e3),
        formatSeconds(middle(found.ort, "created") / 1e3),
        formatSeconds(middle(found.ort, "ran") / 1e3),
        (middle(found.ort, "ran") / middle(found.pare, "ran")).toFixed(2),
        formatBytes(own),
        formatBytes(other),
        (other / own).toFixed(2),
      );
    }
    report.note(
      "Peak memory: the most that was resident during load and 20 runs, less that of a process that loads the module and no model.",
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
