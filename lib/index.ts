/** pare's public face. */
export { kernels } from "./kernels/index.js";
export { PareError, type ErrorCode } from "./errors.js";
export * from "./report/index.js";
