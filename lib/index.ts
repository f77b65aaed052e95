/** pare's public face. */
export * from "onnxruntime-common";
export { kernels } from "./kernels/index.js";
export { PareError, type ErrorCode } from "./errors.js";
export * from "./report/index.js";
export * from "./run/index.js";
export type { LongCall, Progress } from "./progress.js";
export * from "./data/index.js";
export * from "./quantize/index.js";
