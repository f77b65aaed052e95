/** `pare demo`: real models through every data type, and one table of what that costs. */
import { relative, resolve } from "node:path";
import { runOcrDemo, type OcrDemoResult, type Row } from "../demo/ocr/index.js";
import { PareError } from "../errors.js";
import { formatBytes, formatDecibels, formatDuration, formatPercent } from "../report/format.js";
import { renderTable, style, wrap, type Column, type TextOptions } from "../report/table.js";
import { integer, PareCommand } from "./command.js";
import type { Terminal } from "./terminal.js";

const demos = ["ocr"];

/** What the models' short names stand for. */
const titles: Record<string, string> = { det: "detection", cls: "angle", rec: "recognition" };

interface DemoOptions {
  output: string;
  words?: number;
  seconds: number;
}

export const demo = (terminal: Terminal): PareCommand<DemoOptions> =>
  new PareCommand<DemoOptions>(
    terminal,
    "demo",
    "real models through every data type: size, error, latency, right answers",
  )
    .argument("[name]", `which demo: ${demos.join(", ")}`, "ocr")
    .option("-o, --output <folder>", "where the models, pictures and the chart are written", "demo-output")
    .option("--words <count>", "words to read, of 200 (default: all)", integer(2, 200))
    .option("--seconds <count>", "seconds of timing for each model", integer(0, 600), 8)
    .example("pare demo", "three OCR models in every form that pare writes, run in onnxruntime-node")
    .example("pare demo ocr -o /tmp/ocr --threads 1", "the same elsewhere, on one thread")
    .run(async (context, { output, words, seconds }, name = "ocr") => {
      if (!demos.includes(name))
        throw new PareError("PARE_OPTION", `there is no demo "${name}"; there is ${demos.join(", ")}.`);
      const result = await runOcrDemo({
        ...context,
        folder: resolve(output),
        budgetMs: seconds * 1000,
        ...(words === undefined ? {} : { words }),
      });
      return {
        json: { demo: name, ...result },
        text: (format) => textOf(result, format),
        exitCode: result.failed.length > 0 ? 1 : 0,
      };
    });

/** Left out from the right where the terminal is narrow: what can be computed from the others goes first. */
const columns: readonly Column[] = [
  { title: "model" },
  { title: "dtype" },
  { title: "size", align: "right" },
  { title: "of f32", align: "right" },
  { title: "SNR", align: "right", optional: 1 },
  { title: "cosine", align: "right", optional: 3 },
  { title: "latency", align: "right" },
  { title: "of f32", align: "right", optional: 2 },
  { title: "right", align: "right" },
];

export function textOf({ rows, counts, skipped, failed, folder, files }: OcrDemoResult, format: TextOptions): string {
  const cells = rows.flatMap((row, index) => {
    const first = rows[index - 1]?.model !== row.model;
    return [...(first && index > 0 ? [[]] : []), cellsOf(row, first)];
  });
  const facts = [
    ...Object.entries(counts).map(([model, counted]) => `${model} (${titles[model] ?? model}): ${counted}.`),
    "SNR and cosine compare the outputs with those of float32; latency is the median in onnxruntime-node, all forms in turns.",
    "Forms named weights save bytes, not time: the runtime widens them on every run, or once with the session option " +
      'extra: { session: { disable_quant_qdq: "1" } }.',
    ...skipped.map(({ model, dtype, reason }) => `${model} is not there as ${dtype}: ${reason}`),
    ...failed.map(({ model, dtype, reason }) => `${model} as ${dtype} does not load: ${reason}`),
    `Models: ${shown(folder)}. Pictures: ${files.map(shown).join(", ")}.`,
  ];
  return [
    style("PP-OCR v4 in every form that pare writes", "bold", format.color),
    renderTable(columns, cells, format),
    facts.map((fact) => wrap(fact, format.width, "  ")).join("\n"),
  ].join("\n\n");
}

function cellsOf(row: Row, first: boolean): string[] {
  return [
    first ? row.model : "",
    row.dtype,
    formatBytes(row.bytes),
    formatPercent(row.share),
    formatDecibels(row.snrDb),
    row.cosine.toFixed(5),
    formatDuration(row.latencyMs),
    `${row.relativeLatency.toFixed(2)} ×`,
    `${row.right} of ${row.total}`,
  ];
}

/** A path as short as it can be said. */
function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short === "" || short.startsWith("..") ? path : short;
}
