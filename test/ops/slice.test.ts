/** Parts of tensors and tensors of parts. */
import { int64, testErrors, testShapes } from "./infer.js";

const endless = Number.MAX_SAFE_INTEGER;
testShapes({
  Concat: {
    opType: "Concat",
    inputs: ["float32[N, 3]", "float32[N, M]", "float32[N, 4]"],
    attributes: { axis: 1 },
    outputs: ["float32[N, M + 7]"],
  },
  "Concat tells a symbol": {
    opType: "Concat",
    inputs: ["float32[N, 3]", "float32[2, 4]"],
    attributes: { axis: -1 },
    outputs: ["float32[2, 7]"],
  },
  "Split evenly": {
    opType: "Split",
    inputs: ["float32[N, 6]"],
    attributes: { axis: 1, num_outputs: 3 },
    outputs: ["float32[N, 2]", "float32[N, 2]", "float32[N, 2]"],
  },
  "Split with a smaller last part": {
    opType: "Split",
    inputs: ["float32[7]"],
    attributes: { num_outputs: 2 },
    outputs: ["float32[4]", "float32[3]"],
  },
  "Split of a symbol": {
    opType: "Split",
    opset: 13,
    inputs: ["float32[N, 2]"],
    outputs: ["float32[floor(N/2), 2]", "float32[floor(N/2), 2]"],
  },
  "Split by sizes": {
    opType: "Split",
    inputs: ["float32[N, 7]", int64(3, 4)],
    attributes: { axis: 1 },
    outputs: ["float32[N, 3]", "float32[N, 4]"],
  },
  "Split by an attribute": {
    opType: "Split",
    opset: 11,
    inputs: ["float32[7]"],
    attributes: { split: [3, 4] },
    outputs: ["float32[3]", "float32[4]"],
  },
  Slice: {
    opType: "Slice",
    inputs: ["float32[10, 8]", int64(1, 0), int64(5, -1), int64(0, 1), int64(1, 2)],
    outputs: ["float32[4, 4]"],
  },
  "Slice backwards": {
    opType: "Slice",
    inputs: ["float32[10]", int64(-1), int64(-endless), int64(0), int64(-3)],
    outputs: ["float32[4]"],
  },
  "Slice past the end": { opType: "Slice", inputs: ["float32[10]", int64(20), int64(30)], outputs: ["float32[0]"] },
  "Slice of a symbol": {
    opType: "Slice",
    inputs: ["float32[B, S]", int64(1), int64(endless), int64(1)],
    outputs: ["float32[B, S - 1]"],
  },
  "the first of a symbol": {
    opType: "Slice",
    inputs: ["float32[B, S]", int64(0), int64(1), int64(1)],
    outputs: ["float32[B, 1]"],
  },
  "all but the last of a symbol": {
    opType: "Slice",
    inputs: ["float32[B, S]", int64(0), int64(-1), int64(1)],
    outputs: ["float32[B, S - 1]"],
  },
  "a symbol turned round": {
    opType: "Slice",
    inputs: ["float32[S]", int64(-1), int64(-endless), int64(0), int64(-1)],
    outputs: ["float32[S]"],
  },
  "Slice by attributes": {
    opType: "Slice",
    opset: 9,
    inputs: ["float32[10, 8]"],
    attributes: { starts: [2], ends: [endless], axes: [1] },
    outputs: ["float32[10, 6]"],
  },
  "Slice of bounds that are fed": {
    opType: "Slice",
    inputs: ["float32[10, 8]", "int64[1]", "int64[1]", int64(1)],
    outputs: ["float32[10, ?]"],
  },
  "Compress by what is fed": {
    opType: "Compress",
    inputs: ["float32[3, 4]", "bool[3]"],
    attributes: { axis: 0 },
    outputs: ["float32[?, 4]"],
  },
  Trilu: { opType: "Trilu", inputs: ["float32[S, S]"], outputs: ["float32[S, S]"] },
});
testErrors({
  "Concat of other dimensions": {
    opType: "Concat",
    inputs: ["float32[2, 3]", "float32[3, 3]"],
    attributes: { axis: 1 },
    code: "PARE_SHAPE",
    message: /all dimensions but the one of axis 1 must match \(2, 3\)/,
  },
  "Concat of other ranks": {
    opType: "Concat",
    inputs: ["float32[2, 3]", "float32[3]"],
    attributes: { axis: 0 },
    code: "PARE_SHAPE",
    message: /as many dimensions/,
  },
  "an axis outside": {
    opType: "Concat",
    inputs: ["float32[2, 3]"],
    attributes: { axis: 2 },
    code: "PARE_SHAPE",
    message: /axis is 2; it must be between -2 and 1/,
  },
  "sizes that do not sum": {
    opType: "Split",
    inputs: ["float32[7]", int64(3)],
    code: "PARE_SHAPE",
    message: /sum to 3; axis 0 has 7/,
  },
  "a step of 0": {
    opType: "Slice",
    inputs: ["float32[7]", int64(0), int64(3), int64(0), int64(0)],
    code: "PARE_SHAPE",
    message: /a step is 0/,
  },
  "lists of other lengths": {
    opType: "Slice",
    inputs: ["float32[7]", int64(0, 0), int64(3)],
    code: "PARE_SHAPE",
    message: /equally long/,
  },
});
