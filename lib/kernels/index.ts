/** The fast transforms as plain functions over TypedArrays; `kernels.async` has each as a promise off the event loop. */
import * as float16 from "./float16.js";
import { asynchronous, synchronous } from "./kernel.js";

export type { KernelOptions } from "./kernel.js";
export type { FromHalfOptions, ToHalfOptions } from "./float16.js";

export const kernels = {
  /** float32 → float16 patterns: nearest, ties to even; overflow to infinity. */
  toFloat16: synchronous(float16.toFloat16),
  /** float16 patterns → float32, exact. */
  fromFloat16: synchronous(float16.fromFloat16),
  /** float32 → bfloat16 patterns: nearest, ties to even. */
  toBfloat16: synchronous(float16.toBfloat16),
  /** bfloat16 patterns → float32, exact. */
  fromBfloat16: synchronous(float16.fromBfloat16),

  async: {
    toFloat16: asynchronous(float16.toFloat16),
    fromFloat16: asynchronous(float16.fromFloat16),
    toBfloat16: asynchronous(float16.toBfloat16),
    fromBfloat16: asynchronous(float16.fromBfloat16),
  },
};
