/** Values of a graph: name, element type, shape, as ValueInfoProto says them. */
import { create } from "@bufbuild/protobuf";
import { codeOf, dataTypeOf, type DataType } from "./dtype.js";
import { ValueInfoProtoSchema, type ValueInfoProto } from "./proto.js";

/** A dimension: a number, a symbol, or undefined where nothing is known. */
export type Dim = number | string | undefined;

/** What is known of a value; no `dtype` for what is no tensor, no `dims` where not even the rank is known. */
export interface Value {
  name: string;
  dtype?: DataType;
  dims?: Dim[];
}

export function valueOf({ name, type }: ValueInfoProto): Value {
  const value: Value = { name };
  if (type?.value.case !== "tensorType") return value;
  const { elemType, shape } = type.value.value;
  const dtype = dataTypeOf(elemType);
  if (dtype !== undefined) value.dtype = dtype;
  if (shape)
    value.dims = shape.dim.map(({ value: dim }) => {
      if (dim.case === "dimValue") return dim.value >= 0n ? Number(dim.value) : undefined;
      return dim.case === "dimParam" && dim.value !== "" ? dim.value : undefined;
    });
  return value;
}

export function valueInfo(name: string, dtype: DataType, dims?: readonly Dim[]): ValueInfoProto {
  const dim = (dims ?? []).map((one) => {
    if (typeof one === "number") return { value: { case: "dimValue" as const, value: BigInt(one) } };
    if (typeof one === "string") return { value: { case: "dimParam" as const, value: one } };
    return {};
  });
  return create(ValueInfoProtoSchema, {
    name,
    type: {
      value: { case: "tensorType", value: { elemType: codeOf(dtype), ...(dims ? { shape: { dim } } : {}) } },
    },
  });
}
