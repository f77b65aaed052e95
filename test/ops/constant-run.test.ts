/** Tensors from nothing or from sizes: Constant, ConstantOfShape, Range, Shape, Size, EyeLike. */
import { Weight } from "../../lib/model/index.js";
import { expectCode } from "../errors.js";
import { int64 } from "./infer.js";
import { floats, int64s, runNode, tensor, testRunErrors, testRuns } from "./run.js";

testRuns({
  "Constant of a tensor": {
    opType: "Constant",
    attributes: { value: Weight.of("float16", [2], [1, -2]) },
    outputs: [tensor("float16", [2], [1, -2])],
  },
  "Constant of numbers": {
    opType: "Constant",
    attributes: { value_floats: [1.5, 2] },
    outputs: [floats([2], [1.5, 2])],
  },
  "Constant of one integer": { opType: "Constant", attributes: { value_int: 7 }, outputs: [int64s([], [7])] },
  "ConstantOfShape of a shape that is fed": {
    opType: "ConstantOfShape",
    inputs: [int64s([2], [2, 3])],
    attributes: { value: Weight.of("int16", [1], [-4]) },
    outputs: [tensor("int16", [2, 3], [-4, -4, -4, -4, -4, -4])],
  },
  "ConstantOfShape without a value": {
    opType: "ConstantOfShape",
    inputs: [int64(1, 2)],
    outputs: [floats([1, 2], [0, 0])],
  },
  "ConstantOfShape of nothing": { opType: "ConstantOfShape", inputs: [int64s([1], [0])], outputs: [floats([0])] },
  "Range of integers, down": {
    opType: "Range",
    inputs: [int64s([], [7]), int64s([], [-3]), int64s([], [-4])],
    outputs: [int64s([3], [7, 3, -1])],
  },
  "Range of small integers": {
    opType: "Range",
    inputs: [tensor("int16", [], [-2]), tensor("int16", [], [3]), tensor("int16", [], [2])],
    outputs: [tensor("int16", [3], [-2, 0, 2])],
  },
  "Range of floats": {
    opType: "Range",
    inputs: [floats([], [1]), floats([], [2]), floats([], [0.25])],
    outputs: [floats([4], [1, 1.25, 1.5, 1.75])],
  },
  "Range of nothing": {
    opType: "Range",
    inputs: [floats([], [1]), floats([], [1]), floats([], [-1])],
    outputs: [floats([0])],
  },
  Shape: { opType: "Shape", inputs: [floats([2, 0, 5])], attributes: { start: -2 }, outputs: [int64s([2], [0, 5])] },
  Size: { opType: "Size", inputs: [floats([2, 3])], outputs: [int64s([], [6])] },
  EyeLike: {
    opType: "EyeLike",
    inputs: [floats([2, 3])],
    attributes: { k: 1 },
    outputs: [floats([2, 3], [0, 1, 0, 0, 0, 1])],
  },
  "EyeLike of another type": {
    opType: "EyeLike",
    inputs: [floats([3, 2])],
    attributes: { k: -1, dtype: 10 },
    outputs: [tensor("float16", [3, 2], [0, 0, 1, 0, 0, 1])],
  },
});

test("refuses what no memory holds", async () => {
  const inputs = [int64s([], [0]), int64s([], [2 ** 62]), int64s([], [1])];
  await expectCode(() => runNode({ opType: "Range", inputs }), "PARE_MEMORY");
  await expectCode(
    () => runNode({ opType: "ConstantOfShape", inputs: [int64s([2], [2 ** 20, 2 ** 30])] }),
    "PARE_MEMORY",
  );
});

testRunErrors({
  "Range by 0": {
    opType: "Range",
    inputs: [floats([], [1]), floats([], [2]), floats([], [0])],
    code: "PARE_SHAPE",
    message: /delta is 0/,
  },
  "Range to no number": {
    opType: "Range",
    inputs: [floats([], [1]), floats([], [NaN]), floats([], [1])],
    code: "PARE_SHAPE",
    message: /no list of numbers/,
  },
  "ConstantOfShape of a negative size": {
    opType: "ConstantOfShape",
    inputs: [int64s([1], [-1])],
    code: "PARE_SHAPE",
    message: /-1|negative/,
  },
});
