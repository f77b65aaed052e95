/** float32 ⇄ float16 (IEEE 754 binary16) and bfloat16, as 16-bit patterns in a Uint16Array. */
import { binding } from "../binding.js";
import { PareError } from "../errors.js";
import { kindOf, requireFloats, requireOut, type Invocation, type KernelOptions } from "./kernel.js";

export interface ToHalfOptions extends KernelOptions {
  /** Where to write; as long as `x`. Default: a new array. */
  out?: Uint16Array;
}
export interface FromHalfOptions extends KernelOptions {
  /** Where to write; as long as `h`. Default: a new array. */
  out?: Float32Array;
}
type Format = "float16" | "bfloat16";

const to =
  (format: Format) =>
  (x: Float32Array, options?: ToHalfOptions): Invocation<Uint16Array> => {
    requireFloats(x, "x");
    const out = options?.out;
    requireOut(out, "Uint16Array", "Float16Array");
    return {
      options,
      native: (call) => binding.toHalf(format, x, out, call),
      result: (raw) => out ?? new Uint16Array(raw as ArrayBuffer),
    };
  };

const from =
  (format: Format) =>
  (h: Uint16Array, options?: FromHalfOptions): Invocation<Float32Array> => {
    const kind = kindOf(h);
    if (kind !== "Uint16Array" && kind !== "Float16Array")
      throw new PareError("PARE_TYPE", `h must be a Uint16Array of 16-bit patterns; got ${kind}.`);
    const out = options?.out;
    requireOut(out, "Float32Array");
    return {
      options,
      native: (call) => binding.fromHalf(format, h, out, call),
      result: (raw) => out ?? new Float32Array(raw as ArrayBuffer),
    };
  };

export const toFloat16 = to("float16");
export const fromFloat16 = from("float16");
export const toBfloat16 = to("bfloat16");
export const fromBfloat16 = from("bfloat16");
