/** More or less at the borders. */
import { int64, testErrors, testShapes } from "./infer.js";

testShapes({
  Pad: { opType: "Pad", inputs: ["float32[N, 3, H]", int64(0, 0, 1, 0, 0, 2)], outputs: ["float32[N, 3, H + 3]"] },
  "Pad along given axes": {
    opType: "Pad",
    inputs: ["float32[N, 3, H]", int64(1, 2), null, int64(-1)],
    outputs: ["float32[N, 3, H + 3]"],
  },
  "Pad by an attribute": {
    opType: "Pad",
    opset: 9,
    inputs: ["float32[2, 3]"],
    attributes: { pads: [1, 0, 0, -1] },
    outputs: ["float32[3, 2]"],
  },
  CenterCropPad: {
    opType: "CenterCropPad",
    inputs: ["float32[N, 3, 8]", int64(5)],
    attributes: { axes: [-1] },
    outputs: ["float32[N, 3, 5]"],
  },
});
testErrors({
  "too few pads": {
    opType: "Pad",
    inputs: ["float32[2, 3]", int64(1, 1)],
    code: "PARE_SHAPE",
    message: /pads has 2 numbers; 4 fit/,
  },
  "pads that leave nothing": {
    opType: "Pad",
    inputs: ["float32[2]", int64(-2, -1)],
    code: "PARE_SHAPE",
    message: /would be \[-1\]; no dimension can be negative/,
  },
  "an unknown mode": {
    opType: "Pad",
    inputs: ["float32[2]", int64(1, 1)],
    attributes: { mode: "mirror" },
    code: "PARE_OPTION",
    message: /mode is mirror/,
  },
});
