/** Weights: constant tensors as bytes, of any ONNX type and at any alignment; and their messages. */
import { create } from "@bufbuild/protobuf";
import { Tensor } from "onnxruntime-common";
import { binding } from "../binding.js";
import type { TypedArray } from "../binding-types.js";
import { PareError } from "../errors.js";
import { formatCount } from "../report/format.js";
import { bitsOf, byteLengthOf, codeOf, dataTypeOf, elementCountOf, type DataType } from "./dtype.js";
import { TensorProtoSchema, type TensorProto } from "./proto.js";

type TypedArrayClass = new (buffer: ArrayBuffer) => TypedArray;

/** What an element looks like from JavaScript, where there is something fitting; packed types are read as bytes. */
const views: Partial<Record<DataType, TypedArrayClass>> = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
};

/** An ArrayBuffer of elements of this type as an array of them; of bytes where nothing fits. */
export function typedArrayOf(dtype: DataType, buffer: ArrayBuffer): TypedArray {
  return new (views[dtype] ?? Uint8Array)(buffer);
}

/** A constant tensor: little-endian bytes in ONNX's raw layout, usually a view of a mapped file. Immutable by convention. */
export class Weight {
  readonly dtype: DataType;
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;

  /** @throws PareError PARE_SHAPE where the bytes do not fit type and shape. */
  constructor(dtype: DataType, dims: readonly number[], bytes: Uint8Array) {
    const needed = byteLengthOf(dtype, dims, "weight");
    if (bytes.byteLength !== needed)
      throw new PareError(
        "PARE_SHAPE",
        `a weight of [${dims.join(", ")}] ${dtype} needs ${needed} bytes; got ${bytes.byteLength}.`,
      );
    this.dtype = dtype;
    this.dims = dims;
    // A Buffer's slice() would not copy.
    this.bytes = Buffer.isBuffer(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : bytes;
  }

  /**
   * A weight from values: a typed array of the type's elements, whose memory is borrowed, or plain numbers, which are
   * converted (int64 and uint64 too).
   */
  static of(dtype: DataType, dims: readonly number[], values: TypedArray | readonly number[]): Weight {
    if (ArrayBuffer.isView(values))
      return new Weight(
        dtype,
        dims,
        new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength),
      );
    if (dtype === "float16" || dtype === "bfloat16")
      return new Weight(dtype, dims, new Uint8Array(binding.toHalf(dtype, Float32Array.from(values)) as ArrayBuffer));
    const view = views[dtype];
    if (!view)
      throw new PareError("PARE_UNSUPPORTED", `a weight of ${dtype} cannot be made from numbers; give its bytes.`);
    const data = new view(new ArrayBuffer((values.length * bitsOf(dtype)) / 8));
    for (const [i, value] of values.entries())
      data[i] = bitsOf(dtype) === 64 && dtype !== "float64" ? BigInt(value) : value;
    return Weight.of(dtype, dims, data);
  }

  get elementCount(): number {
    return elementCountOf(this.dims, "weight");
  }

  /** The elements as a typed array: of the bytes themselves where their offset allows, else of a copy. */
  toTypedArray(): TypedArray {
    const view = views[this.dtype] ?? Uint8Array;
    const { buffer, byteOffset, byteLength } = this.bytes;
    const size = Math.max(1, bitsOf(this.dtype) / 8);
    if (views[this.dtype] === undefined || byteOffset % size !== 0) return new view(new Uint8Array(this.bytes).buffer);
    return new (view as new (buffer: ArrayBufferLike, offset: number, length: number) => TypedArray)(
      buffer,
      byteOffset,
      byteLength / size,
    );
  }

  /** The values as float32, a copy; PARE_UNSUPPORTED for types that hold no ordinary numbers. */
  toFloats(): Float32Array {
    const { dtype } = this;
    if (dtype === "float16" || dtype === "bfloat16")
      return new Float32Array(binding.fromHalf(dtype, this.bytes) as ArrayBuffer);
    if (dtype === "int64" || dtype === "uint64")
      return Float32Array.from(this.toTypedArray() as BigInt64Array | BigUint64Array, Number);
    if (dtype === "float32") return new Float32Array(new Uint8Array(this.bytes).buffer);
    if (views[dtype])
      return new Float32Array(this.toTypedArray() as Exclude<TypedArray, BigInt64Array | BigUint64Array>);
    throw new PareError("PARE_UNSUPPORTED", `values of ${dtype} cannot be read as float32.`);
  }

  /** A copy as onnxruntime-common's Tensor; PARE_UNSUPPORTED for types that it does not take (bfloat16, float8, …). */
  toTensor(): Tensor {
    const { dtype } = this;
    if (views[dtype] === undefined || dtype === "bfloat16")
      throw new PareError(
        "PARE_UNSUPPORTED",
        `onnxruntime-common's Tensor does not take ${dtype}; use the weight's bytes.`,
      );
    const data = new views[dtype](new Uint8Array(this.bytes).buffer);
    return new Tensor(dtype as "float32", data as Float32Array, this.dims);
  }
}

/** Shape of a message as numbers; PARE_MODEL for what no shape can be. */
export function dimsOf(proto: TensorProto, where: string): number[] {
  const dims = proto.dims.map(Number);
  elementCountOf(dims, where);
  return dims;
}

/** Where a message keeps values that are not in raw_data, and how they become bytes (onnx.proto, TensorProto). */
function typedValues(proto: TensorProto, dtype: DataType): Uint8Array {
  const bytesOf = (data: TypedArray): Uint8Array =>
    new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  switch (dtype) {
    case "float32":
    case "complex64":
      return bytesOf(Float32Array.from(proto.floatData));
    case "float64":
    case "complex128":
      return bytesOf(Float64Array.from(proto.doubleData));
    case "int64":
      return bytesOf(BigInt64Array.from(proto.int64Data));
    case "uint64":
      return bytesOf(BigUint64Array.from(proto.uint64Data));
    case "uint32":
      return bytesOf(Uint32Array.from(proto.uint64Data, Number));
    case "int32":
      return bytesOf(Int32Array.from(proto.int32Data));
    default:
      return bitsOf(dtype) === 16
        ? bytesOf(Uint16Array.from(proto.int32Data))
        : bytesOf(Uint8Array.from(proto.int32Data));
  }
}

/** Bytes that a message's typed values come to; those of types under eight bits are packed as they are in raw_data. */
export function typedByteLength(proto: TensorProto, dtype: DataType): number {
  switch (dtype) {
    case "float32":
    case "complex64":
      return proto.floatData.length * 4;
    case "float64":
    case "complex128":
      return proto.doubleData.length * 8;
    case "int64":
      return proto.int64Data.length * 8;
    case "uint32":
    case "uint64":
      return (proto.uint64Data.length * bitsOf(dtype)) / 8;
    default:
      return proto.int32Data.length * Math.max(1, bitsOf(dtype) / 8);
  }
}

/** The complaint about a code that names no element type. */
export function unknownType(code: number, where: string): PareError {
  return new PareError("PARE_MODEL", `${where}: ${code} is no data type of ONNX (1 is float32, 7 is int64, …).`);
}

/** @throws PareError PARE_FILE where a tensor holds other than the bytes that its shape needs. */
export function requireBytes(dtype: DataType, dims: readonly number[], held: number, where: string): void {
  const needed = byteLengthOf(dtype, dims, where);
  if (held === needed) return;
  const hint = held < needed ? " It may be truncated." : "";
  throw new PareError(
    "PARE_FILE",
    `${where}: [${dims.join(", ")}] ${dtype} needs ${formatCount(needed)} bytes; the file holds ${formatCount(held)}.${hint}`,
  );
}

/**
 * The weight that a message holds; undefined for strings. External data must have been brought in (external-data.ts).
 * @throws PareError PARE_MODEL for an unknown type, PARE_FILE for bytes that do not fit the shape.
 */
export function weightOf(proto: TensorProto, where: string): Weight | undefined {
  const dtype = dataTypeOf(proto.dataType);
  if (dtype === undefined) throw unknownType(proto.dataType, where);
  const dims = dimsOf(proto, where);
  if (dtype === "string") return undefined;
  // An empty raw_data beside typed values is what some exporters write.
  const isRaw = proto.rawData.byteLength > 0;
  requireBytes(dtype, dims, isRaw ? proto.rawData.byteLength : typedByteLength(proto, dtype), where);
  return new Weight(dtype, dims, isRaw ? proto.rawData : typedValues(proto, dtype));
}

/** A message for a weight, borrowing its bytes. */
export function tensorOf(name: string, weight: Weight): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dataType: codeOf(weight.dtype),
    dims: weight.dims.map(BigInt),
    rawData: weight.bytes as Uint8Array<ArrayBuffer>,
  });
}
