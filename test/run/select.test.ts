/** Ops that choose elements: results beside onnxruntime's, ties and NaN, and inputs that fit nothing. */
import type { Tensor } from "../../lib/index.js";
import { expectRejection } from "../errors.js";
import { floats } from "../onnxruntime.js";
import { differences, f32, i32, i64, runNode, type OneNode } from "./fed-node.js";

const repeated = (dims: number[], seed: number): Tensor =>
  f32(
    dims,
    floats(
      dims.reduce((a, b) => a * b, 1),
      seed,
    ).map((x) => Math.round(x * 5)),
  );

function* choosing(): Generator<OneNode> {
  for (const opType of ["ArgMax", "ArgMin"])
    for (const axis of [0, 1, -1])
      for (const last of [0, 1])
        yield {
          opType,
          inputs: [repeated([3, 37, 5], 1)],
          attributes: { axis, select_last_index: last, keepdims: last },
          outputs: ["int64"],
        };
  for (const largest of [0, 1])
    for (const axis of [0, 1, 2])
      for (const k of [0, 1, 4])
        yield {
          opType: "TopK",
          inputs: [repeated([4, 70, 6], 2), i64([1], [k])],
          attributes: { axis, largest },
          outputs: ["float32", "int64"],
        };
  yield {
    opType: "TopK",
    inputs: [
      i64(
        [2, 40],
        [...floats(80, 7)].map((x) => Math.round(x * 9)),
      ),
      i64([1], [30]),
    ],
    outputs: ["int64", "int64"],
  };
  yield { opType: "NonZero", inputs: [repeated([3, 4, 5], 3)], outputs: ["int64"] };
  yield { opType: "NonZero", inputs: [f32([], [2])], outputs: ["int64"] };
  yield { opType: "NonZero", inputs: [f32([2, 0], [])], outputs: ["int64"] };
  for (const sorted of [0, 1]) {
    const outputs = ["float32", "int64", "int64", "int64"];
    yield { opType: "Unique", inputs: [repeated([4, 9], 4)], attributes: { sorted }, outputs };
    yield { opType: "Unique", inputs: [repeated([40, 1, 1], 5)], attributes: { sorted, axis: 0 }, outputs };
    yield {
      opType: "Unique",
      inputs: [f32([2, 3, 2], [1, 1, 0, 1, 1, 1, 2, 1, 0, 1, 2, 1])],
      attributes: { sorted, axis: 1 },
      outputs,
    };
  }
  for (const [exclusive, reverse] of [
    [0, 0],
    [1, 0],
    [0, 1],
    [1, 1],
  ] as const)
    for (const axis of [0, -1])
      yield {
        opType: "CumSum",
        inputs: [f32([4, 300], floats(1200)), i32([], [axis])],
        attributes: { exclusive, reverse },
      };
  for (const axis of [0, 1, -1])
    yield {
      opType: "OneHot",
      inputs: [i64([2, 3], [0, 4, -1, 5, 2, -6]), i64([], [5]), f32([2], [-1, 3])],
      attributes: { axis },
    };
  for (const axis of [0, 1, 2]) yield { opType: "Hardmax", inputs: [repeated([3, 5, 4], 6)], attributes: { axis } };
  yield { opType: "Hardmax", opset: 11, inputs: [repeated([3, 5, 4], 6)], attributes: { axis: 1 } };
  const boxes = [...floats(2 * 60 * 4, 8)].map((x, i) => (i % 4 < 2 ? x : x + 1.2));
  for (const center of [0, 1])
    yield {
      opType: "NonMaxSuppression",
      inputs: [f32([2, 60, 4], boxes), f32([2, 3, 60], floats(360, 9)), i64([], [20]), f32([], [0.4]), f32([], [0.1])],
      attributes: { center_point_box: center },
      outputs: ["int64"],
    };
}

test("what is chosen is what onnxruntime chooses", async () => {
  expect(await differences([...choosing()])).toEqual([]);
});

test("NaN is above all numbers and is found first", async () => {
  const x = f32([6], [1, NaN, 3, NaN, -Infinity, Infinity]);
  expect((await runNode({ opType: "ArgMax", inputs: [x], outputs: ["int64"] })).y0!.data).toEqual(BigInt64Array.of(1n));
  expect((await runNode({ opType: "ArgMin", inputs: [x], outputs: ["int64"] })).y0!.data).toEqual(BigInt64Array.of(1n));
  const best = await runNode({ opType: "TopK", inputs: [x, i64([1], [3])], outputs: ["float32", "int64"] });
  expect(best.y0!.data).toEqual(Float32Array.of(NaN, NaN, Infinity));
  expect(best.y1!.data).toEqual(BigInt64Array.of(1n, 3n, 5n));
});

const wrong: [string, OneNode, string, RegExp][] = [
  [
    "k beyond the axis",
    { opType: "TopK", inputs: [f32([3], [1, 2, 3]), i64([1], [4])], outputs: ["float32", "int64"] },
    "PARE_SHAPE",
    /k is 4/,
  ],
  [
    "negative k",
    { opType: "TopK", inputs: [f32([3], [1, 2, 3]), i64([1], [-1])], outputs: ["float32", "int64"] },
    "PARE_SHAPE",
    /k is -1/,
  ],
  [
    "two numbers for k",
    { opType: "TopK", inputs: [f32([3], [1, 2, 3]), i64([2], [1, 1])], outputs: ["float32", "int64"] },
    "PARE_SHAPE",
    /one number/,
  ],
  [
    "the best of nothing",
    { opType: "ArgMax", inputs: [f32([0, 3], [])], outputs: ["int64"] },
    "PARE_SHAPE",
    /no elements/,
  ],
  [
    "an axis that is not there",
    { opType: "CumSum", inputs: [f32([3], [1, 2, 3]), i64([], [1])] },
    "PARE_SHAPE",
    /axis is 1/,
  ],
  [
    "a huge depth",
    { opType: "OneHot", inputs: [i64([1], [0]), i64([], [2 ** 50]), f32([2], [0, 1])] },
    "PARE_MEMORY",
    /./,
  ],
  [
    "a negative depth",
    { opType: "OneHot", inputs: [i64([1], [0]), i64([], [-2]), f32([2], [0, 1])] },
    "PARE_SHAPE",
    /negative/,
  ],
  [
    "scores for other boxes",
    { opType: "NonMaxSuppression", inputs: [f32([1, 2, 4], floats(8)), f32([1, 1, 3], floats(3))], outputs: ["int64"] },
    "PARE_SHAPE",
    /same sizes/,
  ],
];
test.each(wrong)("refuses %s", async (_title, node, code, message) => {
  await expectRejection(runNode(node), code, message);
});
