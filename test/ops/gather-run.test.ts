/** Reading and writing by index, in bounds and out of them. */
import { Weight } from "../../lib/model/index.js";
import { float, int64 } from "./infer.js";
import { floats, int64s, runNode, tensor, testRunErrors, testRuns } from "./run.js";

const zeros = (dims: number[]): ReturnType<typeof floats> =>
  floats(dims, new Array<number>(dims.reduce((product, dim) => product * dim, 1)).fill(0));

testRuns({
  "Gather of rows": {
    opType: "Gather",
    inputs: [floats([3, 2]), int64s([2, 2], [2, -1, 0, -3])],
    outputs: [floats([2, 2, 2], [4, 5, 4, 5, 0, 1, 0, 1])],
  },
  "Gather along the last axis": {
    opType: "Gather",
    inputs: [tensor("int8", [2, 3]), tensor("int32", [2], [2, 0])],
    attributes: { axis: 1 },
    outputs: [tensor("int8", [2, 2], [2, 0, 5, 3])],
  },
  "Gather of one": {
    opType: "Gather",
    inputs: [tensor("int64", [2, 3]), int64s([], [1])],
    attributes: { axis: -1 },
    outputs: [tensor("int64", [2], [1, 4])],
  },
  "Gather of nothing": {
    opType: "Gather",
    inputs: [floats([2, 3]), int64s([0], [])],
    outputs: [floats([0, 3])],
  },
  "GatherElements along the first axis": {
    opType: "GatherElements",
    inputs: [tensor("uint16", [3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]), int64s([2, 3], [1, 2, 0, 2, 0, -3])],
    outputs: [tensor("uint16", [2, 3], [4, 8, 3, 7, 2, 3])],
  },
  "GatherElements along the last axis of fewer rows": {
    opType: "GatherElements",
    inputs: [floats([2, 3]), tensor("int32", [1, 2], [2, -2])],
    attributes: { axis: 1 },
    outputs: [floats([1, 2], [2, 1])],
  },
  "GatherND of elements and slices": {
    opType: "GatherND",
    inputs: [floats([2, 2, 2]), int64s([2, 1], [1, -2])],
    outputs: [floats([2, 2, 2], [4, 5, 6, 7, 0, 1, 2, 3])],
  },
  "GatherND with batches": {
    opType: "GatherND",
    inputs: [floats([2, 2, 2]), int64s([2, 1], [1, 0])],
    attributes: { batch_dims: 1 },
    outputs: [floats([2, 2], [2, 3, 4, 5])],
  },
  "ScatterElements along an axis": {
    opType: "ScatterElements",
    inputs: [float(1, 2, 3, 4, 5), int64s([2], [1, -2]), floats([2], [9, 8])],
    outputs: [floats([5], [1, 9, 3, 8, 5])],
  },
  Scatter: {
    opType: "Scatter",
    opset: 10,
    inputs: [zeros([3, 3]), int64s([2, 3], [1, 0, 2, 0, 2, 1]), floats([2, 3], [1, 2, 3, 4, 5, 6])],
    outputs: [floats([3, 3], [4, 2, 0, 1, 0, 6, 0, 5, 3])],
  },
  "ScatterElements that adds, one place twice": {
    opType: "ScatterElements",
    inputs: [floats([1, 3]), int64s([1, 3], [1, 1, 2]), floats([1, 3], [0.5, 0.25, 1])],
    attributes: { axis: 1, reduction: "add" },
    outputs: [floats([1, 3], [0, 1.75, 3])],
  },
  "ScatterElements that multiplies integers, around the corner": {
    opType: "ScatterElements",
    inputs: [tensor("int16", [2], [300, 7]), int64s([1], [0]), tensor("int16", [1], [300])],
    attributes: { reduction: "mul" },
    outputs: [tensor("int16", [2], [24464, 7])],
  },
  "ScatterND of slices": {
    opType: "ScatterND",
    inputs: [tensor("uint8", [3, 2]), int64s([2, 1], [2, -3]), tensor("uint8", [2, 2], [9, 8, 7, 6])],
    outputs: [tensor("uint8", [3, 2], [7, 6, 2, 3, 9, 8])],
  },
  "ScatterND that takes the greatest": {
    opType: "ScatterND",
    inputs: [floats([4], [1, NaN, 3, 4]), int64s([4, 1], [0, 1, 2, 2]), floats([4], [5, 0, NaN, 9])],
    attributes: { reduction: "max" },
    outputs: [floats([4], [5, NaN, NaN, 4])],
  },
  "ScatterND that takes the least": {
    opType: "ScatterND",
    inputs: [tensor("int64", [2, 1], [-5, 5]), int64s([2, 2], [0, 0, 1, 0]), tensor("int64", [2], [-6, 6])],
    attributes: { reduction: "min" },
    outputs: [tensor("int64", [2, 1], [-6, 5])],
  },
});

test("Gather of many words", async () => {
  const [words, width, count] = [1000, 384, 700];
  const table = floats([words, width]);
  const indices = Array.from({ length: count }, (_, i) => ((i * 7919) % (2 * words)) - words);
  const [y] = await runNode({ opType: "Gather", inputs: [table, int64s([count], indices)] });
  const got = y!.data as Float32Array;
  const wrong = indices.findIndex((index, i) => got[i * width + 5] !== ((index + words) % words) * width + 5);
  expect(wrong).toBe(-1);
});

test("data that somebody else reads too is not written to", async () => {
  const weight = new Weight("float32", [3], new Uint8Array(12));
  const inputs = [weight, int64s([1], [1]), floats([1], [5])];
  expect(
    (await runNode({ opType: "ScatterND", inputs: [weight, int64s([1, 1], [1]), floats([1], [5])] }))[0]!.data,
  ).toEqual(Float32Array.of(0, 5, 0));
  expect((await runNode({ opType: "ScatterElements", inputs }))[0]!.data).toEqual(Float32Array.of(0, 5, 0));
  expect(weight.bytes).toEqual(new Uint8Array(12));
});

testRunErrors({
  "Gather beyond the end": {
    opType: "Gather",
    inputs: [floats([3, 2]), int64s([3], [0, 3, 9])],
    code: "PARE_SHAPE",
    message: /index 3 lies outside axis 0 of 3/,
  },
  "Gather before the beginning": {
    opType: "Gather",
    inputs: [floats([3, 2]), tensor("int32", [1], [-4])],
    code: "PARE_SHAPE",
    message: /index -4/,
  },
  "Gather by a number that 64 bits hold": {
    opType: "Gather",
    inputs: [floats([3, 2]), int64s([1], [-(2 ** 63)])],
    code: "PARE_SHAPE",
    message: /index -9223372036854775808/,
  },
  "Gather out of nothing": {
    opType: "Gather",
    inputs: [floats([0, 2]), int64s([1], [0])],
    code: "PARE_SHAPE",
    message: /index 0 lies outside axis 0 of 0/,
  },
  "Gather of rows without elements": {
    opType: "Gather",
    inputs: [floats([2, 0]), int64s([1], [5])],
    code: "PARE_SHAPE",
    message: /index 5/,
  },
  "GatherElements beyond the end": {
    opType: "GatherElements",
    inputs: [floats([3, 2]), int64s([1, 2], [0, 3])],
    code: "PARE_SHAPE",
    message: /index 3 lies outside axis 0 of 3/,
  },
  "GatherElements of more columns than there are": {
    opType: "GatherElements",
    inputs: [floats([3, 2]), int64s([1, 3])],
    code: "PARE_SHAPE",
    message: /indices have 3 along axis 1/,
  },
  "GatherND beyond the end": {
    opType: "GatherND",
    inputs: [floats([3, 2]), int64s([2, 2], [0, 1, 1, 2])],
    code: "PARE_SHAPE",
    message: /index 2 lies outside axis 1 of 2/,
  },
  "GatherND with batches that differ": {
    opType: "GatherND",
    inputs: [floats([3, 2]), int64s([2, 1])],
    attributes: { batch_dims: 1 },
    code: "PARE_SHAPE",
    message: /same first 1/,
  },
  "ScatterElements beyond the end": {
    opType: "ScatterElements",
    inputs: [floats([3]), int64s([1], [3]), floats([1])],
    code: "PARE_SHAPE",
    message: /index 3 lies outside/,
  },
  "ScatterElements of more rows than there are": {
    opType: "ScatterElements",
    inputs: [floats([3, 2]), int64s([4, 1]), floats([4, 1])],
    attributes: { axis: 1 },
    code: "PARE_SHAPE",
    message: /indices have 4 along axis 0/,
  },
  "ScatterElements with too few updates": {
    opType: "ScatterElements",
    inputs: [floats([3]), int64s([2]), floats([1])],
    code: "PARE_SHAPE",
    message: /updates must have/,
  },
  "ScatterND with too few updates": {
    opType: "ScatterND",
    inputs: [floats([3, 2]), int64(1, 1), floats([2])],
    code: "PARE_SHAPE",
    message: /updates do not have/,
  },
  "ScatterND beyond the end": {
    opType: "ScatterND",
    inputs: [floats([3, 2]), int64s([1, 1], [-4]), floats([1, 2])],
    code: "PARE_SHAPE",
    message: /index -4 lies outside axis 0/,
  },
  "ScatterND of more dimensions than data has": {
    opType: "ScatterND",
    inputs: [floats([3]), int64s([1, 2]), floats([1])],
    code: "PARE_SHAPE",
    message: /names 2 dimensions/,
  },
  "an unknown reduction": {
    opType: "ScatterND",
    inputs: [floats([3]), int64s([1, 1]), floats([1])],
    attributes: { reduction: "mean" },
    code: "PARE_OPTION",
    message: /reduction is mean/,
  },
});
