/** What `pare demo` prints: every model that it has made on MNIST, in one table. */
import type { MnistDemoResult, Row } from "../demo/mnist/index.js";
import { formatBytes, formatCount, formatDuration, formatPercent } from "../report/format.js";
import { renderTable, style, wrap, type Column, type TextOptions } from "../report/table.js";
import { shortPath } from "./model-files.js";

/** Left out from the right where the terminal is narrow. */
const columns: readonly Column[] = [
  { title: "technique", optional: 2 },
  { title: "model" },
  { title: "parameters", align: "right", optional: 3 },
  { title: "non-zeros", align: "right" },
  { title: "bytes", align: "right" },
  { title: "gzipped", align: "right", optional: 5 },
  { title: "accuracy", align: "right" },
  { title: "gap", align: "right", optional: 4 },
  { title: "pare", align: "right" },
  { title: "onnxruntime", align: "right", optional: 1 },
];

export function mnistText(
  { rows, folder, fewLabels, someExamples, lessonExamples }: MnistDemoResult,
  format: TextOptions,
): string {
  const cells = rows.flatMap((row, i) => {
    const isFirst = rows[i - 1]?.part !== row.part;
    return [...(isFirst && i > 0 ? [[]] : []), cellsOf(row, isFirst)];
  });
  const others = rows.filter(({ accuracy }) => accuracy.pare !== accuracy.onnxruntime);
  const facts = [
    "accuracy: on MNIST's test digits, which no training sees (transfer: those from 5 to 9). gap: points that it is higher on what the net learned from.",
    others.length === 0
      ? "Every file has the same accuracy in pare and in onnxruntime-node."
      : `In onnxruntime-node ${others.map(({ name, accuracy }) => `${name} has ${formatPercent(accuracy.onnxruntime, 2)}`).join(", ")}; every other file has the same accuracy there.`,
    "pare, onnxruntime: time of one digit, the median, in turns.",
    `distill: both students see ${formatCount(lessonExamples)} images; one of them the teacher's answers too.`,
    `transfer: ${fewLabels} labels of each of the digits 5 to 9; the second net has learned the digits 0 to 4 before. regularize: ${formatCount(someExamples)} labels in all.`,
    `Models: ${shortPath(folder)}.`,
  ];
  return [
    style("Every technique on MNIST", "bold", format.color),
    renderTable(columns, cells, format),
    facts.map((fact) => wrap(fact, format.width, "  ")).join("\n"),
  ].join("\n\n");
}

function cellsOf(row: Row, isFirst: boolean): string[] {
  return [
    isFirst ? row.part : "",
    row.name,
    formatCount(row.parameters),
    formatCount(row.nonZeros),
    formatBytes(row.bytes),
    formatBytes(row.gzippedBytes),
    formatPercent(row.accuracy.pare, 2),
    (100 * row.gap).toFixed(2),
    formatDuration(row.latencyMs.pare),
    formatDuration(row.latencyMs.onnxruntime),
  ];
}
