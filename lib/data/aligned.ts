/** Elements of files, which may begin at any byte, as arrays of their type. */
import type { Tensor } from "onnxruntime-common";
import { typedArrayOf } from "../model/weight.js";

/** A copy at an aligned offset, as the array that a Tensor of this type takes. */
export function copyAligned(bytes: Uint8Array, type: Tensor.Type = "uint8"): Exclude<Tensor.DataType, string[]> {
  const { buffer } = new Uint8Array(bytes);
  // What onnxruntime-common takes for float16 depends on the JavaScript engine.
  const { Float16Array: halfs } = globalThis as { Float16Array?: new (buffer: ArrayBuffer) => Uint16Array };
  if (type === "float16" && halfs) return new halfs(buffer);
  return typedArrayOf(type, buffer) as Float32Array;
}
