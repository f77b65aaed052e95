/** Tensors from nothing or from sizes. */
import { Weight } from "../../lib/model/index.js";
import { int64, number, testErrors, testShapes } from "./infer.js";

testShapes({
  "Constant of a tensor": {
    opType: "Constant",
    attributes: { value: Weight.of("float32", [2, 3], [1, 2, 3, 4, 5, 6]) },
    outputs: ["float32[2, 3]"],
  },
  "Constant of integers": { opType: "Constant", attributes: { value_ints: [1, 2, 3] }, outputs: ["int64[3]"] },
  "Constant of a string": { opType: "Constant", attributes: { value_string: "x" }, outputs: ["string[]"] },
  ConstantOfShape: { opType: "ConstantOfShape", inputs: [int64(2, 3)], outputs: ["float32[2, 3]"] },
  "ConstantOfShape of a type": {
    opType: "ConstantOfShape",
    inputs: ["int64[2]"],
    attributes: { value: int64(1) },
    outputs: ["int64[?, ?]"],
  },
  Range: { opType: "Range", inputs: [number(2), number(11), number(3)], outputs: ["int64[3]"] },
  "Range downwards": { opType: "Range", inputs: [number(5), number(0), number(-2)], outputs: ["int64[3]"] },
  "Range of nothing": { opType: "Range", inputs: [number(5), number(0), number(1)], outputs: ["int64[0]"] },
  "Range of what is fed": { opType: "Range", inputs: ["float32[]", "float32[]", "float32[]"], outputs: ["float32[?]"] },
  Shape: { opType: "Shape", inputs: ["float32[N, 3, H]"], outputs: ["int64[3]"] },
  "Shape of a part": {
    opType: "Shape",
    inputs: ["float32[N, 3, H, W]"],
    attributes: { start: 1, end: -1 },
    outputs: ["int64[2]"],
  },
  Size: { opType: "Size", inputs: ["float32[N, 3]"], outputs: ["int64[]"] },
  EyeLike: { opType: "EyeLike", inputs: ["int32[3, N]"], attributes: { dtype: 1 }, outputs: ["float32[3, N]"] },
  RandomNormal: { opType: "RandomNormal", attributes: { shape: [2, 3], dtype: 10 }, outputs: ["float16[2, 3]"] },
  RandomUniformLike: { opType: "RandomUniformLike", inputs: ["float32[N]"], outputs: ["float32[N]"] },
  Multinomial: {
    opType: "Multinomial",
    inputs: ["float32[N, 10]"],
    attributes: { sample_size: 5 },
    outputs: ["int32[N, 5]"],
  },
});
testErrors({
  "a negative size": {
    opType: "ConstantOfShape",
    inputs: [int64(2, -1)],
    code: "PARE_SHAPE",
    message: /a size is negative: -1/,
  },
  "a delta of 0": {
    opType: "Range",
    inputs: [number(0), number(3), number(0)],
    code: "PARE_SHAPE",
    message: /delta is 0/,
  },
  "a shape bomb": {
    opType: "ConstantOfShape",
    inputs: [int64(4294967296, 4294967296)],
    code: "PARE_SHAPE",
    message: /more elements than 64 bits can count/,
  },
});
