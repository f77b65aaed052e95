/** Layers of networks give what ONNX Runtime gives: convolutions, pools, normalizations, softmax, reductions. */
import { Weight } from "../../lib/index.js";
import { expectRejection } from "../errors.js";
import { runOneNode, testLikeOnnxRuntime, type OneNode } from "./one-node.js";

const conv = (
  x: number[],
  w: number[],
  attributes: OneNode["attributes"] = {},
  more: Partial<OneNode> = {},
): OneNode => ({
  opType: "Conv",
  inputs: [x, w, [w[0]!]],
  constant: [1, 2],
  attributes,
  ...more,
});
describe("convolutions", () => {
  testLikeOnnxRuntime({
    "1 dimension": conv([2, 3, 17], [5, 3, 4], { strides: [2], pads: [1, 2] }),
    "2 dimensions": conv([2, 3, 13, 11], [7, 3, 3, 3], { pads: [1, 1, 1, 1], strides: [2, 2] }),
    "3 dimensions": conv([1, 2, 5, 6, 7], [3, 2, 2, 3, 3], { pads: [0, 1, 1, 1, 1, 0] }),
    "fed filters": conv([1, 3, 8, 8], [4, 3, 3, 3], {}, { constant: [] }),
    "fed filters, depthwise": conv([1, 4, 8, 8], [4, 1, 3, 3], { group: 4 }, { constant: [] }),
    "no bias": {
      opType: "Conv",
      inputs: [
        [1, 3, 8, 8],
        [4, 3, 1, 1],
      ],
      constant: [1],
    },
    groups: conv([1, 6, 9, 9], [8, 3, 3, 3], { group: 2, dilations: [2, 2] }),
    SAME_UPPER: conv([1, 3, 10, 9], [4, 3, 3, 2], { auto_pad: "SAME_UPPER", strides: [3, 2] }),
    SAME_LOWER: conv([1, 3, 10, 9], [4, 3, 4, 2], { auto_pad: "SAME_LOWER", strides: [2, 1] }),
    VALID: conv([1, 3, 10, 9], [4, 3, 4, 2], { auto_pad: "VALID" }),
    "depthwise 3×3": conv([2, 8, 14, 15], [8, 1, 3, 3], { group: 8, pads: [1, 1, 1, 1] }),
    "depthwise 5×5, stride 2": conv([1, 8, 14, 15], [8, 1, 5, 5], { group: 8, pads: [2, 2, 2, 2], strides: [2, 2] }),
    "the whole image": conv([2, 4, 5, 6], [3, 4, 5, 6]),
    "an empty batch": conv([0, 3, 5, 6], [3, 3, 3, 3]),
  });
  const fused = (activation: string, activation_params?: number[], more: Partial<OneNode> = {}): OneNode =>
    conv(
      [1, 5, 9, 8],
      [6, 5, 3, 3],
      { pads: [1, 1, 1, 1], activation, ...(activation_params ? { activation_params } : {}) },
      { opType: "FusedConv", domain: "com.microsoft", ...more },
    );
  testLikeOnnxRuntime({
    "with Relu": fused("Relu"),
    "with Clip": fused("Clip", [-0.25, 0.5]),
    "with LeakyRelu": fused("LeakyRelu", [0.125]),
    "with HardSigmoid": fused("HardSigmoid", [0.25, 0.25]),
    "with Sigmoid": fused("Sigmoid"),
    "with Tanh": fused("Tanh"),
    "with another tensor": fused("Relu", undefined, { inputs: [[1, 5, 9, 8], [6, 5, 3, 3], [6], [1, 6, 9, 8]] }),
    "1×1 with Relu": conv(
      [1, 8, 9, 9],
      [16, 8, 1, 1],
      { activation: "Relu" },
      { opType: "FusedConv", domain: "com.microsoft" },
    ),
  });
  test("an activation that is none", () =>
    expectRejection(runOneNode(fused("Wave")), "PARE_UNSUPPORTED", /activation Wave does not run/));
  test("four spatial dimensions", () =>
    expectRejection(runOneNode(conv([1, 1, 3, 3, 3, 3], [1, 1, 1, 1, 1, 1])), "PARE_UNSUPPORTED", /1 to 3 do/));
});

describe("products of matrices", () => {
  const product = (
    a: number[],
    b: number[],
    attributes: OneNode["attributes"] = {},
    more: Partial<OneNode> = {},
  ): OneNode => ({
    opType: "FusedMatMul",
    domain: "com.microsoft",
    inputs: [a, b],
    attributes,
    ...more,
  });
  const gemm = (
    bias: number[] | null,
    attributes: OneNode["attributes"] = {},
    more: Partial<OneNode> = {},
  ): OneNode => ({
    opType: "Gemm",
    inputs: [[13, 24], [24, 37], bias],
    constant: [1],
    attributes,
    ...more,
  });
  const fused = { opType: "FusedGemm", domain: "com.microsoft" };
  testLikeOnnxRuntime({
    "batches of one": {
      opType: "MatMul",
      inputs: [
        [1, 3, 5, 8],
        [2, 1, 8, 7],
      ],
    },
    "a vector and a matrix": { opType: "MatMul", inputs: [[8], [8, 300]] },
    "a matrix and a vector": { opType: "MatMul", inputs: [[2, 30, 8], [8]] },
    "one row by a deep matrix": {
      opType: "MatMul",
      inputs: [
        [1, 3000],
        [3000, 400],
      ],
    },
    "both transposed, scaled": product([2, 3, 8, 5], [2, 3, 7, 8], { transA: 1, transB: 1, alpha: 0.125 }),
    "transposed, packed": product([2, 9, 8], [7, 8], { transB: 1 }, { constant: [1] }),
    "rows before the batch": product([9, 3, 8], [3, 8, 7], { transBatchA: 1 }),
    "rows before the batch, transposed": product([9, 3, 8], [3, 7, 9], { transBatchA: 1, transA: 1, transB: 1 }),
    "rows before the batch on the right": product([3, 9, 8], [7, 3, 8], { transBatchB: 1, transB: 1, alpha: 2 }),
    "one row, rows before the batch": product([1, 3, 8], [7, 3, 8], { transBatchA: 1, transBatchB: 1, transB: 1 }),
    "Gemm without a bias": gemm(null, { alpha: 0.5 }),
    "Gemm with a number": gemm([], { beta: 0.5 }),
    "Gemm with a bias a column": gemm([37]),
    "Gemm with a bias a row": gemm([13, 1], { beta: 2, alpha: 3 }),
    "Gemm with a matrix": gemm([13, 37], { beta: 2 }),
    "Gemm of one row": gemm([37], { transB: 1 }, { inputs: [[1, 24], [37, 24], [37]], constant: [] }),
    "Gemm with Relu": gemm([37], { activation: "Relu" }, fused),
    "Gemm with LeakyRelu": gemm([37], { activation: "LeakyRelu", activation_alpha: 0.25 }, fused),
    "Gemm with Tanh": gemm([37], { activation: "Tanh" }, fused),
    "Gemm of many rows with Sigmoid": gemm(
      [70],
      { activation: "Sigmoid" },
      { ...fused, inputs: [[150, 300], [300, 70], [70]] },
    ),
  });
});

const transposed = (x: number[], w: number[], attributes: OneNode["attributes"] = {}): OneNode => ({
  opType: "ConvTranspose",
  inputs: [x, w],
  constant: [1],
  attributes,
});
describe("transposed convolutions", () => {
  testLikeOnnxRuntime({
    "1 dimension": transposed([1, 3, 7], [3, 2, 4], { strides: [2] }),
    "2 dimensions": transposed([2, 3, 5, 6], [3, 4, 3, 3], {
      strides: [2, 3],
      pads: [1, 0, 1, 2],
      output_padding: [1, 1],
    }),
    "3 dimensions": transposed([1, 2, 3, 4, 3], [2, 2, 2, 2, 2], { strides: [1, 2, 1] }),
    groups: transposed([1, 4, 5, 5], [4, 3, 2, 2], { group: 2, dilations: [2, 1] }),
    output_shape: transposed([1, 2, 4, 5], [2, 3, 3, 3], { strides: [2, 2], output_shape: [8, 10] }),
    "output_shape, SAME_UPPER": transposed([1, 2, 4, 5], [2, 3, 3, 3], {
      strides: [2, 2],
      output_shape: [8, 10],
      auto_pad: "SAME_UPPER",
    }),
    SAME_LOWER: transposed([1, 2, 4, 5], [2, 3, 3, 3], { strides: [2, 2], auto_pad: "SAME_LOWER" }),
    SAME_UPPER: transposed([1, 2, 4, 5], [2, 3, 3, 3], { strides: [2, 2], auto_pad: "SAME_UPPER" }),
  });
});

describe("pools", () => {
  const x = [2, 3, 11, 10];
  testLikeOnnxRuntime({
    max: { opType: "MaxPool", inputs: [x], attributes: { kernel_shape: [3, 2], strides: [2, 2], pads: [1, 0, 1, 1] } },
    "max, rounded up": {
      opType: "MaxPool",
      inputs: [x],
      attributes: { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 },
    },
    "max, dilated": { opType: "MaxPool", inputs: [x], attributes: { kernel_shape: [3, 3], dilations: [2, 3] } },
    "max with indices": {
      opType: "MaxPool",
      inputs: [x],
      attributes: { kernel_shape: [3, 3], strides: [2, 1], pads: [1, 1, 1, 1] },
      outputs: 2,
      int64Outputs: [1],
    },
    "max of 3 dimensions": { opType: "MaxPool", inputs: [[1, 2, 5, 6, 7]], attributes: { kernel_shape: [2, 3, 2] } },
    "max, SAME_UPPER": {
      opType: "MaxPool",
      inputs: [x],
      attributes: { kernel_shape: [3, 3], strides: [2, 2], auto_pad: "SAME_UPPER" },
    },
    average: { opType: "AveragePool", inputs: [x], attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } },
    "average with the padding": {
      opType: "AveragePool",
      inputs: [x],
      attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], count_include_pad: 1 },
    },
    "average, rounded up": {
      opType: "AveragePool",
      inputs: [x],
      attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [0, 0, 1, 1], ceil_mode: 1 },
    },
    lp: { opType: "LpPool", inputs: [x], attributes: { kernel_shape: [3, 3], strides: [2, 2], p: 3 } },
    "global average": { opType: "GlobalAveragePool", inputs: [x] },
    "global max": { opType: "GlobalMaxPool", inputs: [[2, 3, 4, 5, 6]] },
    "global lp": { opType: "GlobalLpPool", inputs: [x] },
  });
});

const positive = (count: number): Weight =>
  Weight.of(
    "float32",
    [count],
    Float32Array.from({ length: count }, (_, i) => 0.5 + (i % 3)),
  );
describe("normalizations", () => {
  const microsoft = "com.microsoft";
  testLikeOnnxRuntime({
    batch: { opType: "BatchNormalization", inputs: [[2, 5, 7, 3], [5], [5], [5], positive(5)] },
    "batch of rows": { opType: "BatchNormalization", inputs: [[6, 5], [5], [5], [5], positive(5)], opset: 9 },
    instance: { opType: "InstanceNormalization", inputs: [[2, 5, 7, 3], [5], [5]], attributes: { epsilon: 1e-3 } },
    group: { opType: "GroupNormalization", opset: 21, inputs: [[2, 6, 7, 3], [6], [6]], attributes: { num_groups: 3 } },
    "group, opset 18": {
      opType: "GroupNormalization",
      opset: 18,
      inputs: [[2, 6, 7, 3], [3], [3]],
      attributes: { num_groups: 3 },
    },
    layer: { opType: "LayerNormalization", inputs: [[2, 5, 33], [33], [33]], outputs: 3 },
    "layer from axis 1": {
      opType: "LayerNormalization",
      inputs: [
        [2, 5, 33],
        [5, 33],
      ],
      attributes: { axis: 1 },
    },
    "root mean square": {
      opType: "SimplifiedLayerNormalization",
      inputs: [[2, 5, 33], [33]],
      attributes: { epsilon: 1e-4 },
    },
    "skip and layer": {
      opType: "SkipLayerNormalization",
      domain: microsoft,
      inputs: [[2, 5, 32], [2, 5, 32], [32], [32], [32]],
    },
    "skip and root mean square": {
      opType: "SkipSimplifiedLayerNormalization",
      domain: microsoft,
      inputs: [[2, 5, 32], [2, 5, 32], [32]],
    },
    neighbours: { opType: "LRN", inputs: [[2, 7, 5, 6]], attributes: { size: 5, alpha: 0.3, beta: 0.6, bias: 1.5 } },
    "lp 2": { opType: "LpNormalization", inputs: [[2, 7, 5]], attributes: { axis: 1 } },
    "lp 1": { opType: "LpNormalization", inputs: [[2, 7, 5]], attributes: { p: 1 } },
    "mean and variance": { opType: "MeanVarianceNormalization", inputs: [[2, 7, 5, 3]] },
  });
  test("what only a row's parameters can do", () =>
    expectRejection(
      runOneNode({
        opType: "LayerNormalization",
        inputs: [
          [2, 5, 33],
          [1, 1, 1],
        ],
      }),
      "PARE_UNSUPPORTED",
      /only as many as a row has, 33, run/,
    ));
});

describe("softmax", () => {
  testLikeOnnxRuntime({
    "the last axis": { opType: "Softmax", inputs: [[3, 4, 37]] },
    "another axis": { opType: "Softmax", inputs: [[3, 4, 37]], attributes: { axis: 1 } },
    "all from an axis on": { opType: "Softmax", inputs: [[3, 4, 37]], opset: 11 },
    logarithm: { opType: "LogSoftmax", inputs: [[3, 4, 37]], attributes: { axis: -2 } },
    "logarithm of all from an axis on": {
      opType: "LogSoftmax",
      inputs: [[3, 4, 37]],
      opset: 11,
      attributes: { axis: 2 },
    },
  });
});

describe("reductions", () => {
  const names = ["Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSumExp"];
  const inner = names.map((name): [string, OneNode] => [
    `${name} of an inner axis`,
    {
      opType: `Reduce${name}`,
      opset: 18,
      inputs: [[3, 4, 5], Weight.of("int64", [1], [-2])],
      attributes: { keepdims: 0 },
    },
  ]);
  const all = names.map((name): [string, OneNode] => [
    `${name} of everything`,
    { opType: `Reduce${name}`, opset: 12, inputs: [[3, 4, 5]] },
  ]);
  testLikeOnnxRuntime(Object.fromEntries([...inner, ...all]));
  testLikeOnnxRuntime({
    ...Object.fromEntries(
      ["Sum", "Mean", "Max", "Min", "Prod", "SumSquare", "L1"].map((name): [string, OneNode] => [
        `${name} of int64`,
        {
          opType: `Reduce${name}`,
          opset: 18,
          inputs: [
            Weight.of(
              "int64",
              [2, 3, 1, 4],
              Array.from({ length: 24 }, (_, i) => ((i * 7) % 11) - 5),
            ),
            Weight.of("int64", [2], [0, 3]),
          ],
          int64Outputs: [0],
        },
      ]),
    ),
    "no axes, nothing done": {
      opType: "ReduceSum",
      inputs: [[3, 4], Weight.of("int64", [0], [])],
      attributes: { noop_with_empty_axes: 1 },
    },
  });
});
