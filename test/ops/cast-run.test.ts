/** Cast and CastLike: what does not fit, rounding, types of less than a byte. */
import { compile, Model, type Tensor } from "../../lib/index.js";
import { codeOf, type DataType } from "../../lib/model/index.js";
import { expectRejection } from "../errors.js";
import { floats, int64s, runNode, tensor, testRuns } from "./run.js";

const cast = (x: Tensor, to: Tensor.Type, values: number[]) => ({
  opType: "Cast",
  inputs: [x],
  attributes: { to: codeOf(to) },
  outputs: [tensor(to, [...x.dims], values)],
});
const hard = floats([8], [300.7, -1.5, 3e9, -3e9, 1e20, NaN, Infinity, -Infinity]);
const [least32, least64] = [-(2 ** 31), -(2 ** 63)];

testRuns({
  "float32 to int32": cast(hard, "int32", [300, -1, least32, least32, least32, least32, least32, least32]),
  "float32 to int64": cast(hard, "int64", [300, -1, 3e9, -3e9, least64, least64, least64, least64]),
  "float32 to uint8": cast(hard, "uint8", [44, 255, 0, 0, 0, 0, 0, 0]),
  "float32 to int8": cast(hard, "int8", [44, -1, 0, 0, 0, 0, 0, 0]),
  "float32 to int16": cast(floats([3], [300.9, 40000, -1.9]), "int16", [300, -25536, -1]),
  "float32 to uint16": cast(floats([3], [300.9, 40000, -1.9]), "uint16", [300, 40000, 65535]),
  "float32 to uint32": cast(floats([4], [3e9, 1.5, NaN, Infinity]), "uint32", [3e9, 1, 2 ** 31, 0]),
  "float32 to uint64": cast(floats([2], [2 ** 63, 7.9]), "uint64", [2 ** 63, 7]),
  "float32 to bool": cast(floats([4], [0, -0, NaN, 0.1]), "bool", [0, 0, 1, 1]),
  "float32 to float64": cast(floats([2], [0.5, -Infinity]), "float64", [0.5, -Infinity]),
  "float64 to float32": cast(tensor("float64", [3], [1e300, 0.1, NaN]), "float32", [Infinity, Math.fround(0.1), NaN]),
  "float64 to int32": cast(tensor("float64", [2], [-7.99, 2 ** 31]), "int32", [-7, least32]),
  "int64 to int32, the low bits": cast(int64s([3], [2 ** 32 + 5, -1, 2 ** 31]), "int32", [5, -1, least32]),
  "int64 to float32": cast(int64s([2], [2 ** 24 + 1, -3]), "float32", [2 ** 24, -3]),
  "int32 to uint8": cast(tensor("int32", [3], [-1, 256, 200]), "uint8", [255, 0, 200]),
  "uint8 to float32": cast(tensor("uint8", [2], [0, 255]), "float32", [0, 255]),
  "uint64 to float64": cast(tensor("uint64", [1], [2 ** 63]), "float64", [2 ** 63]),
  "bool to int64": cast(tensor("bool", [2], [0, 1]), "int64", [0, 1]),
  "float32 to float16": cast(floats([3], [1.0002, 70000, 0.1]), "float16", [1, Infinity, 0.1]),
  "float16 to float64": cast(tensor("float16", [2], [0.5, -2]), "float64", [0.5, -2]),
  "float16 to int64": cast(tensor("float16", [2], [1.5, -2.5]), "int64", [1, -2]),
  "int32 to float16": cast(tensor("int32", [2], [2049, -7]), "float16", [2048, -7]),
  nothing: cast(floats([0]), "int64", []),
  CastLike: {
    opType: "CastLike",
    inputs: [floats([2], [1.5, -2.5]), tensor("int8", [1])],
    outputs: [tensor("int8", [2], [1, -2])],
  },
});

/** x cast to a type that tensors lack, and back. */
async function thereAndBack(
  through: DataType,
  x: Tensor,
  attributes = {},
  back: DataType = "float32",
): Promise<number[]> {
  const model = Model.create({ opset: 21, irVersion: 10 });
  const { graph } = model;
  graph.addInput("x", x.type, x.dims);
  graph.addOutput("y", back);
  graph.addNode({
    opType: "Cast",
    inputs: ["x"],
    outputs: ["small"],
    attributes: { to: codeOf(through), ...attributes },
  });
  graph.addNode({ opType: "Cast", inputs: ["small"], outputs: ["y"], attributes: { to: codeOf(back) } });
  const { y } = await (await compile(model, { optimize: false })).run({ x });
  return Array.from(y!.data as Float32Array, Number);
}

test.each<[DataType, number[], number[]]>([
  ["bfloat16", [1.001, 3e38, NaN], [1, 3.00405527047391e38, NaN]],
  ["float8e4m3fn", [464, 1e9, -Infinity, NaN, 0.001953125, 0.0009, 1.0625], [448, 448, -448, NaN, 0.001953125, 0, 1]],
  ["float8e4m3fnuz", [240, 1e9, -1e-9, NaN], [240, 240, 0, NaN]],
  ["float8e5m2", [61440, 1e9, 448, 7], [57344, 57344, 448, 7]],
  ["float8e5m2fnuz", [1e9, 5, 9], [57344, 5, 8]],
  // As ONNX Runtime: half away from zero, then the low bits.
  ["int4", [2.5, -2.5, 7.6, 100, NaN], [3, -3, -8, 4, 0]],
  ["uint4", [2.5, -1.2, 15.5, 16, 7], [3, 15, 0, 0, 7]],
])("through %s", async (through, values, want) => {
  const got = await thereAndBack(through, floats([values.length], values));
  expect(got).toEqual(want.map((value) => Math.fround(value) + 0));
});

test("integers keep the low bits in four", async () => {
  const x = tensor("int32", [7], [7, 8, 9, 16, -9, -1, 200]);
  expect(await thereAndBack("int4", x, {}, "int32")).toEqual([7, -8, -7, 0, 7, -1, -8]);
  expect(await thereAndBack("uint4", x, {}, "int32")).toEqual([7, 8, 9, 0, 7, 15, 8]);
});

test("without saturation, what is too large is infinite or no number", async () => {
  const x = floats([2], [1e9, -1e9]);
  expect(await thereAndBack("float8e5m2", x, { saturate: 0 })).toEqual([Infinity, -Infinity]);
  expect(await thereAndBack("float8e4m3fn", x, { saturate: 0 })).toEqual([NaN, NaN]);
});

test("large tensors, odd counts of packed elements", async () => {
  const values = Array.from({ length: 70_001 }, (_value, i) => (i % 16) - 8);
  expect(await thereAndBack("int4", floats([70_001], values))).toEqual(values);
  const [whole] = await runNode({ opType: "Cast", inputs: [floats([70_001], values)], attributes: { to: 7 } });
  expect(Array.from(whole!.data as BigInt64Array, Number)).toEqual(values);
});

test("says what does not run", async () => {
  const toText = { opType: "Cast", inputs: [floats([1])], attributes: { to: 8 } };
  await expectRejection(runNode(toText), "PARE_UNSUPPORTED", /string/);
  const half = { opType: "Cast", inputs: [floats([1])], attributes: { to: codeOf("bfloat16") } };
  await expectRejection(runNode(half), "PARE_UNSUPPORTED", /bfloat16, which no Tensor holds/);
});
