/** Normalizations. */
import { testErrors, testShapes } from "./infer.js";

const microsoft = "com.microsoft";
const parameters = ["float32[3]", "float32[3]", "float32[3]", "float32[3]"];
testShapes({
  BatchNormalization: {
    opType: "BatchNormalization",
    inputs: ["float32[N, 3, H, W]", ...parameters],
    outputs: ["float32[N, 3, H, W]"],
  },
  "in training": {
    opType: "BatchNormalization",
    inputs: ["float32[N, 3, H]", ...parameters],
    attributes: { training_mode: 1 },
    outputs: ["float32[N, 3, H]", "float32[3]", "float32[3]"],
  },
  "with the outputs of opset 9": {
    opType: "BatchNormalization",
    opset: 9,
    inputs: ["float32[N, 3, 4]", ...parameters],
    outputs: ["float32[N, 3, 4]", "float32[3]", "float32[3]", "float32[3]", "float32[3]"],
  },
  InstanceNormalization: {
    opType: "InstanceNormalization",
    inputs: ["float32[N, 3, H]", "float32[3]", "float32[3]"],
    outputs: ["float32[N, 3, H]"],
  },
  LayerNormalization: {
    opType: "LayerNormalization",
    inputs: ["float16[B, S, 8]", "float16[8]", "float16[8]"],
    outputs: ["float16[B, S, 8]", "float32[B, S, 1]", "float32[B, S, 1]"],
  },
  "over two axes": {
    opType: "LayerNormalization",
    inputs: ["float32[B, 4, 8]", "float32[4, 8]"],
    attributes: { axis: 1 },
    outputs: ["float32[B, 4, 8]", "float32[B, 1, 1]"],
  },
  GroupNormalization: {
    opType: "GroupNormalization",
    inputs: ["float32[N, 6, H]", "float32[6]", "float32[6]"],
    attributes: { num_groups: 2 },
    outputs: ["float32[N, 6, H]"],
  },
  LpNormalization: { opType: "LpNormalization", inputs: ["float32[N, 6]"], outputs: ["float32[N, 6]"] },
  LRN: { opType: "LRN", inputs: ["float32[N, 6, 4, 4]"], attributes: { size: 3 }, outputs: ["float32[N, 6, 4, 4]"] },
  SkipLayerNormalization: {
    opType: "SkipLayerNormalization",
    domain: microsoft,
    inputs: ["float32[B, S, 8]", "float32[B, S, 8]", "float32[8]", "float32[8]"],
    outputs: ["float32[B, S, 8]", "float32[B, S, 1]", "float32[B, S, 1]", "float32[B, S, 8]"],
  },
  SimplifiedLayerNormalization: {
    opType: "SimplifiedLayerNormalization",
    inputs: ["float32[B, S, 8]", "float32[8]"],
    outputs: ["float32[B, S, 8]"],
  },
});
testErrors({
  "parameters of other lengths": {
    opType: "BatchNormalization",
    inputs: ["float32[N, 4, H, W]", ...parameters],
    code: "PARE_SHAPE",
    message: /one number a channel \(4, got 3\)/,
  },
  "an axis outside": {
    opType: "LayerNormalization",
    inputs: ["float32[2, 8]", "float32[8]"],
    attributes: { axis: 2 },
    code: "PARE_SHAPE",
    message: /axis is 2; it must be between -2 and 1/,
  },
  "a scale that does not fit": {
    opType: "LayerNormalization",
    inputs: ["float32[2, 8]", "float32[7]"],
    code: "PARE_SHAPE",
    message: /X is \[2, 8\], Scale is \[7\]/,
  },
  "groups that do not divide": {
    opType: "GroupNormalization",
    inputs: ["float32[N, 5, H]", "float32[5]", "float32[5]"],
    attributes: { num_groups: 2 },
    code: "PARE_SHAPE",
    message: /do not divide into num_groups 2/,
  },
});
