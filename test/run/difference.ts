/** How a result differs from the expected one. */
import type { Tensor } from "../../lib/index.js";

/** Within the tolerances of ONNX's own backend tests: 1e-3 of the expected value, and `least`, by default 1e-7. */
export function difference(got: Tensor, want: Tensor, least = 1e-7): string | undefined {
  if (got.dims.join() !== want.dims.join()) return `[${got.dims.join()}] for [${want.dims.join()}]`;
  const [a, b] = [got.data as Float32Array, want.data as Float32Array];
  for (let i = 0; i < b.length; i++) {
    const [x, y] = [Number(a[i]), Number(b[i])];
    if (!(Object.is(x, y) || x === y || Math.abs(x - y) <= least + 1e-3 * Math.abs(y)))
      return `${x} for ${y} at ${i} of ${b.length}`;
  }
  return undefined;
}
