/** Softmax, its kin, and losses. */
import { testErrors, testShapes } from "./infer.js";

testShapes({
  Softmax: { opType: "Softmax", inputs: ["float32[B, 12, S, S]"], outputs: ["float32[B, 12, S, S]"] },
  "of rows, up to the very end": {
    opType: "Softmax",
    opset: 11,
    inputs: ["float32[2, 3]"],
    attributes: { axis: 2 },
    outputs: ["float32[2, 3]"],
  },
  "the mean loss": {
    opType: "SoftmaxCrossEntropyLoss",
    inputs: ["float32[N, 10]", "int64[N]"],
    outputs: ["float32[]", "float32[N, 10]"],
  },
  "a loss an example": {
    opType: "NegativeLogLikelihoodLoss",
    inputs: ["float32[N, 10, 4]", "int64[N, 4]"],
    attributes: { reduction: "none" },
    outputs: ["float32[N, 4]"],
  },
});
testErrors({
  "an axis outside": {
    opType: "Softmax",
    inputs: ["float32[2, 3]"],
    attributes: { axis: 2 },
    code: "PARE_SHAPE",
    message: /axis is 2; it must be between -2 and 1/,
  },
  "a target of another rank": {
    opType: "SoftmaxCrossEntropyLoss",
    inputs: ["float32[N, 10]", "int64[N, 10]"],
    code: "PARE_SHAPE",
    message: /labels must have 1 dimension/,
  },
  "an unknown reduction": {
    opType: "SoftmaxCrossEntropyLoss",
    inputs: ["float32[N, 10]", "int64[N]"],
    attributes: { reduction: "max" },
    code: "PARE_OPTION",
    message: /reduction is max; it must be none, mean or sum/,
  },
});
