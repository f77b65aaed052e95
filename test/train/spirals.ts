/** A small task with labels: points of three spirals. */
import { Tensor, type Batch } from "../../lib/index.js";

/** 2 coordinates, 3 classes. */
export function spirals(count: number): Batch & { y: Int32Array } {
  const x = new Float32Array(2 * count);
  const y = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const radius = (i / count) * 2 + 0.1;
    const angle = radius * 2 + ((i % 3) * 2 * Math.PI) / 3 + 0.1 * Math.sin(i * 12.9);
    x.set([radius * Math.cos(angle), radius * Math.sin(angle)], 2 * i);
    y[i] = i % 3;
  }
  return { x: new Tensor("float32", x, [count, 2]), y };
}
