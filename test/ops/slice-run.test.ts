/** Taking tensors apart and putting them together: Concat, Split, Slice, Compress, ReverseSequence, Trilu. */
import { compile } from "../../lib/index.js";
import { Model, Weight } from "../../lib/model/index.js";
import { int64 } from "./infer.js";
import { floats, int64s, runNode, tensor, testRunErrors, testRuns } from "./run.js";

testRuns({
  "Concat along the last axis": {
    opType: "Concat",
    inputs: [tensor("int8", [2, 1]), tensor("int8", [2, 3]), tensor("int8", [2, 0])],
    attributes: { axis: -1 },
    outputs: [tensor("int8", [2, 4], [0, 0, 1, 2, 1, 3, 4, 5])],
  },
  "Concat along the first axis": {
    opType: "Concat",
    inputs: [floats([1, 2]), floats([2, 2])],
    attributes: { axis: 0 },
    outputs: [floats([3, 2], [0, 1, 0, 1, 2, 3])],
  },
  "Concat of one tensor twice": {
    opType: "Concat",
    inputs: [floats([2, 2]), floats([2, 2])],
    attributes: { axis: 1 },
    outputs: [floats([2, 4], [0, 1, 0, 1, 2, 3, 2, 3])],
  },
  "Split by sizes": {
    opType: "Split",
    inputs: [floats([2, 4]), int64(1, 0, 3)],
    attributes: { axis: 1 },
    outputs: [floats([2, 1], [0, 4]), floats([2, 0]), floats([2, 3], [1, 2, 3, 5, 6, 7])],
  },
  "Split by sizes that are fed": {
    opType: "Split",
    inputs: [floats([3]), int64s([2], [1, 2])],
    outputs: [floats([1]), floats([2], [1, 2])],
  },
  "Split into parts of which the last is smaller": {
    opType: "Split",
    inputs: [tensor("float16", [5], [1, 2, 3, 4, 5])],
    attributes: { num_outputs: 2 },
    outputs: [tensor("float16", [3], [1, 2, 3]), tensor("float16", [2], [4, 5])],
  },
  "Split by an attribute": {
    opType: "Split",
    opset: 11,
    inputs: [floats([3])],
    attributes: { split: [2, 1] },
    outputs: [floats([2]), floats([1], [2])],
  },
  "Slice by attributes": {
    opType: "Slice",
    opset: 9,
    inputs: [floats([3, 4])],
    attributes: { starts: [1, -3], ends: [1000, -1], axes: [0, 1] },
    outputs: [floats([2, 2], [5, 6, 9, 10])],
  },
  "Slice backwards": {
    opType: "Slice",
    inputs: [floats([5]), int64(-1), int64(-1000), int64(0), int64(-2)],
    outputs: [floats([3], [4, 2, 0])],
  },
  "Slice of both axes backwards": {
    opType: "Slice",
    inputs: [tensor("int16", [2, 3]), int64(-1, 10), int64(-3, -10), int64(0, 1), int64(-1, -1)],
    outputs: [tensor("int16", [2, 3], [5, 4, 3, 2, 1, 0])],
  },
  "Slice by bounds that are fed": {
    opType: "Slice",
    inputs: [floats([4, 2]), int64s([1], [1]), int64s([1], [3])],
    outputs: [floats([2, 2], [2, 3, 4, 5])],
  },
  "Slice by everything fed": {
    opType: "Slice",
    inputs: [
      floats([2, 6]),
      tensor("int32", [1], [1]),
      tensor("int32", [1], [6]),
      tensor("int32", [1], [-1]),
      tensor("int32", [1], [3]),
    ],
    outputs: [floats([2, 2], [1, 4, 7, 10])],
  },
  "Slice of nothing": { opType: "Slice", inputs: [floats([4]), int64(3), int64(1)], outputs: [floats([0])] },
  "Compress along an axis": {
    opType: "Compress",
    inputs: [floats([2, 3]), tensor("bool", [3], [1, 0, 1])],
    attributes: { axis: 1 },
    outputs: [floats([2, 2], [0, 2, 3, 5])],
  },
  "Compress of all elements, by fewer conditions": {
    opType: "Compress",
    inputs: [floats([2, 3]), tensor("bool", [4], [0, 1, 0, 1])],
    outputs: [floats([2], [1, 3])],
  },
  "Compress to nothing": {
    opType: "Compress",
    inputs: [floats([2, 3]), tensor("bool", [2], [0, 0])],
    attributes: { axis: 0 },
    outputs: [floats([0, 3])],
  },
  "ReverseSequence along the first axis": {
    opType: "ReverseSequence",
    inputs: [floats([3, 2]), int64s([2], [3, 2])],
    outputs: [floats([3, 2], [4, 3, 2, 1, 0, 5])],
  },
  "ReverseSequence along the second axis": {
    opType: "ReverseSequence",
    inputs: [tensor("uint8", [2, 3]), int64s([2], [0, 3])],
    attributes: { batch_axis: 0, time_axis: 1 },
    outputs: [tensor("uint8", [2, 3], [0, 1, 2, 5, 4, 3])],
  },
  "Trilu, the upper part": {
    opType: "Trilu",
    inputs: [floats([2, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])],
    outputs: [floats([2, 2, 3], [1, 2, 3, 0, 5, 6, 7, 8, 9, 0, 11, 12])],
  },
  "Trilu, the lower part beyond a diagonal that is fed": {
    opType: "Trilu",
    inputs: [tensor("int64", [3, 2], [1, 2, 3, 4, 5, 6]), int64s([], [-1])],
    attributes: { upper: 0 },
    outputs: [tensor("int64", [3, 2], [0, 0, 3, 0, 5, 6])],
  },
  "Trilu far beyond the corners": {
    opType: "Trilu",
    inputs: [floats([2, 2]), tensor("int64", [1], [9007199254740991])],
    outputs: [floats([2, 2], [0, 0, 0, 0])],
  },
});

test("Split gives only what is wanted", async () => {
  const parts = await runNode({ opType: "Split", inputs: [floats([3, 50000])], attributes: { axis: 1 } }, 2);
  expect(parts.map(({ dims }) => dims)).toEqual([
    [3, 25000],
    [3, 25000],
  ]);
  expect(Array.from(parts[1]!.data as Float32Array)).toEqual(
    Array.from({ length: 75000 }, (_, i) => Math.floor(i / 25000) * 50000 + 25000 + (i % 25000)),
  );
});

testRunErrors({
  "Split by sizes that sum to more": {
    opType: "Split",
    inputs: [floats([3]), int64s([1], [4])],
    code: "PARE_SHAPE",
    message: /sum to/,
  },
  "Slice by a step of 0": {
    opType: "Slice",
    inputs: [floats([3]), int64s([1], [0]), int64s([1], [1]), int64s([1], [0]), int64s([1], [0])],
    code: "PARE_SHAPE",
    message: /step is 0/,
  },
  "Slice along an axis that is not there": {
    opType: "Slice",
    inputs: [floats([3]), int64s([1], [0]), int64s([1], [1]), int64s([1], [5])],
    code: "PARE_SHAPE",
    message: /5/,
  },
  "Slice by lists of different lengths": {
    opType: "Slice",
    inputs: [floats([3, 3]), int64s([2], [0, 0]), int64s([1], [1])],
    code: "PARE_SHAPE",
    message: /equally long/,
  },
  "Compress that keeps what is not there": {
    opType: "Compress",
    inputs: [floats([2]), tensor("bool", [4], [0, 1, 0, 1])],
    attributes: { axis: 0 },
    code: "PARE_SHAPE",
    message: /element 3 of 2/,
  },
  "ReverseSequence of sequences that are too long": {
    opType: "ReverseSequence",
    inputs: [floats([3, 2]), int64s([2], [3, 4])],
    code: "PARE_SHAPE",
    message: /4 does not fit/,
  },
  "ReverseSequence with too few lengths": {
    opType: "ReverseSequence",
    inputs: [floats([3, 2]), int64s([1], [3])],
    code: "PARE_SHAPE",
    message: /the batch is 2/,
  },
  "Trilu of a list": { opType: "Trilu", inputs: [floats([3])], code: "PARE_SHAPE", message: /two dimensions/ },
});

/** Whatever is computed later, parts keep what they were: nothing may write over memory that they share. */
test("parts of a tensor and of a weight share its memory", async () => {
  const model = Model.create({ opset: 18, irVersion: 8 });
  const { graph } = model;
  graph.addInput("x", "float32", [1, 4, 3]);
  for (const name of ["first", "doubled", "last", "sum", "all"]) graph.addOutput(name, "float32");
  graph.addWeight("w", Weight.of("float32", [3, 3], [0, 1, 2, 3, 4, 5, 6, 7, 8]));
  graph.addWeight("sizes", int64(1, 3));
  for (const [name, value] of Object.entries({ one: 1, two: 2, three: 3 })) graph.addWeight(name, int64(value));
  graph.addWeight("flat", int64(9));
  graph.addNode({ opType: "Relu", inputs: ["x"], outputs: ["all"] });
  graph.addNode({ opType: "Neg", inputs: ["all"], outputs: ["y"] });
  graph.addNode({ opType: "Split", inputs: ["y", "sizes"], outputs: ["a", "b"], attributes: { axis: 1 } });
  graph.addNode({ opType: "Add", inputs: ["a", "a"], outputs: ["doubled"] });
  graph.addNode({ opType: "Slice", inputs: ["b", "two", "three", "one"], outputs: ["c"] });
  graph.addNode({ opType: "Abs", inputs: ["b"], outputs: ["d"] });
  graph.addNode({ opType: "Slice", inputs: ["w", "one", "two"], outputs: ["row"] });
  graph.addNode({ opType: "Add", inputs: ["d", "row"], outputs: ["e"] });
  graph.addNode({ opType: "Reshape", inputs: ["e", "flat"], outputs: ["sum"] });
  graph.addNode({ opType: "Abs", inputs: ["c"], outputs: ["last"] });
  graph.addNode({ opType: "Identity", inputs: ["a"], outputs: ["first"] });
  const session = await compile(model, { optimize: false });
  const results = await session.run({ x: floats([1, 4, 3]) });
  const numbers = Object.fromEntries(
    Object.entries(results).map(([name, one]) => [name, Array.from(one.data as Float32Array, (value) => value + 0)]),
  );
  expect(numbers).toEqual({
    first: [0, -1, -2],
    doubled: [0, -2, -4],
    last: [9, 10, 11],
    sum: [6, 8, 10, 9, 11, 13, 12, 14, 16],
    all: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
  });
});
