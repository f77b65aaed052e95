/** `pare demo`: its table at any width, its options as a process, and what it says when packages are missing. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { mnistText } from "../../lib/cli/demo-mnist.js";
import { ocrText } from "../../lib/cli/demo-ocr.js";
import type { MnistDemoResult, Row } from "../../lib/demo/mnist/index.js";
import type { OcrDemoResult } from "../../lib/demo/ocr/index.js";
import { findPackages } from "../../lib/packages.js";
import { expectError } from "../errors.js";
import { pare, scratchFolder } from "./pare.js";

const result: OcrDemoResult = {
  rows: ["det", "cls", "rec"].flatMap((model) =>
    ["float32", "int4 MatMulNBits"].map((dtype, index) => ({
      model,
      dtype,
      file: `/models/${model}`,
      bytes: 4_730_021,
      share: 1,
      cosine: 1,
      snrDb: index === 0 ? Infinity : 48.31,
      latencyMs: 193.4,
      relativeLatency: 11.71,
      right: 188,
      total: 200,
    })),
  ),
  counts: { det: "words found", cls: "words told upright", rec: "words read" },
  skipped: [{ model: "det", dtype: "int4 MatMulNBits", reason: "it has no weights that this form takes." }],
  failed: [],
  folder: join(process.cwd(), "demo-output"),
  files: [join(process.cwd(), "demo-output", "words.png")],
};

test.each([80, 100, 120])("the table of ocr fits %i columns and keeps what counts", (width) => {
  const text = ocrText(result, { width });
  expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(width);
  for (const part of ["model", "dtype", "size", "of f32", "SNR", "latency", "188 of 200", "11.71 ×", "exact"])
    expect(text).toContain(part);
  expect(text).toContain("Models: demo-output.");
});

const row = (part: string, name: string, onnxruntime = 0.9831): Row => ({
  ...{ part, name, file: "/models/x.onnx", parameters: 266_610, nonZeros: 266_610, bytes: 1_067_118 },
  ...{
    gzippedBytes: 993_695,
    gap: 0.0123,
    accuracy: { pare: 0.9831, onnxruntime },
    latencyMs: { pare: 0.026, onnxruntime: 0.077 },
  },
});
const digits: MnistDemoResult = {
  rows: [row("train", "LeNet-300-100"), row("prune", "14 × fewer"), row("prune", "and int8")],
  ...{ folder: join(process.cwd(), "demo-output"), fewLabels: 20, someExamples: 1000, lessonExamples: 5000 },
};

test.each([60, 80, 120])("the table of mnist fits %i columns and keeps what counts", (width) => {
  const text = mnistText(digits, { width });
  expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(width);
  for (const part of ["model", "non-zeros", "bytes", "accuracy", "98.31 %", "1.07 MB", "26.0 µs"])
    expect(text).toContain(part);
  expect(text).toContain("Every file has the same accuracy");
  const other = mnistText({ ...digits, rows: [...digits.rows, row("distill", "student", 0.5)] }, {});
  expect(other).toContain("In onnxruntime-node student has 50.00 %;");
});

test("missing packages are named in one command to copy", () => {
  expectError(
    () => findPackages("the demo", ["sharp", "@nobody/nothing/node", "no-such-fonts/package.json"]),
    "PARE_FILE",
    /2 packages that are not installed here.*npm install @nobody\/nothing no-such-fonts$/s,
  );
});

describe("as a process", () => {
  const folder = scratchFolder();

  test("every technique makes a file that gives the same answers in both runtimes", async () => {
    const out = join(folder, "mnist");
    const { code, stdout, stderr } = await pare(["demo", "--json", "--examples", "2000", "-o", out]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { rows } = JSON.parse(stdout) as MnistDemoResult;
    expect(new Set(rows.map(({ part }) => part))).toEqual(
      new Set(["train", "prune", "distill", "transfer", "regularize"]),
    );
    for (const { file, accuracy, bytes } of rows) {
      expect(statSync(file).size).toBe(bytes);
      expect(accuracy.pare).toBeGreaterThan(0.6);
      expect(Math.abs(accuracy.pare - accuracy.onnxruntime)).toBeLessThanOrEqual(0.001);
    }
    const [dense, sparse, int8] = rows as [Row, Row, Row];
    expect(sparse.nonZeros).toBeLessThan(dense.parameters / 12);
    expect(int8.bytes).toBeLessThan(dense.bytes / 3.5);
    expect(sparse.gzippedBytes).toBeLessThan(dense.gzippedBytes / 5);
  }, 180_000);

  test("writes models and pictures, and prints JSON alone", async () => {
    const { code, stdout, stderr } = await pare([
      "demo",
      "ocr",
      "--json",
      "--words",
      "8",
      "--seconds",
      "0",
      "-o",
      join(folder, "out"),
    ]);
    const parsed = JSON.parse(stdout) as {
      failed: unknown[];
      rows: { model: string; dtype: string; total: number; share: number }[];
    };
    expect([stderr, parsed.failed, code]).toEqual(["", [], 0]);
    expect(new Set(parsed.rows.map(({ model }) => model))).toEqual(new Set(["det", "cls", "rec"]));
    expect(parsed.rows.find(({ model, dtype }) => model === "rec" && dtype === "int8 weights")!.share).toBeLessThan(
      0.28,
    );
    const files = readdirSync(join(folder, "out"));
    expect(files).toEqual(expect.arrayContaining(["words.png", "size-and-words.svg", "ppocr-rec.int8-weights.onnx"]));
  }, 120_000);

  test("an unknown demo is wrong usage", async () => {
    const { code, stderr } = await pare(["demo", "ocx", "-o", join(folder, "none")]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/no demo "ocx"/);
    expect(existsSync(join(folder, "none"))).toBe(false);
  });

  test("an interrupted demo ends at once, with no half-written model", async () => {
    const out = join(folder, "interrupted");
    const { code } = await pare(["demo", "--quiet", "-o", out], {
      started: (child) => setTimeout(() => child.kill("SIGINT"), 2500),
    });
    expect(code).toBe(130);
    for (const file of existsSync(out) ? readdirSync(out) : []) expect(file).toMatch(/\.(onnx|png|svg)$/);
  }, 30_000);
});
