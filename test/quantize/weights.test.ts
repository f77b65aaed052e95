/** Graphs whose weights are stored as integers: where DequantizeLinear stands, in which domain, along which axis. */
import { quantize, type QuantizeOptions, type QuantizedModel } from "../../lib/quantize/index.js";
import { build, lines, node, weight, weightsOf } from "./build.js";

type Arguments = Parameters<typeof build>;
const quantized = async (options: Partial<QuantizeOptions>, ...model: Arguments): Promise<QuantizedModel> =>
  quantize(build(...model), { dtype: "int8", mode: "weights", ...options });

const dequantizers = ({ graph }: QuantizedModel): unknown[] =>
  graph.nodes
    .filter(({ opType }) => opType === "DequantizeLinear")
    .map((one) => [one.domain, one.outputs[0], one.attribute("axis"), one.attribute("block_size")]);

const cases: [title: string, axis: number, dims: string, ...model: Arguments][] = [
  ["MatMul", 1, "float32 16", [node("MatMul", "x w", "y")], { w: weight(8, 16) }],
  ["MatMul, weight first", 0, "float32 16", [node("MatMul", "w x", "y")], { w: weight(16, 2) }],
  ["Gemm", 1, "float32 16", [node("Gemm", "x w", "y")], { w: weight(8, 16) }],
  ["Gemm, transposed", 0, "float32 16", [node("Gemm", "x w", "y", { transB: 1 })], { w: weight(16, 8) }],
  ["Conv", 0, "float32 4", [node("Conv", "x w", "y")], { w: weight(4, 2, 3, 3) }, { dims: [1, 2, 5, 5] }],
  [
    "ConvTranspose",
    1,
    "float32 4",
    [node("ConvTranspose", "x w", "y")],
    { w: weight(2, 4, 3, 3) },
    { dims: [1, 2, 5, 5] },
  ],
];
test.each(cases)("%s: a scale for each output", async (_, axis, dims, ...model) => {
  const made = await quantized({}, ...model);
  expect(dequantizers(made)).toEqual([["", "w_DequantizeLinear_Output", axis, undefined]]);
  expect(weightsOf(made).w_scale).toBe(dims);
});

test("one scale for all where perChannel is false", async () => {
  const made = await quantized({ perChannel: false }, [node("MatMul", "x w", "y")], { w: weight(8, 16) });
  expect(dequantizers(made)).toEqual([["", "w_DequantizeLinear_Output", undefined, undefined]]);
  expect(weightsOf(made).w_scale).toBe("float32");
});

test("int16 takes com.microsoft's operator below opset 21, ONNX's own from there on", async () => {
  const nodes = [node("MatMul", "x w", "y")];
  const below = await quantized({ dtype: "int16" }, nodes, { w: weight(8, 16) });
  expect(dequantizers(below)).toEqual([["com.microsoft", "w_DequantizeLinear_Output", 1, undefined]]);
  expect([below.opset(), below.opset("com.microsoft")]).toEqual([13, 1]);
  const at = await quantized({ dtype: "int16" }, nodes, { w: weight(8, 16) }, { opset: 21 });
  expect(dequantizers(at)).toEqual([["", "w_DequantizeLinear_Output", 1, undefined]]);
  expect(at.opset("com.microsoft")).toBeUndefined();
});

test("two readers share the integers and the floats; one along another axis has its own", async () => {
  const made = await quantized(
    {},
    [
      node("MatMul", "x w", "a"),
      node("MatMul", "x w", "b"),
      node("Gemm", "a w", "c", { transB: 1 }),
      node("Sum", "b c", "y"),
    ],
    { w: weight(8, 8) },
  );
  expect(dequantizers(made)).toHaveLength(2);
  expect(Object.values(weightsOf(made)).filter((text) => text === "int8 8×8")).toHaveLength(2);
});

test("Gather looks up integers and widens what it found", async () => {
  const nodes = [node("Cast", "x", "ids", { to: 7 }), node("Gather", "w ids", "e"), node("Relu", "e", "y")];
  const made = await quantized({}, nodes, { w: weight(64, 8) }, { dims: [2] });
  expect(lines(made)).toEqual([
    "Cast x → ids",
    "Gather w_quantized ids → e_quantized",
    "DequantizeLinear e_quantized w_scale w_zero_point → e",
    "Relu e → y",
  ]);
  expect(dequantizers(made)).toEqual([["", "e", -1, undefined]]);
  const four = await quantized({ dtype: "int4" }, nodes, { w: weight(64, 8) }, { dims: [2], opset: 21 });
  expect(lines(four)[0]).toBe("DequantizeLinear w_quantized w_scale w_zero_point → w_DequantizeLinear_Output");
});

test("blocks lie along the axis that is summed over", async () => {
  const made = await quantized({ blockSize: 4 }, [node("MatMul", "x w", "y")], { w: weight(10, 16) }, { opset: 21 });
  expect(dequantizers(made)).toEqual([["", "w_DequantizeLinear_Output", 0, 4]]);
  expect(weightsOf(made)).toMatchObject({ w_scale: "float32 3×16", w_zero_point: "int8 3×16" });
});

test("a weight that would not shrink, a vector and a computed one are left, with the reason", async () => {
  const made = await quantized(
    { dtype: "int16" },
    [node("MatMul", "x w", "a"), node("MatMul", "a v", "b"), node("MatMul", "x x", "c"), node("Sum", "b c", "y")],
    { w: weight(1, 8), v: weight(8) },
  );
  expect(made.report.skipped.map(({ reason }) => reason)).toEqual([
    'weight "w" would not shrink: 32 bytes now, 64 with its scales',
    'weight "v" is a vector',
    'weight "x": it is an input',
  ]);
});

test("an excluded node keeps the floats that another one gave up", async () => {
  const model = build([], { w: weight(8, 16) });
  model.graph.addNode({ ...node("MatMul", "x w", "a"), name: "first" });
  model.graph.addNode({ ...node("MatMul", "x w", "b"), name: "second" });
  model.graph.addNode(node("Add", "a b", "y"));
  const made = await quantize(model, { dtype: "int8", mode: "weights", nodes: { exclude: ["second"] } });
  expect(weightsOf(made)).toMatchObject({ w: "float32 8×16", w_quantized: "int8 8×16" });
  expect(lines(made)).toContain("MatMul x w → b");
});
