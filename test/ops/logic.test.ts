/** Comparisons, logic, bits, and Where. */
import { testErrors, testShapes } from "./infer.js";

testShapes({
  "comparisons are bool": { opType: "Less", inputs: ["float32[N, 1]", "float32[4]"], outputs: ["bool[N, 4]"] },
  "Equal of strings": { opType: "Equal", inputs: ["string[2]", "string[1]"], outputs: ["bool[2]"] },
  And: { opType: "And", inputs: ["bool[N]", "bool[N]"], outputs: ["bool[N]"] },
  "Or of opset 6": {
    opType: "Or",
    opset: 6,
    inputs: ["bool[2, 3]", "bool[3]"],
    attributes: { broadcast: 1 },
    outputs: ["bool[2, 3]"],
  },
  BitwiseAnd: { opType: "BitwiseAnd", inputs: ["int32[2, 1]", "int32[3]"], outputs: ["int32[2, 3]"] },
  "Where broadcasts three": {
    opType: "Where",
    inputs: ["bool[N, 1, 1]", "float32[4, 1]", "float32[]"],
    outputs: ["float32[N, 4, 1]"],
  },
});
testErrors({
  "Where with two types": {
    opType: "Where",
    inputs: ["bool[2]", "float32[2]", "int64[2]"],
    code: "PARE_TYPE",
    message: /X is float32, Y is int64/,
  },
  "Where that does not broadcast": {
    opType: "Where",
    inputs: ["bool[2]", "float32[3]", "float32[1]"],
    code: "PARE_SHAPE",
    message: /condition is \[2\], X is \[3\], Y is \[1\]/,
  },
});
