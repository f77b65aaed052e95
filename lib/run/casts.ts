/** Tensors in another element type: what one model gives, in the type that another takes. */
import { Tensor } from "onnxruntime-common";
import { PareError } from "../errors.js";
import { kernels } from "../kernels/index.js";

const bigTypes: readonly string[] = ["int64", "uint64"];

/** The same values as `type`. Throws PARE_TYPE where that makes no sense (text as numbers). */
export function castTo(tensor: Tensor, type: Tensor.Type, where: string): Tensor {
  if (tensor.type === type) return tensor;
  const { dims } = tensor;
  const isFloat = (one: string): boolean => one.startsWith("float");
  if (type === "float16" && isFloat(tensor.type))
    return new Tensor("float16", kernels.toFloat16(floatsOf(tensor)), dims);
  if (type === "float32" && tensor.type !== "string") return new Tensor("float32", floatsOf(tensor), dims);
  const isInteger = (one: string): boolean => /^u?int/.test(one);
  if (bigTypes.includes(type) && isInteger(tensor.type)) {
    const values = tensor.data as Int32Array;
    const data = type === "int64" ? BigInt64Array.from(values, BigInt) : BigUint64Array.from(values, BigInt);
    return new Tensor(type as "int64", data as BigInt64Array, dims);
  }
  if (type === "int32" && isInteger(tensor.type))
    return new Tensor("int32", Int32Array.from(tensor.data as BigInt64Array, Number), dims);
  throw new PareError("PARE_TYPE", `${where} takes ${type}; got ${tensor.type}.`);
}

/** The values as float32: exact for float16, nearest for wider types. */
export function floatsOf({ type, data }: Tensor): Float32Array {
  if (type === "float32") return data as Float32Array;
  if (type === "float16") return kernels.fromFloat16(data as Uint16Array);
  return bigTypes.includes(type)
    ? Float32Array.from(data as BigInt64Array, Number)
    : Float32Array.from(data as Float64Array);
}
