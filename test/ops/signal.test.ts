/** Signals. */
import { number, testErrors, testShapes } from "./infer.js";

testShapes({
  DFT: { opType: "DFT", inputs: ["float32[B, 16, 1]"], outputs: ["float32[B, 16, 2]"] },
  "one-sided, along opset 17's axis": {
    opType: "DFT",
    opset: 17,
    inputs: ["float32[B, 16, 1]"],
    attributes: { onesided: 1 },
    outputs: ["float32[B, 9, 2]"],
  },
  "of a given length": {
    opType: "DFT",
    inputs: ["float32[B, 16, 1]", number(20), number(1)],
    outputs: ["float32[B, 20, 2]"],
  },
  STFT: { opType: "STFT", inputs: ["float32[1, 128, 1]", number(8), "float32[16]"], outputs: ["float32[1, 15, 9, 2]"] },
  HannWindow: {
    opType: "HannWindow",
    inputs: [number(10)],
    attributes: { output_datatype: 11 },
    outputs: ["float64[10]"],
  },
  MelWeightMatrix: {
    opType: "MelWeightMatrix",
    inputs: [number(8), number(16), number(8192), "float32[]", "float32[]"],
    outputs: ["float32[9, 8]"],
  },
});
testErrors({
  "an axis outside": {
    opType: "DFT",
    inputs: ["float32[2, 16, 1]", null, number(3)],
    code: "PARE_SHAPE",
    message: /axis is 3/,
  },
});
