/** Images. */
import { float, int64, testErrors, testShapes } from "./infer.js";

testShapes({
  "Resize by scales": {
    opType: "Resize",
    inputs: ["float32[N, 3, H, 10]", null, float(1, 1, 2, 0.55)],
    outputs: ["float32[N, 3, H*2, 5]"],
  },
  "Resize to sizes": {
    opType: "Resize",
    inputs: ["float32[N, 3, H, W]", null, null, int64(1, 3, 8, 9)],
    outputs: ["float32[1, 3, 8, 9]"],
  },
  "Resize by half": {
    opType: "Resize",
    inputs: ["float32[1, 3, H, W]", null, float(1, 1, 0.5, 1.5)],
    outputs: ["float32[1, 3, floor(H/2), W + floor(W/2)]"],
  },
  "Resize along axes": {
    opType: "Resize",
    inputs: ["float32[N, 3, 4, 6]", null, null, int64(8, 8)],
    attributes: { axes: [2, 3], keep_aspect_ratio_policy: "not_larger" },
    outputs: ["float32[N, 3, 5, 8]"],
  },
  "Resize of opset 10": {
    opType: "Resize",
    opset: 10,
    inputs: ["float32[1, 1, 4, 4]", float(1, 1, 2, 3)],
    outputs: ["float32[1, 1, 8, 12]"],
  },
  "Resize of opset 11 with empty inputs": {
    opType: "Resize",
    opset: 11,
    inputs: ["float32[1, 1, 4, 4]", float(), float(), int64(1, 1, 7, 7)],
    outputs: ["float32[1, 1, 7, 7]"],
  },
  "Resize by scales that are fed": {
    opType: "Resize",
    inputs: ["float32[1, 1, 4, 4]", null, "float32[4]"],
    outputs: ["float32[?, ?, ?, ?]"],
  },
  "Resize of a box": {
    opType: "Resize",
    inputs: ["float32[1, 1, 4, 4]", float(0, 0, 0.25, 0, 1, 1, 0.75, 1), float(1, 1, 2, 1)],
    attributes: { coordinate_transformation_mode: "tf_crop_and_resize" },
    outputs: ["float32[1, 1, 4, 4]"],
  },
  "Upsample of opset 9": {
    opType: "Upsample",
    opset: 9,
    inputs: ["float32[N, 3, H, W]", float(1, 1, 2, 2)],
    outputs: ["float32[N, 3, H*2, W*2]"],
  },
  "Upsample of opset 7": {
    opType: "Upsample",
    opset: 7,
    inputs: ["float32[1, 3, 4, 4]"],
    attributes: { scales: [1, 1, 2, 2] },
    outputs: ["float32[1, 3, 8, 8]"],
  },
  GridSample: {
    opType: "GridSample",
    inputs: ["float32[N, 3, H, W]", "float32[N, 8, 9, 2]"],
    outputs: ["float32[N, 3, 8, 9]"],
  },
  AffineGrid: {
    opType: "AffineGrid",
    inputs: ["float32[N, 2, 3]", int64(2, 3, 8, 9)],
    outputs: ["float32[2, 8, 9, 2]"],
  },
  RoiAlign: {
    opType: "RoiAlign",
    inputs: ["float32[1, 8, H, W]", "float32[R, 4]", "int64[R]"],
    attributes: { output_height: 7, output_width: 7 },
    outputs: ["float32[R, 8, 7, 7]"],
  },
  MaxRoiPool: {
    opType: "MaxRoiPool",
    inputs: ["float32[1, 8, H, W]", "float32[R, 5]"],
    attributes: { pooled_shape: [7, 6] },
    outputs: ["float32[R, 8, 7, 6]"],
  },
});
testErrors({
  "too few scales": {
    opType: "Resize",
    inputs: ["float32[1, 1, 4, 4]", null, float(2, 2)],
    code: "PARE_SHAPE",
    message: /there are 2 scales for 4 dimensions/,
  },
  "neither scales nor sizes": {
    opType: "Resize",
    inputs: ["float32[1, 1, 4, 4]"],
    code: "PARE_SHAPE",
    message: /either scales or sizes/,
  },
  "a negative scale": {
    opType: "Resize",
    inputs: ["float32[1, 1, 4, 4]", null, float(1, 1, -2, 2)],
    code: "PARE_OPTION",
    message: /it must be positive/,
  },
});
