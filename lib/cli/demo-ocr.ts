/** What `pare demo ocr` prints: three models in every data type, and what each costs. */
import type { OcrDemoResult, Row } from "../demo/ocr/index.js";
import { formatBytes, formatDecibels, formatDuration, formatPercent } from "../report/format.js";
import { renderTable, style, wrap, type Column, type TextOptions } from "../report/table.js";
import { shortPath } from "./model-files.js";

/** What the models' short names stand for. */
const titles: Record<string, string> = { det: "detection", cls: "angle", rec: "recognition" };

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

export function ocrText({ rows, counts, skipped, failed, folder, files }: OcrDemoResult, format: TextOptions): string {
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
    `Models: ${shortPath(folder)}. Pictures: ${files.map(shortPath).join(", ")}.`,
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
