/** Arithmetic that broadcasts. */
import { testErrors, testShapes } from "./infer.js";

testShapes({
  "numbers broadcast": { opType: "Add", inputs: ["float32[2, 3, 4]", "float32[3, 1]"], outputs: ["float32[2, 3, 4]"] },
  "equal symbols stay": { opType: "Mul", inputs: ["float32[N, 4]", "float32[N, 1]"], outputs: ["float32[N, 4]"] },
  "a number above 1 wins over a symbol": {
    opType: "Sub",
    inputs: ["float32[N]", "float32[4]"],
    outputs: ["float32[4]"],
  },
  "1 gives way to a symbol": { opType: "Div", inputs: ["float32[1]", "float32[N]"], outputs: ["float32[N]"] },
  "two symbols": { opType: "Add", inputs: ["float32[N]", "float32[M]"], outputs: ["float32[broadcast(N, M)]"] },
  "ranks differ": { opType: "Pow", inputs: ["float32[N, 3]", "int64[]"], outputs: ["float32[N, 3]"] },
  "an unknown rank": { opType: "Add", inputs: ["float32", "float32[3]"], outputs: ["float32"] },
  "opset 6 keeps A's shape": {
    opType: "Add",
    opset: 6,
    inputs: ["float32[2, 3, 4]", "float32[3]"],
    attributes: { axis: 1, broadcast: 1 },
    outputs: ["float32[2, 3, 4]"],
  },
  "many inputs": {
    opType: "Max",
    inputs: ["float32[2, 1]", "float32[3]", "float32[N, 1, 1]"],
    outputs: ["float32[N, 2, 3]"],
  },
  "Mean before broadcasting": {
    opType: "Mean",
    opset: 7,
    inputs: ["float32[2, 3]", "float32[2, 3]"],
    outputs: ["float32[2, 3]"],
  },
  "Mod of integers": { opType: "Mod", inputs: ["int64[N]", "int64[1]"], outputs: ["int64[N]"] },
  BitShift: {
    opType: "BitShift",
    inputs: ["uint8[2]", "uint8[1]"],
    attributes: { direction: "LEFT" },
    outputs: ["uint8[2]"],
  },
});
testErrors({
  "dimensions that do not broadcast": {
    opType: "Add",
    inputs: ["float32[2, 3]", "float32[2, 4]"],
    code: "PARE_SHAPE",
    message:
      /^Add "it": A is \[2, 3\], B is \[2, 4\]; dimensions aligned at the last must be equal, or one of them 1\.$/,
  },
  "types that differ": {
    opType: "Mul",
    inputs: ["float32[2]", "int64[2]"],
    code: "PARE_TYPE",
    message: /^Mul "it": A is float32, B is int64; they must have one type\.$/,
  },
  "a missing attribute": {
    opType: "BitShift",
    inputs: ["uint8[2]", "uint8[1]"],
    code: "PARE_MODEL",
    message: /direction is missing/,
  },
});
