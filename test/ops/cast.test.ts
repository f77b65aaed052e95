/** Cast and CastLike. */
import { testErrors, testShapes } from "./infer.js";

testShapes({
  "Cast to a type's number": {
    opType: "Cast",
    inputs: ["float32[N, 2]"],
    attributes: { to: 10 },
    outputs: ["float16[N, 2]"],
  },
  "Cast to int4": { opType: "Cast", inputs: ["float32[2]"], attributes: { to: 22 }, outputs: ["int4[2]"] },
  CastLike: { opType: "CastLike", inputs: ["float32[N]", "int8[3]"], outputs: ["int8[N]"] },
});
testErrors({
  "no type": { opType: "Cast", inputs: ["float32[2]"], code: "PARE_MODEL", message: /the attribute to is missing/ },
  "a type that is none": {
    opType: "Cast",
    inputs: ["float32[2]"],
    attributes: { to: 0 },
    code: "PARE_OPTION",
    message: /to is 0/,
  },
});
