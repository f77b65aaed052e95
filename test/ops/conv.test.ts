/** Convolutions. */
import { int64, testErrors, testShapes } from "./infer.js";

testShapes({
  "two dimensions": {
    opType: "Conv",
    inputs: ["float32[N, 3, 224, 224]", "float32[64, 3, 7, 7]", "float32[64]"],
    attributes: { strides: [2, 2], pads: [3, 3, 3, 3] },
    outputs: ["float32[N, 64, 112, 112]"],
  },
  "symbols by a stride": {
    opType: "Conv",
    inputs: ["float32[N, 3, H, W]", "float32[8, 3, 3, 3]"],
    attributes: { strides: [2, 2], pads: [1, 1, 1, 1] },
    outputs: ["float32[N, 8, floor((H + 1)/2), floor((W + 1)/2)]"],
  },
  "symbols that stay": {
    opType: "Conv",
    inputs: ["float32[N, 3, H, W]", "float32[8, 3, 3, 3]"],
    attributes: { pads: [1, 1, 1, 1] },
    outputs: ["float32[N, 8, H, W]"],
  },
  "one dimension, dilated": {
    opType: "Conv",
    inputs: ["float32[1, 4, 20]", "float32[6, 4, 3]"],
    attributes: { dilations: [4] },
    outputs: ["float32[1, 6, 12]"],
  },
  "three dimensions": {
    opType: "Conv",
    inputs: ["float32[1, 4, 6, 7, 8]", "float32[6, 4, 1, 2, 3]"],
    outputs: ["float32[1, 6, 6, 6, 6]"],
  },
  depthwise: {
    opType: "Conv",
    inputs: ["float32[1, 32, 8, 8]", "float32[32, 1, 3, 3]"],
    attributes: { group: 32 },
    outputs: ["float32[1, 32, 6, 6]"],
  },
  "padded to the same size": {
    opType: "Conv",
    inputs: ["float32[1, 3, 9, W]", "float32[4, 3, 3, 3]"],
    attributes: { auto_pad: "SAME_UPPER", strides: [2, 2] },
    outputs: ["float32[1, 4, 5, floor((W + 1)/2)]"],
  },
  "not padded": {
    opType: "Conv",
    inputs: ["float32[1, 3, 9, 9]", "float32[4, 3, 3, 3]"],
    attributes: { auto_pad: "VALID" },
    outputs: ["float32[1, 4, 7, 7]"],
  },
  "a bfloat16 weight without a known input": {
    opType: "Conv",
    inputs: ["bfloat16", "bfloat16[4, 3, 3, 3]"],
    outputs: ["bfloat16[?, ?, ?, ?]"],
  },
  ConvInteger: {
    opType: "ConvInteger",
    inputs: ["uint8[1, 3, 8, 8]", "uint8[4, 3, 3, 3]", "uint8[]", "uint8[4]"],
    outputs: ["int32[1, 4, 6, 6]"],
  },
  QLinearConv: {
    opType: "QLinearConv",
    inputs: [
      "uint8[1, 3, 8, 8]",
      "float32[]",
      "uint8[]",
      "int8[4, 3, 3, 3]",
      "float32[4]",
      "int8[4]",
      "float32[]",
      "uint8[]",
      "int32[4]",
    ],
    outputs: ["uint8[1, 4, 6, 6]"],
  },
  ConvTranspose: {
    opType: "ConvTranspose",
    inputs: ["float32[N, 8, H, 7]", "float32[8, 4, 2, 2]"],
    attributes: { strides: [2, 2] },
    outputs: ["float32[N, 4, H*2, 14]"],
  },
  "ConvTranspose with groups and padding": {
    opType: "ConvTranspose",
    inputs: ["float32[1, 8, 5, 5]", "float32[8, 4, 3, 3]"],
    attributes: { group: 2, strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] },
    outputs: ["float32[1, 8, 10, 10]"],
  },
  "ConvTranspose to a given size": {
    opType: "ConvTranspose",
    inputs: ["float32[1, 8, 5, 5]", "float32[8, 4, 3, 3]"],
    attributes: { strides: [2, 2], output_shape: [10, 9] },
    outputs: ["float32[1, 4, 10, 9]"],
  },
  Col2Im: {
    opType: "Col2Im",
    inputs: ["float32[N, 8, 12]", int64(5, 5), int64(2, 2)],
    outputs: ["float32[N, 2, 5, 5]"],
  },
});
testErrors({
  "channels that differ": {
    opType: "Conv",
    inputs: ["float32[1, 4, 8, 8]", "float32[8, 3, 3, 3]"],
    code: "PARE_SHAPE",
    message: /^Conv "it": X is \[1, 4, 8, 8\], W is \[8, 3, 3, 3\]; with group 1 X must have 3 channels\.$/,
  },
  "groups that do not divide": {
    opType: "Conv",
    inputs: ["float32[1, 6, 8, 8]", "float32[4, 2, 3, 3]"],
    attributes: { group: 3 },
    code: "PARE_SHAPE",
    message: /the 4 filters of W do not divide into 3 groups/,
  },
  "a bias of another length": {
    opType: "Conv",
    inputs: ["float32[1, 3, 8, 8]", "float32[4, 3, 3, 3]", "float32[5]"],
    code: "PARE_SHAPE",
    message: /one number a filter \(4, got 5\)/,
  },
  "a kernel larger than its input": {
    opType: "Conv",
    inputs: ["float32[1, 3, 2, 8]", "float32[4, 3, 3, 3]"],
    code: "PARE_SHAPE",
    message: /the kernel covers 3, more than the 2 of spatial dimension 0/,
  },
  "too few strides": {
    opType: "Conv",
    inputs: ["float32[1, 3, 8, 8]", "float32[4, 3, 3, 3]"],
    attributes: { strides: [1] },
    code: "PARE_SHAPE",
    message: /strides has 1 numbers; 2 fit/,
  },
  "a stride of 0": {
    opType: "Conv",
    inputs: ["float32[1, 3, 8, 8]", "float32[4, 3, 3, 3]"],
    attributes: { strides: [0, 1] },
    code: "PARE_OPTION",
    message: /strides has 0; it must be 1 or more/,
  },
  "another rank of W": {
    opType: "Conv",
    inputs: ["float32[1, 3, 8, 8]", "float32[4, 3, 3]"],
    code: "PARE_SHAPE",
    message: /W must have 4 dimensions/,
  },
  "a group of 0": {
    opType: "Conv",
    inputs: ["float32[1, 3, 8, 8]", "float32[4, 3, 3, 3]"],
    attributes: { group: 0 },
    code: "PARE_OPTION",
    message: /group is 0/,
  },
  "an unknown padding": {
    opType: "Conv",
    inputs: ["float32[1, 3, 8, 8]", "float32[4, 3, 3, 3]"],
    attributes: { auto_pad: "ALL" },
    code: "PARE_OPTION",
    message: /auto_pad is ALL; it must be NOTSET/,
  },
});
