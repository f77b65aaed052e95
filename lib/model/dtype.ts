/** ONNX's element types: names, codes of TensorProto.DataType, sizes. */
import { PareError } from "../errors.js";

/** Code in TensorProto.data_type and bits an element takes; strings have no fixed size. */
const types = {
  float32: { code: 1, bits: 32 },
  uint8: { code: 2, bits: 8 },
  int8: { code: 3, bits: 8 },
  uint16: { code: 4, bits: 16 },
  int16: { code: 5, bits: 16 },
  int32: { code: 6, bits: 32 },
  int64: { code: 7, bits: 64 },
  string: { code: 8, bits: 0 },
  bool: { code: 9, bits: 8 },
  float16: { code: 10, bits: 16 },
  float64: { code: 11, bits: 64 },
  uint32: { code: 12, bits: 32 },
  uint64: { code: 13, bits: 64 },
  complex64: { code: 14, bits: 64 },
  complex128: { code: 15, bits: 128 },
  bfloat16: { code: 16, bits: 16 },
  float8e4m3fn: { code: 17, bits: 8 },
  float8e4m3fnuz: { code: 18, bits: 8 },
  float8e5m2: { code: 19, bits: 8 },
  float8e5m2fnuz: { code: 20, bits: 8 },
  uint4: { code: 21, bits: 4 },
  int4: { code: 22, bits: 4 },
  float4e2m1: { code: 23, bits: 4 },
  float8e8m0: { code: 24, bits: 8 },
  uint2: { code: 25, bits: 2 },
  int2: { code: 26, bits: 2 },
} as const;

/** An ONNX element type by its common name. */
export type DataType = keyof typeof types;

const byCode = new Map<number, DataType>(Object.entries(types).map(([name, { code }]) => [code, name as DataType]));

/** The type with this code of TensorProto.DataType; undefined for a code that ONNX does not have. */
export function dataTypeOf(code: number): DataType | undefined {
  return byCode.get(code);
}

/** The code of TensorProto.DataType. */
export function codeOf(dtype: DataType): number {
  return types[dtype].code;
}

/** Bits that an element takes; 0 for strings. Types under eight bits are packed, the first element in the lowest bits. */
export function bitsOf(dtype: DataType): number {
  return types[dtype].bits;
}

/**
 * The number of elements of a shape.
 * @param where what has this shape, for the message of the PARE_MODEL error that negative or absurd dimensions give.
 */
export function elementCountOf(dims: readonly number[], where: string): number {
  let count = 1;
  for (const dim of dims) {
    if (!Number.isSafeInteger(dim) || dim < 0)
      throw new PareError(
        "PARE_MODEL",
        `${where}: a dimension must be a non-negative integer; got [${dims.join(", ")}].`,
      );
    count *= dim;
  }
  // A zero anywhere makes the product zero, however large the rest is.
  if (!Number.isSafeInteger(count))
    throw new PareError("PARE_MODEL", `${where}: [${dims.join(", ")}] has more elements than any machine can hold.`);
  return count;
}

/** Bytes that a tensor of this type and shape takes in ONNX's raw layout; PARE_MODEL for absurd dimensions, as above. */
export function byteLengthOf(dtype: DataType, dims: readonly number[], where: string): number {
  return Math.ceil((elementCountOf(dims, where) * types[dtype].bits) / 8);
}
