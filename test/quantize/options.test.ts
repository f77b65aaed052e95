/** What quantize refuses, and what it says. */
import { join } from "node:path";
import { loadSync } from "../../lib/model/index.js";
import { quantize, type QuantizeOptions } from "../../lib/quantize/index.js";
import { expectRejection } from "../errors.js";

const model = loadSync(join(__dirname, "..", "goldens", "quantize", "mlp.onnx"));

const cases: [title: string, options: unknown, message: RegExp][] = [
  ["no options", undefined, /takes options such as/],
  ["an unknown type", { dtype: "int3" }, /dtype must be one of int8, .*fp4; got "int3"/],
  ["no type", {}, /dtype must be one of .*; got undefined/],
  ["an unknown mode", { dtype: "int8", mode: "fast" }, /mode must be one of dynamic, .*; got "fast"/],
  [
    "a mode that has no such type",
    { dtype: "int16", mode: "dynamic" },
    /For int16 it can be "weights"; "dynamic" takes "int8" or "uint8"/,
  ],
  ["an unknown option", { dtype: "int8", perchannel: true }, /no option "perchannel"\. It has: .*perChannel/],
  ["perChannel that is no boolean", { dtype: "int8", perChannel: 1 }, /perChannel must be true or false; got 1/],
  ["an option of another mode", { dtype: "float16", reduceRange: true }, /reduceRange has no meaning for float16/],
  ["a block size for dynamic", { dtype: "int8", blockSize: 32 }, /blockSize has no meaning for int8 in mode "dynamic"/],
  ["a block of 20", { dtype: "int4", blockSize: 20 }, /blockSize must be 16, 32, 64, 128 or 256 .*; got 20/],
  ["a block of half an element", { dtype: "int8", mode: "weights", blockSize: 0.5 }, /whole number/],
  ["blocks and channels", { dtype: "int8", mode: "weights", blockSize: 32, perChannel: true }, /exclude each other/],
  ["bounds that float16 has not", { dtype: "float16", largest: 1e6 }, /largest ≤ 65504; got 1e-7 and 1000000/],
  ["an accuracy level of 9", { dtype: "int4", accuracyLevel: 9 }, /0, 1, 2, 3 or 4; got 9/],
  ["nodes as a list", { dtype: "int8", nodes: ["a"] }, /nodes must be \{ include/],
  ["a filter's unknown key", { dtype: "int8", opTypes: { only: ["MatMul"] } }, /opTypes must be .*; got "only"/],
  ["a filter of numbers", { dtype: "int8", opTypes: { include: [1] } }, /include is \[1\]/],
];

test.each(cases)("%s", async (_, options, message) => {
  await expectRejection(quantize(model, options as QuantizeOptions), "PARE_OPTION", message);
});

test("a signal that has aborted rejects with its reason, and one that aborts amid the work too", async () => {
  const reason = new Error("enough");
  await expect(quantize(model, { dtype: "int8", signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const controller = new AbortController();
  const onProgress = ({ done }: { done: number }): void => {
    if (done > 0) controller.abort(reason);
  };
  await expect(quantize(model, { dtype: "int8", signal: controller.signal, onProgress })).rejects.toBe(reason);
});

test("progress counts the bytes of the weights and ends at their sum", async () => {
  const seen: { done: number; total: number; what: string }[] = [];
  await quantize(model, { dtype: "int8", onProgress: (progress) => seen.push({ ...progress }) });
  const total = 4 * (20 * 33 + 33 * 12 + 12 * 5);
  expect(seen.map(({ what }) => what)).toEqual(["w0", "w1", "w2", ""]);
  expect(seen.every((progress) => progress.total === total)).toBe(true);
  expect(seen.at(-1)!.done).toBe(total);
});

test("nothing to quantize is said, not thrown", async () => {
  const made = await quantize(model, { dtype: "int8", opTypes: { include: ["Conv"] } });
  expect(made.report.rows).toEqual([]);
  expect(made.report.notes.join()).toMatch(/Nothing was quantized: mode "dynamic" takes MatMul, Gemm, Conv/);
  expect(made.report.skipped).toHaveLength(3);
  expect(made.report.skipped[0]!.reason).toBe("Gemm is left out by opTypes");
});

test("nodes are taken and left by name or pattern; exclude wins", async () => {
  const nodes = { include: [/^\/g[01]/, "nobody"], exclude: ["/g1/Gemm"] };
  const made = await quantize(model, { dtype: "int8", nodes });
  expect(made.report.rows.map(({ name }) => name)).toEqual(["w0"]);
  expect(made.report.skipped.map(({ name }) => name)).toEqual(["/g1/Gemm", "/g2/Gemm"]);
});
