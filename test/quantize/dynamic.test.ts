/** Graphs of dynamic quantization: what is shared, what is left alone and why. */
import { Weight } from "../../lib/model/index.js";
import { quantize, type QuantizeOptions, type QuantizedModel } from "../../lib/quantize/index.js";
import { build, lines, node, weight, weightsOf } from "./build.js";

type Arguments = Parameters<typeof build>;
const quantized = async (options: Partial<QuantizeOptions>, ...model: Arguments): Promise<QuantizedModel> =>
  quantize(build(...model), { dtype: "int8", ...options });

test("the pattern that ONNX Runtime fuses", async () => {
  const made = await quantized({}, [node("MatMul", "x w", "m"), node("Add", "m b", "y")], {
    w: weight(8, 4),
    b: weight(4),
  });
  expect(lines(made)).toEqual([
    "DynamicQuantizeLinear x → x_quantized x_scale x_zero_point",
    "MatMulInteger x_quantized w_quantized x_zero_point w_zero_point → m_output_quantized",
    "Cast m_output_quantized → m_output_quantized_cast_output",
    "Mul x_scale w_scale → x_scale_w_scale_mul:0",
    "Mul m_output_quantized_cast_output x_scale_w_scale_mul:0 → m",
    "Add m b → y",
  ]);
  expect(weightsOf(made)).toEqual({
    b: "float32 4",
    w_quantized: "int8 8×4",
    w_scale: "float32",
    w_zero_point: "int8",
  });
  expect(made.report.rows).toMatchObject([
    { name: "w", op: "MatMul", from: "float32", to: "int8", bytesBefore: 128, bytesAfter: 37 },
  ]);
});

test("an activation and a weight that are read twice are quantized once", async () => {
  const made = await quantized(
    {},
    [node("MatMul", "x w", "a"), node("MatMul", "x v", "b"), node("MatMul", "x w", "c"), node("Sum", "a b c", "y")],
    { w: weight(8, 4), v: weight(8, 4) },
  );
  const ops = made.graph.nodes.map(({ opType }) => opType);
  expect(ops.filter((op) => op === "DynamicQuantizeLinear")).toHaveLength(1);
  expect(ops.filter((op) => op === "MatMulInteger")).toHaveLength(3);
  expect(Object.keys(weightsOf(made)).filter((name) => name.endsWith("_quantized"))).toEqual([
    "w_quantized",
    "v_quantized",
  ]);
  // Equal products of scales are made once too.
  expect(ops.filter((op) => op === "Mul")).toHaveLength(5);
});

test("a table that is looked up and multiplied has both its forms, and integers go straight into a product", async () => {
  const made = await quantized(
    { perChannel: true },
    [
      node("Cast", "x", "ids", { to: 7 }),
      node("Gather", "table ids", "e"),
      node("MatMul", "e w", "h"),
      node("Transpose", "table", "turned", { perm: [1, 0] }),
      node("MatMul", "h turned", "y"),
    ],
    { table: weight(9, 4), w: weight(4, 4) },
    { dims: [2] },
  );
  expect(weightsOf(made)).toMatchObject({
    table_quantized: "uint8 9×4",
    table_scale: "float32",
    table_Transposed_quantized: "int8 4×9",
    table_Transposed_scale: "float32 9",
  });
  const text = lines(made);
  expect(text).toContain("Gather table_quantized ids → e_quantized");
  expect(text.some((line) => line.startsWith("MatMulInteger e_quantized w_quantized table_zero_point"))).toBe(true);
  // Nobody reads the floats of e, nor the table's.
  expect(text.join()).not.toMatch(/DequantizeLinear|→ turned/);
  expect(weightsOf(made)).not.toHaveProperty("table");
});

test("constants behind Identity and in Constant nodes are weights", async () => {
  const model = build([], {});
  model.graph.addNode({ ...node("Constant", "", "w"), inputs: [], attributes: { value: weight(8, 4) } });
  model.graph.addNode(node("Identity", "w", "same"));
  model.graph.addNode(node("MatMul", "x same", "y"));
  const made = await quantize(model, { dtype: "uint8" });
  expect(weightsOf(made)).toMatchObject({ w_quantized: "uint8 8×4", w_zero_point: "uint8" });
  expect(lines(made).join()).not.toMatch(/Constant|Identity/);
});

const reasons: [title: string, reason: RegExp, ...model: Arguments][] = [
  ["a computed weight", /"h": it is computed/, [node("Relu", "x", "h"), node("MatMul", "x h", "y")], {}],
  ["an input as weight", /"x": it is an input/, [node("MatMul", "x x", "y")], {}],
  [
    "a float16 weight",
    /"w" is float16, not float32/,
    [node("MatMul", "x w", "y")],
    { w: Weight.of("float16", [2], [1, 2]) },
  ],
  ["an empty weight", /"w" has no elements/, [node("MatMul", "x w", "y")], { w: weight(8, 0) }],
];
test.each(reasons)("%s is left alone", async (_, reason, ...model) => {
  const made = await quantized({}, ...model);
  expect(made.report.skipped).toHaveLength(1);
  expect(made.report.skipped[0]!.reason).toMatch(reason);
  expect(lines(made)).toEqual(lines(build(...model)));
});

test("a weight that the caller can override is left alone", async () => {
  const model = build([node("MatMul", "x w", "y")], { w: weight(8, 4) });
  model.graph.addInput("w", "float32", [8, 4]);
  const made = await quantize(model, { dtype: "int8" });
  expect(made.report.skipped[0]!.reason).toMatch(/"w": it can be overridden/);
  expect(weightsOf(made)).toEqual({ w: "float32 8×4" });
});

test("before IR version 4, inputs with a default are constants, and the version rises", async () => {
  const model = build([node("MatMul", "x w", "y")], { w: weight(8, 4) });
  model.graph.addInput("w", "float32", [8, 4]);
  model.proto.irVersion = 3n;
  const made = await quantize(model, { dtype: "int8" });
  expect(made.graph.inputs.map(({ name }) => name)).toEqual(["x"]);
  expect(made.proto.irVersion).toBe(4n);
  expect(weightsOf(made)).toHaveProperty("w_quantized");
});

test("Conv keeps uint8 weights, its attributes and its bias; the report says so", async () => {
  const made = await quantized(
    {},
    [node("Conv", "x w b", "y", { group: 2, pads: [1, 1, 1, 1], strides: [2, 2] })],
    { w: weight(4, 1, 3, 3), b: weight(4) },
    { dims: [1, 2, 6, 6] },
  );
  const conv = made.graph.nodes.find(({ opType }) => opType === "ConvInteger")!;
  expect([conv.attribute("group"), conv.attribute("pads"), conv.attribute("strides")]).toEqual([
    2,
    [1, 1, 1, 1],
    [2, 2],
  ]);
  expect(weightsOf(made)).toMatchObject({ w_quantized: "uint8 4×1×3×3", b: "float32 4" });
  expect(lines(made).slice(-2)).toEqual([
    "Reshape b y_bias_reshape_shape → y_bias_reshape_output",
    "Add yquant_scaled_output y_bias_reshape_output → y",
  ]);
  expect(made.report.notes.join()).toMatch(/Conv has uint8 weights/);
});

test("a weight of three dimensions has one scale even per channel", async () => {
  const made = await quantized({ perChannel: true }, [node("MatMul", "x w", "y")], { w: weight(3, 8, 4) });
  expect(weightsOf(made)).toMatchObject({ w_quantized: "int8 3×8×4", w_scale: "float32" });
  expect(made.report.notes.join()).toMatch(/w has 3 dimensions: one scale/);
});

test("inside a graph of a node, the value from outside is quantized outside, once", async () => {
  const model = build([node("Relu", "x", "h"), node("MatMul", "h w", "m")], { w: weight(8, 4) });
  const inner = build([node("MatMul", "h w", "i"), node("Neg", "i", "y")], {});
  inner.graph.proto.input = [];
  const branch = inner.graph;
  model.graph.addInput("flag", "bool", []);
  model.graph.addNode({
    opType: "If",
    inputs: ["flag"],
    outputs: ["z"],
    attributes: { then_branch: branch, else_branch: build([node("MatMul", "h w", "y")], {}).graph },
  });
  model.graph.addNode(node("Add", "m z", "y"));
  const made = await quantize(model, { dtype: "int8" });
  const all = [...made.graph.walk()].flatMap(({ nodes }) => nodes.map(({ opType }) => opType));
  expect(all.filter((op) => op === "DynamicQuantizeLinear")).toHaveLength(1);
  expect(lines(made)[1]).toBe("DynamicQuantizeLinear h → h_quantized h_scale h_zero_point");
  expect(Object.keys(weightsOf(made))).toEqual(["w_quantized", "w_scale", "w_zero_point"]);
});
