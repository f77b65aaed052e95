/** Static quantization: which tensors become integers, their grids, and what is refused. */
import { quantize, Tensor, Weight, type QuantizeOptions } from "../../lib/index.js";
import { expectRejection } from "../errors.js";
import { floats } from "../onnxruntime.js";
import { build, lines, node, weight, weightsOf } from "./build.js";

const gemm = { transB: 1 };
const mlp = () =>
  build(
    [
      node("Gemm", "x w0 b0", "h", gemm),
      node("Relu", "h", "r"),
      node("Gemm", "r w1 b1", "g", gemm),
      node("Reshape", "g shape", "y"),
    ],
    {
      w0: weight(16, 8),
      b0: weight(16),
      w1: weight(4, 16),
      b1: weight(4),
      shape: Weight.of("int64", [1], [-1]),
    },
  );
const batch = (seed: number): { x: Tensor } => ({ x: new Tensor("float32", floats(16, seed), [2, 8]) });
const calibration = [batch(1), batch(2)];
const quantized = (options: Partial<QuantizeOptions> = {}) =>
  quantize(mlp(), { dtype: "int8", mode: "static", calibration, ...options });

test("Relu goes into the range of what is before it, Reshape shares a grid, biases are int32", async () => {
  const model = await quantized();
  expect(lines(model).filter((line) => !/^DequantizeLinear (w|b)/.test(line))).toEqual([
    "QuantizeLinear x x_scale x_zero_point → x_QuantizeLinear_Output",
    "DequantizeLinear x_QuantizeLinear_Output x_scale x_zero_point → x_DequantizeLinear_Output",
    "Gemm x_DequantizeLinear_Output w0_DequantizeLinear_Output b0_DequantizeLinear_Output → r",
    "QuantizeLinear r r_scale r_zero_point → r_QuantizeLinear_Output",
    "DequantizeLinear r_QuantizeLinear_Output r_scale r_zero_point → r_DequantizeLinear_Output",
    "Gemm r_DequantizeLinear_Output w1_DequantizeLinear_Output b1_DequantizeLinear_Output → g",
    "QuantizeLinear g g_scale g_zero_point → g_QuantizeLinear_Output",
    "DequantizeLinear g_QuantizeLinear_Output g_scale g_zero_point → g_DequantizeLinear_Output",
    "Reshape g_DequantizeLinear_Output shape → y_QuantizeLinear_Input",
    "QuantizeLinear y_QuantizeLinear_Input g_scale g_zero_point → y_QuantizeLinear_Output",
    "DequantizeLinear y_QuantizeLinear_Output g_scale g_zero_point → y",
  ]);
  expect(weightsOf(model)).toMatchObject({
    w0_quantized: "int8 16×8",
    w0_scale: "float32",
    b0_quantized: "int32 16",
    b0_quantized_scale: "float32",
    r_zero_point: "int8",
  });
  expect(model.graph.weight("r_zero_point")!.toFloats()[0]).toBe(-128);
  const [input, product, bias] = ["x_scale", "w0_scale", "b0_quantized_scale"].map(
    (name) => model.graph.weight(name)!.toFloats()[0]!,
  ) as [number, number, number];
  expect(bias).toBe(Math.fround(input * product));
});

test("a scale for each channel, of biases too", async () => {
  const model = await quantized({ perChannel: true });
  expect(weightsOf(model)).toMatchObject({ w0_scale: "float32 16", b0_quantized_scale: "float32 16" });
  const made = model.graph.nodes.find(({ outputs }) => outputs[0] === "w0_DequantizeLinear_Output");
  expect(made?.attribute("axis")).toBe(0);
});

test("Relu stays where the activations' zero is in the middle", async () => {
  const model = await quantized({ activationSymmetric: true });
  expect(model.graph.nodes.map(({ opType }) => opType)).toContain("Relu");
  expect(model.graph.weight("h_zero_point")!.toFloats()[0]).toBe(0);
});

test.each<Partial<QuantizeOptions>>([
  { activationType: "uint8" },
  { activationType: "int8", calibrationSymmetric: true },
])("the grid of x with %j", async (options) => {
  const model = await quantized(options);
  const values = [...(calibration[0]!.x.data as Float32Array), ...(calibration[1]!.x.data as Float32Array)];
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if ("calibrationSymmetric" in options) [low, high] = [-Math.max(-low, high), Math.max(-low, high)];
  const scale = model.graph.weight("x_scale")!.toFloats()[0]!;
  expect(scale).toBe(Math.fround((high - low) / 255));
  const least = options.activationType === "uint8" ? 0 : -128;
  const zeroPoint = model.graph.weight("x_zero_point")!.toFloats()[0]!;
  expect(Math.abs(zeroPoint - (least - low / scale))).toBeLessThan(0.501);
});

test.each(["minmax", "entropy", "percentile", "mse"] as const)("method %s keeps the answers near", async (method) => {
  const model = await quantized({ method, perChannel: true });
  expect(model.report.notes).toContain("3 activations were observed on 2 batches.");
  expect(model.report.rows.map(({ name }) => name)).toEqual(["w0", "w1"]);
});

test("only what opTypes and nodes take is quantized", async () => {
  const none = await quantized({ opTypes: { include: ["Conv"] } });
  expect(none.graph.nodes).toHaveLength(4);
  const first = await quantized({ nodes: { exclude: ["y", "g"] } });
  expect(Object.keys(weightsOf(first))).toEqual(expect.arrayContaining(["w0_quantized", "w1"]));
  expect(first.report.skipped).toContainEqual({ name: "g", reason: "left out by name" });
});

describe("what is refused", () => {
  const cases: [string, Partial<QuantizeOptions>, string, RegExp][] = [
    ["no data", { calibration: undefined as never }, "PARE_OPTION", /needs calibration data/],
    ["no batch", { calibration: [] }, "PARE_OPTION", /holds no batch/],
    ["a wrong name", { calibration: { x: { z: batch(1).x } } }, "PARE_OPTION", /lacks the input "x"; it has z/],
    ["a wrong shape", { calibration: { x: new Tensor("float32", floats(6), [2, 3]) } }, "PARE_SHAPE", /x/],
    [
      "NaN alone",
      { calibration: { x: new Tensor("float32", new Float32Array(16).fill(NaN), [2, 8]) } },
      "PARE_OPTION",
      /"x" had no finite value/,
    ],
    ["an unknown method", { method: "best" as "mse" }, "PARE_OPTION", /method must be one of minmax, entropy/],
    ["an unknown format", { format: "onnx" as "qdq" }, "PARE_OPTION", /format must be one of qdq, qoperator/],
    ["a percentile for minmax", { percentile: 99 }, "PARE_OPTION", /percentile belongs to method percentile/],
    ["more than all", { method: "percentile", percentile: 101 }, "PARE_OPTION", /percentile must be above 0/],
    ["odd bins", { method: "mse", bins: 17 }, "PARE_OPTION", /bins must be an even number/],
    ["uint8 weights for int8", { dtype: "uint8", activationType: "int8" }, "PARE_OPTION", /take int8 weights/],
    ["a block size", { blockSize: 32 }, "PARE_OPTION", /blockSize has no meaning/],
    [
      "a method elsewhere",
      { mode: "dynamic", calibration: undefined as never, method: "mse" },
      "PARE_OPTION",
      /method/,
    ],
  ];
  test.each(cases)("%s", async (_, options, code, message) => {
    await expectRejection(quantized(options), code, message);
  });
});

test("some NaN is left out, and noted", async () => {
  const x = floats(16, 1);
  x[3] = NaN;
  const model = await quantized({ calibration: [{ x: new Tensor("float32", x, [2, 8]) }, batch(2)] });
  expect(model.report.notes.join()).toMatch(/x had 1 values that are NaN or infinite/);
});

test("a bias too large for its scale widens the weight's", async () => {
  const model = build([node("Gemm", "x w b", "y")], {
    w: Weight.of(
      "float32",
      [8, 4],
      floats(32, 5).map((value) => value * 1e-9),
    ),
    b: Weight.of("float32", [4], [1000, -5, 2, 0]),
  });
  const made = await quantize(model, { dtype: "int8", mode: "static", calibration });
  const scale = made.graph.weight("b_quantized_scale")!.toFloats()[0]!;
  const [first] = made.graph.weight("b_quantized")!.toFloats();
  expect(Math.abs(first! * scale - 1000)).toBeLessThan(1e-3);
});

describe("minimumSnrDb", () => {
  test("keeps float what harms most, and says so", async () => {
    const all = await quantized();
    const some = await quantized({ minimumSnrDb: 60 }).catch((error: unknown) => error as { code: string });
    // Nothing of eight bits comes that near.
    expect(some).toMatchObject({ code: "PARE_OPTION" });
    expect(all.report.activations.map(({ name }) => name)).toEqual(expect.arrayContaining(["r", "g"]));
    const kept = await quantized({ minimumSnrDb: 5 });
    expect(kept.report.skipped).toEqual([]);
    expect(kept.report.notes.join()).toMatch(/On 2 batches the outputs are \d+\.\d dB from the float model's/);
  });

  test.each([0, -3, 300, NaN])("%d dB are refused", async (minimumSnrDb) => {
    await expectRejection(quantized({ minimumSnrDb }), "PARE_OPTION", /minimumSnrDb must be decibels/);
  });
});
