/** pare's public face. */
export { kernels } from "./kernels/index.js";
export { PareError, type ErrorCode } from "./errors.js";
