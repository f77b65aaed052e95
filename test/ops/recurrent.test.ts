/** LSTM, GRU, RNN. */
import { testErrors, testShapes } from "./infer.js";

testShapes({
  LSTM: {
    opType: "LSTM",
    inputs: ["float32[S, B, 10]", "float32[1, 32, 10]", "float32[1, 32, 8]"],
    attributes: { hidden_size: 8 },
    outputs: ["float32[S, 1, B, 8]", "float32[1, B, 8]", "float32[1, B, 8]"],
  },
  "both directions": {
    opType: "GRU",
    inputs: ["float32[S, B, 10]", "float32[2, 24, 10]", "float32[2, 24, 8]"],
    attributes: { hidden_size: 8, direction: "bidirectional" },
    outputs: ["float32[S, 2, B, 8]", "float32[2, B, 8]"],
  },
  "batch first": {
    opType: "RNN",
    inputs: ["float32[B, S, 10]", "float32[1, 8, 10]", "float32[1, 8, 8]"],
    attributes: { hidden_size: 8, layout: 1 },
    outputs: ["float32[B, S, 1, 8]", "float32[B, 1, 8]"],
  },
  "the size of R": {
    opType: "LSTM",
    opset: 7,
    inputs: ["float32[S, B, 10]", "float32[1, 32, 10]", "float32[1, 32, 8]"],
    outputs: ["float32[S, 1, B, 8]"],
  },
});
testErrors({
  "W of another size": {
    opType: "LSTM",
    inputs: ["float32[S, B, 10]", "float32[1, 24, 10]", "float32[1, 32, 8]"],
    attributes: { hidden_size: 8 },
    code: "PARE_SHAPE",
    message: /W must have 4 times the hidden size \(32, got 24\)/,
  },
  "an input of another size": {
    opType: "GRU",
    inputs: ["float32[S, B, 9]", "float32[1, 24, 10]", "float32[1, 24, 8]"],
    attributes: { hidden_size: 8 },
    code: "PARE_SHAPE",
    message: /X must end in W's input size \(10, got 9\)/,
  },
  "an unknown direction": {
    opType: "GRU",
    inputs: ["float32[S, B, 9]", "float32[1, 24, 9]", "float32[1, 24, 8]"],
    attributes: { hidden_size: 8, direction: "up" },
    code: "PARE_OPTION",
    message: /direction is up/,
  },
});
