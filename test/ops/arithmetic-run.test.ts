/** Arithmetic that broadcasts, of every type and in old versions; what integers do where mathematics has no answer. */
import { compile, Model, type Tensor } from "../../lib/index.js";
import { float, type Case } from "./infer.js";
import { floats, int64s, runNode, tensor, testRunErrors, testRuns } from "./run.js";

const node = (
  opType: string,
  inputs: Tensor[],
  outputs: Tensor[],
  attributes: Case["attributes"] = {},
  opset = 21,
): {
  opType: string;
  inputs: Tensor[];
  outputs: Tensor[];
  attributes: NonNullable<Case["attributes"]>;
  opset: number;
} => ({
  opType,
  inputs,
  outputs,
  attributes,
  opset,
});
const least32 = -(2 ** 31);

testRuns({
  "Add of a row": node("Add", [floats([2, 3]), floats([3], [10, 20, 30])], [floats([2, 3], [10, 21, 32, 13, 24, 35])]),
  "Add of a column and a row": node(
    "Add",
    [floats([2, 1], [1, 2]), floats([1, 3], [10, 20, 30])],
    [floats([2, 3], [11, 21, 31, 12, 22, 32])],
  ),
  "Sub of a number": node("Sub", [floats([3]), floats([], [1])], [floats([3], [-1, 0, 1])]),
  "Sub from a number of more dimensions": node(
    "Sub",
    [floats([1, 1], [1]), floats([2], [1, 2])],
    [floats([1, 2], [0, -1])],
  ),
  "Mul of nothing": node("Mul", [floats([0, 3]), floats([3])], [floats([0, 3])]),
  "Div of float64": node(
    "Div",
    [tensor("float64", [3], [1, -1, 0]), tensor("float64", [], [0])],
    [tensor("float64", [3], [Infinity, -Infinity, NaN])],
  ),
  "Add of int64 that wraps": node(
    "Add",
    [tensor("uint64", [1], [2 ** 63]), tensor("uint64", [1], [2 ** 63])],
    [tensor("uint64", [1], [0])],
  ),
  "Mul of uint16 that wraps": node(
    "Mul",
    [tensor("uint16", [2], [65535, 3]), tensor("uint16", [], [65535])],
    [tensor("uint16", [2], [1, 65533])],
  ),
  "Sub of uint8 that wraps": node(
    "Sub",
    [tensor("uint8", [2], [1, 5]), tensor("uint8", [2], [2, 5])],
    [tensor("uint8", [2], [255, 0])],
  ),
  "Div of integers toward zero, and by zero": node(
    "Div",
    [tensor("int32", [6], [7, -7, 7, least32, 5, 0]), tensor("int32", [6], [2, 2, -2, -1, 0, 0])],
    [tensor("int32", [6], [3, -3, -3, least32, 0, 0])],
  ),
  "Div of int8": node(
    "Div",
    [tensor("int8", [2], [-128, 100]), tensor("int8", [2], [-1, 7])],
    [tensor("int8", [2], [-128, 14])],
  ),
  "Div of int64 by zero": node("Div", [int64s([2], [3, 4]), int64s([2], [0, 3])], [int64s([2], [0, 1])]),
  "Mod with the divisor's sign": node(
    "Mod",
    [tensor("int32", [7], [7, -7, 7, -7, 6, 5, least32]), tensor("int32", [7], [3, 3, -3, -3, 3, 0, -1])],
    [tensor("int32", [7], [1, 2, -2, -1, 0, 0, 0])],
  ),
  "Mod with the dividend's sign": node(
    "Mod",
    [int64s([4], [7, -7, 7, -7]), int64s([4], [3, 3, -3, -3])],
    [int64s([4], [1, -1, 1, -1])],
    { fmod: 1 },
  ),
  "Mod of floats": node("Mod", [floats([3], [5.5, -5.5, 1]), floats([3], [2, 2, 0])], [floats([3], [1.5, -1.5, NaN])], {
    fmod: 1,
  }),
  "Mod of floats with the divisor's sign": node(
    "Mod",
    [floats([2], [-5.5, 5.5]), floats([2], [2, -2])],
    [floats([2], [0.5, -0.5])],
  ),
  "Pow with an integer exponent": node("Pow", [floats([3], [1, -2, 3]), int64s([], [3])], [floats([3], [1, -8, 27])]),
  "Pow of integers": node(
    "Pow",
    [int64s([6], [3, -1, 2, 0, 1, -1]), int64s([6], [33, -3, -1, -1, -5, -4])],
    [int64s([6], [3 ** 33, -1, 0, 0, 1, 1])],
  ),
  "Pow of an integer with a fraction": node(
    "Pow",
    [tensor("int32", [3], [9, 2, 10]), floats([3], [0.5, 1.5, 10])],
    [tensor("int32", [3], [3, 2, least32])],
  ),
  "Pow of float64 with uint8": node(
    "Pow",
    [tensor("float64", [2], [1.5, -2]), tensor("uint8", [2], [2, 3])],
    [tensor("float64", [2], [2.25, -8])],
  ),
  "BitShift to the left": node(
    "BitShift",
    [tensor("uint8", [4], [1, 129, 255, 7]), tensor("uint8", [4], [3, 1, 8, 0])],
    [tensor("uint8", [4], [8, 2, 0, 7])],
    { direction: "LEFT" },
  ),
  "BitShift to the right": node(
    "BitShift",
    [tensor("uint64", [3], [2 ** 40, 5, 8]), tensor("uint64", [3], [38, 64, 1])],
    [tensor("uint64", [3], [4, 0, 4])],
    { direction: "RIGHT" },
  ),
  BitwiseAnd: node(
    "BitwiseAnd",
    [tensor("int16", [2], [-1, 12]), tensor("int16", [], [10])],
    [tensor("int16", [2], [10, 8])],
  ),
  BitwiseXor: node(
    "BitwiseXor",
    [tensor("uint32", [1], [2 ** 32 - 1]), tensor("uint32", [1], [1])],
    [tensor("uint32", [1], [2 ** 32 - 2])],
  ),
  "PRelu with a slope a channel": node(
    "PRelu",
    [floats([1, 2, 2], [-1, 1, -1, 1]), floats([2, 1], [2, 3])],
    [floats([1, 2, 2], [-2, 1, -3, 1])],
  ),
  "PRelu 6": node(
    "PRelu",
    [floats([1, 2, 2], [-1, 1, -1, 1]), floats([2], [2, 3])],
    [floats([1, 2, 2], [-2, 1, -3, 1])],
    {},
    6,
  ),
  "PRelu of int64": node("PRelu", [int64s([2], [-3, 3]), int64s([1], [2])], [int64s([2], [-6, 3])]),
  "Add 6 at an axis": node(
    "Add",
    [floats([2, 3, 2]), floats([3], [100, 200, 300])],
    [floats([2, 3, 2], [100, 101, 202, 203, 304, 305, 106, 107, 208, 209, 310, 311])],
    { broadcast: 1, axis: 1 },
    6,
  ),
  "Mul 6 of the last axes": node(
    "Mul",
    [floats([2, 2]), floats([2], [1, -1])],
    [floats([2, 2], [0, -1, 2, -3])],
    { broadcast: 1 },
    6,
  ),
  "Min of several shapes": node(
    "Min",
    [floats([3], [5, 1, NaN]), floats([2, 1], [4, 0]), floats([], [3])],
    [floats([2, 3], [3, 1, NaN, 0, 0, NaN])],
  ),
  "Max of small tensors that broadcast to a larger one": node(
    "Max",
    [floats([1], [1]), floats([1, 1], [2]), floats([2, 2], [0, 1, 2, 3])],
    [floats([2, 2], [2, 2, 2, 3])],
  ),
  "Max of uint8": node(
    "Max",
    [tensor("uint8", [2], [200, 1]), tensor("uint8", [2], [100, 2])],
    [tensor("uint8", [2], [200, 2])],
  ),
  "Min of one": node("Min", [floats([2])], [floats([2])]),
  "Sum of four": node(
    "Sum",
    [1, 2, 3, 4].map((value) => floats([2], [value, -value])),
    [floats([2], [10, -10])],
  ),
  Mean: node("Mean", [floats([2], [1, 2]), floats([1], [3]), floats([2], [5, 7])], [floats([2], [3, 4])]),
  "Mean of float64": node(
    "Mean",
    [tensor("float64", [1], [1]), tensor("float64", [1], [2])],
    [tensor("float64", [1], [1.5])],
  ),
});

testRunErrors({
  "a slope that is larger than X": {
    opType: "PRelu",
    inputs: [floats([1, 3]), floats([2, 3])],
    code: "PARE_SHAPE",
    message: /\[2, 3\] do not broadcast to \[1, 3\]/,
  },
  "Add 6 without broadcast": {
    opType: "Add",
    opset: 6,
    inputs: [floats([2, 3]), floats([3])],
    code: "PARE_SHAPE",
    message: /without broadcast = 1/,
  },
  "Add 6 at an axis that is not there": {
    opType: "Add",
    opset: 6,
    inputs: [floats([2, 3]), floats([3])],
    attributes: { broadcast: 1, axis: 2 },
    code: "PARE_SHAPE",
    message: /does not fit at axis 2 of A's 2/,
  },
  "Add 6 of a B that is larger": {
    opType: "Add",
    opset: 6,
    inputs: [floats([1]), floats([30])],
    attributes: { broadcast: 1 },
    code: "PARE_SHAPE",
    message: /do not broadcast to \[1\]/,
  },
  "Sum 6 of two shapes": {
    opType: "Sum",
    opset: 6,
    inputs: [floats([1]), floats([30])],
    code: "PARE_SHAPE",
    message: /does not broadcast to \[1\]/,
  },
  "a shift to nowhere": {
    opType: "BitShift",
    inputs: [tensor("uint8", [1]), tensor("uint8", [1])],
    attributes: { direction: "UP" },
    code: "PARE_MODEL",
    message: /LEFT or RIGHT/,
  },
  float16: {
    opType: "Mod",
    inputs: [tensor("float16", [1]), tensor("float16", [1])],
    code: "PARE_UNSUPPORTED",
    message: /float16 does not run yet/,
  },
});

/** Models whose outputs may take the memory of an input that nobody needs any longer. */
async function chain(nodes: [string, string[], string][], x: Tensor): Promise<number[]> {
  const model = Model.create({ opset: 17, irVersion: 8 });
  const { graph } = model;
  graph.addInput("x", "float32", x.dims);
  graph.addWeight("row", float(10, 20, 30));
  graph.addOutput("y", "float32");
  for (const [opType, inputs, output] of nodes) graph.addNode({ opType, inputs, outputs: [output] });
  const { y } = await (await compile(model, { optimize: false })).run({ x });
  return Array.from(y!.data as Float32Array);
}
const x = floats([2, 3], [1, -2, 3, -4, 5, -6]);
const [of, row] = [
  [1, -2, 3, -4, 5, -6],
  [10, 20, 30],
];
const each = (value: (x: number, i: number) => number): number[] => of.map(value);

test.each<[string, [string, string[], string][], number[]]>([
  [
    "the first",
    [
      ["Abs", ["x"], "a"],
      ["Sub", ["a", "row"], "y"],
    ],
    each((v, i) => Math.abs(v) - row[i % 3]!),
  ],
  [
    "the second",
    [
      ["Abs", ["x"], "a"],
      ["Sub", ["row", "a"], "y"],
    ],
    each((v, i) => row[i % 3]! - Math.abs(v)),
  ],
  [
    "both",
    [
      ["Abs", ["x"], "a"],
      ["Sub", ["a", "a"], "y"],
    ],
    each(() => 0),
  ],
  [
    "the third of a sum",
    [
      ["Abs", ["x"], "a"],
      ["Neg", ["x"], "b"],
      ["Exp", ["x"], "c"],
      ["Sub", ["c", "c"], "d"],
      ["Sum", ["x", "row", "a"], "y"],
    ],
    each((v, i) => v + row[i % 3]! + Math.abs(v)),
  ],
  [
    "the last of a sum of equals",
    [
      ["Abs", ["x"], "a"],
      ["Sum", ["x", "x", "a"], "y"],
    ],
    each((v) => 2 * v + Math.abs(v)),
  ],
  [
    "the third of a mean",
    [
      ["Neg", ["x"], "a"],
      ["Mean", ["row", "row", "a"], "y"],
    ],
    each((v, i) => (2 * row[i % 3]! - v) / 3),
  ],
])("writes over %s input", async (_, nodes, want) => {
  const got = await chain(nodes, x);
  got.forEach((value, i) => {
    expect(value).toBeCloseTo(want[i]!, 5);
  });
  expect(got.length).toBe(want.length);
});

test("large tensors of every type, as one element at a time", async () => {
  for (const dtype of [
    "float32",
    "float64",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
  ] as const) {
    const values = Array.from({ length: 40_000 }, (_value, i) => (i * 7) % 11);
    const [sum] = await runNode({
      opType: "Add",
      inputs: [tensor(dtype, [200, 200], values), tensor(dtype, [200, 1], values.slice(0, 200))],
    });
    const wrong = Array.from(sum!.data as Float32Array, Number).findIndex(
      (value, i) => value !== values[i]! + values[Math.floor(i / 200)]!,
    );
    expect([dtype, wrong]).toEqual([dtype, -1]);
  }
});
