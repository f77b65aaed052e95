/** Pools. */
import { int64, testErrors, testShapes } from "./infer.js";

testShapes({
  MaxPool: {
    opType: "MaxPool",
    inputs: ["float32[N, 3, 32, W]"],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
    outputs: ["float32[N, 3, 16, floor(W/2)]", "int64[N, 3, 16, floor(W/2)]"],
  },
  "rounded up": {
    opType: "MaxPool",
    inputs: ["float32[1, 1, 10]"],
    attributes: { kernel_shape: [3], strides: [2], ceil_mode: 1 },
    outputs: ["float32[1, 1, 5]"],
  },
  "a last window in the padding is left out": {
    opType: "AveragePool",
    inputs: ["float32[1, 1, 4]"],
    attributes: { kernel_shape: [1], strides: [3], pads: [0, 3], ceil_mode: 1 },
    outputs: ["float32[1, 1, 2]"],
  },
  "a symbol rounded up": {
    opType: "MaxPool",
    inputs: ["float32[1, 1, W]"],
    attributes: { kernel_shape: [3], strides: [2], ceil_mode: 1 },
    outputs: ["float32[1, 1, floor(W/2)]"],
  },
  AveragePool: {
    opType: "AveragePool",
    opset: 7,
    inputs: ["float32[1, 3, 7, 7]"],
    attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
    outputs: ["float32[1, 3, 7, 7]"],
  },
  GlobalAveragePool: { opType: "GlobalAveragePool", inputs: ["float32[N, 5, H, W]"], outputs: ["float32[N, 5, 1, 1]"] },
  MaxUnpool: {
    opType: "MaxUnpool",
    inputs: ["float32[1, 1, 2, 2]", "int64[1, 1, 2, 2]"],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
    outputs: ["float32[1, 1, 4, 4]"],
  },
  "MaxUnpool to a given size": {
    opType: "MaxUnpool",
    inputs: ["float32[1, 1, 2, 2]", "int64[1, 1, 2, 2]", int64(1, 1, 5, 5)],
    attributes: { kernel_shape: [2, 2] },
    outputs: ["float32[1, 1, 5, 5]"],
  },
});
testErrors({
  "a kernel of another rank": {
    opType: "MaxPool",
    inputs: ["float32[1, 3, 8, 8]"],
    attributes: { kernel_shape: [2] },
    code: "PARE_SHAPE",
    message: /kernel_shape has 1 numbers for 2 spatial dimensions/,
  },
  "no kernel": {
    opType: "MaxPool",
    inputs: ["float32[1, 3, 8, 8]"],
    code: "PARE_MODEL",
    message: /kernel_shape is missing/,
  },
  "no spatial dimensions": {
    opType: "MaxPool",
    inputs: ["float32[1, 3]"],
    attributes: { kernel_shape: [] },
    code: "PARE_SHAPE",
    message: /X must have 3 or more dimensions/,
  },
});
