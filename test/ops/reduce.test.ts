/** Reductions. */
import { binding } from "../../lib/binding.js";
import { int64, testErrors, testShapes } from "./infer.js";

testShapes({
  "by an input": {
    opType: "ReduceMean",
    inputs: ["float32[N, 3, H, W]", int64(2, 3)],
    outputs: ["float32[N, 3, 1, 1]"],
  },
  "by an attribute": {
    opType: "ReduceMean",
    opset: 13,
    inputs: ["float32[N, 3, H, W]"],
    attributes: { axes: [-1], keepdims: 0 },
    outputs: ["float32[N, 3, H]"],
  },
  "ReduceSum's axes moved first": {
    opType: "ReduceSum",
    opset: 13,
    inputs: ["float32[N, 3]", int64(1)],
    outputs: ["float32[N, 1]"],
  },
  "of everything": {
    opType: "ReduceMax",
    inputs: ["float32[N, 3]"],
    attributes: { keepdims: 0 },
    outputs: ["float32[]"],
  },
  "of nothing": {
    opType: "ReduceSum",
    inputs: ["float32[N, 3]", int64()],
    attributes: { noop_with_empty_axes: 1 },
    outputs: ["float32[N, 3]"],
  },
  "by axes that are fed": { opType: "ReduceSum", inputs: ["float32[N, 3]", "int64[1]"], outputs: ["float32[?, ?]"] },
  ArgMax: { opType: "ArgMax", inputs: ["float32[N, 10]"], attributes: { axis: 1, keepdims: 0 }, outputs: ["int64[N]"] },
  CumSum: { opType: "CumSum", inputs: ["int64[B, S]", "int64[]"], outputs: ["int64[B, S]"] },
});
testErrors({
  "an axis outside": {
    opType: "ReduceSum",
    inputs: ["float32[2, 3]", int64(2)],
    code: "PARE_SHAPE",
    message: /one of axes is 2; it must be between -2 and 1/,
  },
  "an axis twice": {
    opType: "ReduceSum",
    inputs: ["float32[2, 3]", int64(1, -1)],
    code: "PARE_SHAPE",
    message: /axis 1 is given twice/,
  },
  "more axes than dimensions": {
    opType: "ReduceSum",
    inputs: ["float32[2]", int64(0, 1)],
    code: "PARE_SHAPE",
    message: /2 axes are given for 1 dimensions/,
  },
});

const names = [...new Set(binding.operators().map(({ name }) => name))].filter((name) => name.startsWith("Reduce"));
describe.each(names)("%s", (opType) => {
  testShapes({
    "of opset 11": {
      opType,
      opset: 11,
      inputs: ["float32[N, 3]"],
      attributes: { axes: [0] },
      outputs: ["float32[1, 3]"],
    },
    "of opset 18": { opType, opset: 18, inputs: ["float32[N, 3]", int64(0)], outputs: ["float32[1, 3]"] },
  });
});
