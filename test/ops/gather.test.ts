/** Reading and writing by index. */
import { int64, number, testErrors, testShapes } from "./infer.js";

testShapes({
  Gather: { opType: "Gather", inputs: ["float32[30522, 384]", "int64[B, S]"], outputs: ["float32[B, S, 384]"] },
  "Gather of one": {
    opType: "Gather",
    inputs: ["float32[B, S, 384]", number(0)],
    attributes: { axis: 1 },
    outputs: ["float32[B, 384]"],
  },
  GatherElements: { opType: "GatherElements", inputs: ["float32[3, 4]", "int64[2, 4]"], outputs: ["float32[2, 4]"] },
  GatherND: { opType: "GatherND", inputs: ["float32[N, 4, 5]", "int64[7, 2]"], outputs: ["float32[7, 5]"] },
  "GatherND with batches": {
    opType: "GatherND",
    inputs: ["float32[N, 4, 5]", "int64[N, 7, 1]"],
    attributes: { batch_dims: 1 },
    outputs: ["float32[N, 7, 5]"],
  },
  ScatterND: {
    opType: "ScatterND",
    inputs: ["float32[N, 4]", "int64[2, 1]", "float32[2, 4]"],
    outputs: ["float32[N, 4]"],
  },
  ScatterElements: {
    opType: "ScatterElements",
    inputs: ["float32[N, 4]", "int64[1, 4]", "float32[1, 4]"],
    outputs: ["float32[N, 4]"],
  },
  Scatter: {
    opType: "Scatter",
    opset: 9,
    inputs: ["float32[N, 4]", "int64[1, 4]", "float32[1, 4]"],
    outputs: ["float32[N, 4]"],
  },
  OneHot: { opType: "OneHot", inputs: ["int64[N, S]", number(10), "float32[2]"], outputs: ["float32[N, S, 10]"] },
  "OneHot along an axis, of a depth that is fed": {
    opType: "OneHot",
    inputs: ["int64[N, S]", "int64[]", "int32[2]"],
    attributes: { axis: 1 },
    outputs: ["int32[N, ?, S]"],
  },
});
testErrors({
  "an axis outside": {
    opType: "Gather",
    inputs: ["float32[3, 4]", "int64[2]"],
    attributes: { axis: -3 },
    code: "PARE_SHAPE",
    message: /axis is -3; it must be between -2 and 1/,
  },
  "an index outside": {
    opType: "Gather",
    inputs: ["float32[3, 4]", int64(1, 3)],
    code: "PARE_SHAPE",
    message: /index 3 lies outside axis 0/,
  },
  "indices of another rank": {
    opType: "GatherElements",
    inputs: ["float32[3, 4]", "int64[2]"],
    code: "PARE_SHAPE",
    message: /indices must have 2 dimensions/,
  },
  "indices that name too much": {
    opType: "GatherND",
    inputs: ["float32[3, 4]", "int64[2, 3]"],
    code: "PARE_SHAPE",
    message: /names 3 dimensions of data/,
  },
});
