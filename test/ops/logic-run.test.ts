/** Comparisons, logic and choices: NaN, infinities, broadcasting. */
import type { Tensor } from "../../lib/index.js";
import { floats, int64s, runNode, tensor, testRunErrors, testRuns } from "./run.js";

const bools = (dims: number[], values: number[]): Tensor => tensor("bool", dims, values);
const [a, b] = [floats([6], [1, 2, NaN, -0, Infinity, 3]), floats([6], [2, 1, NaN, 0, Infinity, 3])];
const compare = (opType: string, values: number[]) => ({ opType, inputs: [a, b], outputs: [bools([6], values)] });

testRuns({
  Equal: compare("Equal", [0, 0, 0, 1, 1, 1]),
  Less: compare("Less", [1, 0, 0, 0, 0, 0]),
  LessOrEqual: compare("LessOrEqual", [1, 0, 0, 1, 1, 1]),
  Greater: compare("Greater", [0, 1, 0, 0, 0, 0]),
  GreaterOrEqual: compare("GreaterOrEqual", [0, 1, 0, 1, 1, 1]),
  "Greater of a number and a row": {
    opType: "Greater",
    inputs: [int64s([], [2]), int64s([2, 2], [1, 2, 3, 0])],
    outputs: [bools([2, 2], [1, 0, 0, 1])],
  },
  "Less of a column and a row": {
    opType: "Less",
    inputs: [tensor("uint64", [2, 1], [1, 2 ** 63]), tensor("uint64", [2], [2, 2 ** 63])],
    outputs: [bools([2, 2], [1, 1, 0, 0])],
  },
  "Greater 6": {
    opType: "Greater",
    opset: 6,
    inputs: [floats([2, 2, 1]), floats([2], [0, 2])],
    attributes: { broadcast: 1, axis: 1 },
    outputs: [bools([2, 2, 1], [0, 0, 1, 1])],
  },
  "Equal of booleans": {
    opType: "Equal",
    inputs: [bools([2], [0, 1]), bools([1], [1])],
    outputs: [bools([2], [0, 1])],
  },
  And: { opType: "And", inputs: [bools([2, 1], [0, 1]), bools([2], [0, 1])], outputs: [bools([2, 2], [0, 0, 0, 1])] },
  Or: { opType: "Or", inputs: [bools([2], [0, 1]), bools([], [0])], outputs: [bools([2], [0, 1])] },
  Xor: { opType: "Xor", inputs: [bools([2], [0, 1]), bools([], [1])], outputs: [bools([2], [1, 0])] },
  Not: { opType: "Not", inputs: [bools([2], [0, 1])], outputs: [bools([2], [1, 0])] },
  IsNaN: { opType: "IsNaN", inputs: [a], outputs: [bools([6], [0, 0, 1, 0, 0, 0])] },
  "IsNaN of float64": {
    opType: "IsNaN",
    inputs: [tensor("float64", [2], [NaN, Infinity])],
    outputs: [bools([2], [1, 0])],
  },
  IsInf: { opType: "IsInf", inputs: [floats([3], [Infinity, -Infinity, NaN])], outputs: [bools([3], [1, 1, 0])] },
  "IsInf of one sign": {
    opType: "IsInf",
    inputs: [floats([3], [Infinity, -Infinity, NaN])],
    attributes: { detect_negative: 0 },
    outputs: [bools([3], [1, 0, 0])],
  },
  "IsInf of float64": {
    opType: "IsInf",
    inputs: [tensor("float64", [3], [Infinity, -Infinity, 1])],
    attributes: { detect_positive: 0 },
    outputs: [bools([3], [0, 1, 0])],
  },
  Where: {
    opType: "Where",
    inputs: [bools([2, 1], [1, 0]), floats([2], [1, 2]), floats([], [-1])],
    outputs: [floats([2, 2], [1, 2, -1, -1])],
  },
  "Where of equal shapes": {
    opType: "Where",
    inputs: [bools([3], [1, 0, 1]), int64s([3], [1, 2, 3]), int64s([3], [4, 5, 6])],
    outputs: [int64s([3], [1, 5, 3])],
  },
  "Where with NaN in what is not chosen": {
    opType: "Where",
    inputs: [bools([2], [1, 0]), floats([1], [0]), floats([2], [NaN, 7])],
    outputs: [floats([2], [0, 7])],
  },
  "Where of one condition": {
    opType: "Where",
    inputs: [bools([1], [0]), floats([1, 3]), floats([2, 1], [5, 6])],
    outputs: [floats([2, 3], [5, 5, 5, 6, 6, 6])],
  },
  "Where of booleans": {
    opType: "Where",
    inputs: [bools([2], [1, 0]), bools([2], [1, 1]), bools([2], [0, 0])],
    outputs: [bools([2], [1, 0])],
  },
  "Where of nothing": {
    opType: "Where",
    inputs: [bools([0], []), floats([1], [1]), floats([0])],
    outputs: [floats([0])],
  },
});

testRunErrors({
  "comparisons of float16": {
    opType: "Less",
    inputs: [tensor("float16", [1]), tensor("float16", [1])],
    code: "PARE_UNSUPPORTED",
    message: /float16 does not run yet/,
  },
});

test("large choices and comparisons, as one element at a time", async () => {
  const values = Float32Array.from({ length: 70_000 }, (_value, i) => ((i * 37) % 101) - 50);
  const x = floats([70_000], Array.from(values));
  const [isSmall] = await runNode({ opType: "Less", inputs: [x, floats([], [3])] });
  const [chosen] = await runNode({ opType: "Where", inputs: [isSmall!, floats([1], [3]), x] });
  expect((isSmall!.data as Uint8Array).every((one, i) => (one === 1) === values[i]! < 3)).toBe(true);
  expect((chosen!.data as Float32Array).every((one, i) => one === Math.max(values[i]!, 3))).toBe(true);
});
