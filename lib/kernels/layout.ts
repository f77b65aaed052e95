/** How a tensor's elements share scales, from a shape, an axis and a block size. */
import type { QuantizationLayout } from "../binding-types.js";
import { PareError } from "../errors.js";

/** Which elements share a scale: all of them by default. */
export interface LayoutOptions {
  /** The tensor's dimensions; needed with `axis` or `blockSize`. */
  shape?: readonly number[];
  /** One scale for each index of this axis; negative counts from the end. With `blockSize`, the axis cut into blocks. */
  axis?: number;
  /** Elements along `axis` (default: the last one) that share a scale; 0 or absent: no blocks. */
  blockSize?: number;
}

/** Where an axis stands in a shape, negative ones counted from the end. */
export function resolveAxis(axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || resolved < 0 || resolved >= rank)
    throw new PareError(
      "PARE_OPTION",
      `axis must be an integer from ${-rank} to ${rank - 1} for a tensor of ${rank} dimensions; got ${axis}.`,
    );
  return resolved;
}

const product = (dims: readonly number[]): number => dims.reduce((all, dim) => all * dim, 1);

/** The layout of `count` elements; refuses a shape of another count. */
export function layoutOf(count: number, { shape, axis, blockSize = 0 }: LayoutOptions): QuantizationLayout {
  if (!Number.isInteger(blockSize) || blockSize < 0)
    throw new PareError("PARE_OPTION", `blockSize must be a positive integer, or 0 for no blocks; got ${blockSize}.`);
  if (shape === undefined) {
    if (axis !== undefined || blockSize > 0)
      throw new PareError("PARE_OPTION", `${axis === undefined ? "blockSize" : "axis"} needs the tensor's shape.`);
    return { outer: 1, axis: 1, inner: count, blockSize: 0 };
  }
  if (!shape.every((dim) => Number.isInteger(dim) && dim >= 0) || product(shape) !== count)
    throw new PareError(
      "PARE_SHAPE",
      `shape [${shape.join(", ")}] has ${product(shape)} elements; the data has ${count}.`,
    );
  if (axis === undefined && blockSize === 0) return { outer: 1, axis: 1, inner: count, blockSize: 0 };
  const at = resolveAxis(axis ?? -1, shape.length);
  return { outer: product(shape.slice(0, at)), axis: shape[at]!, inner: product(shape.slice(at + 1)), blockSize };
}

/** How many scales a layout has. */
export function scaleCountOf({ outer, axis, inner, blockSize }: QuantizationLayout): number {
  return blockSize > 0 ? outer * Math.ceil(axis / blockSize) * inner : axis;
}
