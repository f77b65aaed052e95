/** Ops that choose elements. */
import { int64, testErrors, testShapes } from "./infer.js";

testShapes({
  TopK: { opType: "TopK", inputs: ["float32[N, 10]", int64(3)], outputs: ["float32[N, 3]", "int64[N, 3]"] },
  "TopK by an attribute": {
    opType: "TopK",
    opset: 9,
    inputs: ["float32[10, N]"],
    attributes: { k: 3, axis: 0 },
    outputs: ["float32[3, N]", "int64[3, N]"],
  },
  "TopK of a k that is fed": {
    opType: "TopK",
    inputs: ["float32[N, 10]", "int64[1]"],
    outputs: ["float32[N, ?]", "int64[N, ?]"],
  },
  Unique: { opType: "Unique", inputs: ["int64[2, N]"], outputs: ["int64[?]", "int64[?]", "int64[N*2]", "int64[?]"] },
  "Unique along an axis": {
    opType: "Unique",
    inputs: ["int64[2, N]"],
    attributes: { axis: 1 },
    outputs: ["int64[2, ?]", "int64[?]", "int64[N]", "int64[?]"],
  },
  NonZero: { opType: "NonZero", inputs: ["float32[N, 3, 4]"], outputs: ["int64[3, ?]"] },
  NonMaxSuppression: {
    opType: "NonMaxSuppression",
    inputs: ["float32[1, 100, 4]", "float32[1, 80, 100]"],
    outputs: ["int64[?, 3]"],
  },
});
testErrors({
  "more than there are": {
    opType: "TopK",
    inputs: ["float32[2, 3]", int64(4)],
    code: "PARE_SHAPE",
    message: /k is 4; axis 1 has 3/,
  },
  "boxes of other sizes": {
    opType: "NonMaxSuppression",
    inputs: ["float32[1, 100, 5]", "float32[1, 80, 100]"],
    code: "PARE_SHAPE",
    message: /end in 4 coordinates \(4, got 5\)/,
  },
});
