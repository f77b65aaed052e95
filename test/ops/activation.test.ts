/** Activations with parameters. */
import { testErrors, testShapes } from "./infer.js";

testShapes({
  Relu: { opType: "Relu", inputs: ["float32[N, 3]"], outputs: ["float32[N, 3]"] },
  "PRelu with a slope a channel": {
    opType: "PRelu",
    inputs: ["float32[N, 3, 8, 8]", "float32[3, 1, 1]"],
    outputs: ["float32[N, 3, 8, 8]"],
  },
  "PRelu of opset 6": {
    opType: "PRelu",
    opset: 6,
    inputs: ["float32[N, 3, 8, 8]", "float32[3]"],
    outputs: ["float32[N, 3, 8, 8]"],
  },
  "Clip with one bound": { opType: "Clip", inputs: ["float32[N]", null, "float32[]"], outputs: ["float32[N]"] },
  "Clip by attributes": {
    opType: "Clip",
    opset: 6,
    inputs: ["float32[N]"],
    attributes: { min: 0.5 },
    outputs: ["float32[N]"],
  },
  "Gelu of ONNX": { opType: "Gelu", inputs: ["float32[N, S, 8]"], outputs: ["float32[N, S, 8]"] },
  "Gelu of ONNX Runtime": {
    opType: "Gelu",
    domain: "com.microsoft",
    inputs: ["float16[N, S, 8]"],
    outputs: ["float16[N, S, 8]"],
  },
  BiasGelu: {
    opType: "BiasGelu",
    domain: "com.microsoft",
    inputs: ["float32[N, 8]", "float32[8]"],
    outputs: ["float32[N, 8]"],
  },
});
testErrors({
  "a slope that does not broadcast": {
    opType: "PRelu",
    inputs: ["float32[2, 3, 8]", "float32[3]"],
    code: "PARE_SHAPE",
    message: /^PRelu "it": X is \[2, 3, 8\], slope is \[3\]; the slope must broadcast to X\.$/,
  },
  "a bound that is no number": {
    opType: "Clip",
    inputs: ["float32[2]", "float32[2, 2]"],
    code: "PARE_SHAPE",
    message: /min must have 0 to 1 dimension/,
  },
});
