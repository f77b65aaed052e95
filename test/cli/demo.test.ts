/** `pare demo`: its table at any width, its options as a process, and what it says when packages are missing. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { textOf } from "../../lib/cli/demo.js";
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

test.each([80, 100, 120])("the table fits %i columns and keeps what counts", (width) => {
  const text = textOf(result, { width });
  expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(width);
  for (const part of ["model", "dtype", "size", "of f32", "SNR", "latency", "188 of 200", "11.71 ×", "exact"])
    expect(text).toContain(part);
  expect(text).toContain("Models: demo-output.");
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
