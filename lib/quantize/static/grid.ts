/** A range becomes scale and zero point, by the rules of onnxruntime.quantization (quant_utils.py, compute_scale_zp). */
import type { Range } from "./thresholds.js";

export type ActivationType = "int8" | "uint8";

/** What turns integers into values: (q − zeroPoint) · scale; the scale is float32. */
export interface Grid {
  scale: number;
  zeroPoint: number;
}

/** The integers that a range goes to; symmetric int8 leaves out −128. */
export function endsOf(type: ActivationType, symmetric: boolean): [number, number] {
  if (type === "uint8") return [0, 255];
  return [symmetric ? -127 : -128, 127];
}

/** The grid of a range, which is widened to hold zero. */
export function gridOf({ low, high }: Range, type: ActivationType, symmetric: boolean): Grid {
  const [least, most] = endsOf(type, symmetric);
  let [from, to] = [Math.min(low, 0), Math.max(high, 0)];
  if (symmetric) {
    to = Math.max(-from, to);
    from = -to;
  }
  const scale = (to - from) / (most - least);
  if (scale < smallestNormal) return { scale: 1, zeroPoint: 0 };
  const zeroPoint = symmetric ? roundHalfEven((least + most) / 2) : roundHalfEven(least - from / scale);
  return { scale: Math.fround(scale), zeroPoint };
}

/** float32's. */
const smallestNormal = 2 ** -126;

export function roundHalfEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down;
}
