/** Small models against what Python's onnxruntime.quantization made of them (bench/oracle/quantize.py goldens). */
import { join } from "node:path";
import { loadSync, type Model, type Weight } from "../../lib/model/index.js";
import { quantize, type QuantizeOptions } from "../../lib/quantize/index.js";

const folder = join(__dirname, "..", "goldens", "quantize");
const golden = (name: string): Model => loadSync(join(folder, `${name}.onnx`));

const channel = { perChannel: true };
const reduced = { reduceRange: true };
const variants: Record<string, QuantizeOptions> = {
  int8: { dtype: "int8" },
  uint8: { dtype: "uint8" },
  "int8-channel": { dtype: "int8", ...channel },
  "uint8-channel": { dtype: "uint8", ...channel },
  "int8-reduced": { dtype: "int8", ...reduced },
  "uint8-reduced": { dtype: "uint8", ...reduced },
  "int8-channel-reduced": { dtype: "int8", ...channel, ...reduced },
  int4: { dtype: "int4" },
  uint4: { dtype: "uint4" },
  "int4-128": { dtype: "int4", blockSize: 128 },
  nf4: { dtype: "nf4" },
  fp4: { dtype: "fp4" },
};

const mlp = ["int8", "uint8", "int8-channel", "uint8-channel", "int8-reduced", "uint8-reduced", "int8-channel-reduced"];
const cases: [net: string, variants: string[], quirk?: string][] = [
  ["mlp", mlp],
  ["convnet", ["uint8", "uint8-reduced"]],
  ["attention", ["int8", "uint8", "int8-channel", "int4", "uint4", "nf4"]],
  ["recurrent", ["int8", "int8-channel"]],
  ["branches", ["int8"]],
  ["fused", ["int8", "uint8"]],
  ["blocks", ["int4", "uint4", "int4-128", "nf4", "fp4"]],
];

const weightsOf = (model: Model): Map<string, Weight> =>
  new Map([...model.graph.walk()].flatMap((graph) => [...graph.weights()]));

function opCounts(model: Model): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const graph of model.graph.walk())
    for (const { opType } of graph.nodes) if (opType !== "Constant") counts[opType] = (counts[opType] ?? 0) + 1;
  return counts;
}

describe("the same integers, scales, zero points and operators as onnxruntime.quantization", () => {
  for (const [net, names] of cases)
    test.each(names)(`${net}, %s`, async (variant) => {
      const made = await quantize(golden(net), variants[variant]!);
      const want = golden(`${net}.${variant}`);
      expect(opCounts(made)).toEqual(opCounts(want));
      const got = weightsOf(made);
      for (const [name, weight] of weightsOf(want)) {
        expect([name, got.get(name)?.dtype, got.get(name)?.dims]).toEqual([name, weight.dtype, weight.dims]);
        expect([name, Buffer.compare(got.get(name)!.bytes, weight.bytes)]).toEqual([name, 0]);
      }
    });
});

test("Gemm with any alpha, beta and transposition becomes integer where the oracle leaves it", async () => {
  const made = await quantize(golden("gemms"), { dtype: "int8" });
  const want = weightsOf(golden("gemms.int8"));
  const got = weightsOf(made);
  for (const name of ["w1_Transposed_quantized", "w1_Transposed_scale", "w2_quantized", "w2_scale"])
    expect([name, Buffer.compare(got.get(name)!.bytes, want.get(name)!.bytes)]).toEqual([name, 0]);
  expect(opCounts(made).MatMulInteger).toBe(5);
  expect(made.report.skipped).toEqual([
    { name: "/g5/Gemm", reason: expect.stringContaining("it is an input") as string },
  ]);
});
