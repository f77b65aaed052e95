/** Functions of one element of other types than float32, their old versions, and biased GELUs. */
import { floats, int64s, tensor, testRunErrors, testRuns } from "./run.js";

const float64s = (values: number[]) => tensor("float64", [values.length], values);
const unary = (opType: string, values: number[], want: number[], attributes = {}) => ({
  opType,
  inputs: [float64s(values)],
  attributes,
  outputs: [float64s(want)],
});
const least32 = -(2 ** 31);

testRuns({
  "Abs of int8": {
    opType: "Abs",
    inputs: [tensor("int8", [3], [-128, -5, 7])],
    outputs: [tensor("int8", [3], [-128, 5, 7])],
  },
  "Abs of uint64": {
    opType: "Abs",
    inputs: [tensor("uint64", [1], [2 ** 63])],
    outputs: [tensor("uint64", [1], [2 ** 63])],
  },
  "Neg of int32": {
    opType: "Neg",
    inputs: [tensor("int32", [2], [least32, 5])],
    outputs: [tensor("int32", [2], [least32, -5])],
  },
  "Sign of int64": { opType: "Sign", inputs: [int64s([3], [-9, 0, 9])], outputs: [int64s([3], [-1, 0, 1])] },
  "Relu of int16": { opType: "Relu", inputs: [tensor("int16", [2], [-3, 3])], outputs: [tensor("int16", [2], [0, 3])] },
  BitwiseNot: {
    opType: "BitwiseNot",
    inputs: [tensor("uint16", [2], [0, 65534])],
    outputs: [tensor("uint16", [2], [65535, 1])],
  },
  "Round of float64": unary("Round", [0.5, 1.5, -2.5, NaN], [0, 2, -2, NaN]),
  "Ceil of float64": unary("Ceil", [1.1, -1.1, Infinity], [2, -1, Infinity]),
  "Sqrt of float64": unary("Sqrt", [2, -1, 0], [Math.SQRT2, NaN, 0]),
  "Exp of float64": unary("Exp", [1, -Infinity, NaN], [Math.E, 0, NaN]),
  "Sigmoid of float64": unary("Sigmoid", [0, -1000, 1000], [0.5, 0, 1]),
  "Relu of float64": unary("Relu", [-1, 2, NaN], [0, 2, NaN]),
  "LeakyRelu of float64": unary("LeakyRelu", [-2, 2], [-1, 2], { alpha: 0.5 }),
  "Clip of int64": {
    opType: "Clip",
    inputs: [int64s([3], [-5, 1, 9]), int64s([], [0]), int64s([], [4])],
    outputs: [int64s([3], [0, 1, 4])],
  },
  "Clip of uint16 at one end": {
    opType: "Clip",
    inputs: [tensor("uint16", [2], [1, 9]), null, tensor("uint16", [], [4])],
    outputs: [tensor("uint16", [2], [1, 4])],
  },
  "Clip 6": {
    opType: "Clip",
    opset: 6,
    inputs: [floats([3], [-5, 1, NaN])],
    attributes: { min: -1.5, max: 0.5 },
    outputs: [floats([3], [-1.5, 0.5, NaN])],
  },
  "Dropout 6": {
    opType: "Dropout",
    opset: 6,
    inputs: [floats([2])],
    attributes: { is_test: 1 },
    outputs: [floats([2]), floats([2], [1, 1])],
  },
  BiasGelu: {
    opType: "BiasGelu",
    domain: "com.microsoft",
    inputs: [floats([2, 2], [0, -20, 20, 0]), floats([2], [0, 20])],
    outputs: [floats([2, 2], [0, 0, 20, 20])],
  },
  "FastGelu without a bias": {
    opType: "FastGelu",
    domain: "com.microsoft",
    inputs: [floats([2], [0, 20])],
    outputs: [floats([2], [0, 20])],
  },
});

testRunErrors({
  "Clip between bounds that are not one number": {
    opType: "Clip",
    inputs: [floats([2]), floats([0]), floats([])],
    code: "PARE_SHAPE",
    message: /one number/,
  },
  "a bias that does not fit": {
    opType: "BiasGelu",
    domain: "com.microsoft",
    inputs: [floats([2]), floats([3])],
    code: "PARE_SHAPE",
    message: /do not broadcast/,
  },
  "Erf of integers": {
    opType: "Erf",
    inputs: [int64s([1])],
    code: "PARE_UNSUPPORTED",
    message: /int64 does not run yet/,
  },
});
