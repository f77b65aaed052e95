/**
 * safetensors in and out: a header's length (8 bytes), the header (JSON: name → dtype, shape, offsets), the tensors' bytes.
 * In pare such a file is a model that has weights and no nodes. https://github.com/huggingface/safetensors#format
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { isUtf8 } from "node:buffer";
import { PareError } from "../errors.js";
import { formatCount } from "../report/format.js";
import type { ByteSource } from "./byte-source.js";
import { bitsOf, byteLengthOf, type DataType } from "./dtype.js";
import type { Model } from "./model.js";
import { ModelProtoSchema, type ModelProto, type StringStringEntryProtoSchema, type TensorProto } from "./proto.js";
import { tensorOf, Weight } from "./weight.js";

const dtypes: Record<string, DataType> = {
  BOOL: "bool",
  U8: "uint8",
  I8: "int8",
  F8_E5M2: "float8e5m2",
  F8_E4M3: "float8e4m3fn",
  F8_E8M0: "float8e8m0",
  I16: "int16",
  U16: "uint16",
  F16: "float16",
  BF16: "bfloat16",
  I32: "int32",
  U32: "uint32",
  F32: "float32",
  C64: "complex64",
  F64: "float64",
  I64: "int64",
  U64: "uint64",
};
const names = new Map(Object.entries(dtypes).map(([name, dtype]) => [dtype, name]));

/** The reference implementation's limit. */
const largestHeader = 100_000_000;
const metadataKey = "__metadata__";

const damaged = (what: string): PareError =>
  new PareError("PARE_FILE", `this is no safetensors file, or a damaged one: ${what}`);

interface Entry {
  name: string;
  dtype: DataType;
  dims: number[];
  begin: number;
  end: number;
}

/**
 * The file as a model whose initializers are its tensors, in the order of their bytes, which are views.
 * @throws PareError PARE_FILE for a header that does not describe exactly these bytes, PARE_UNSUPPORTED for other dtypes.
 */
export function parseSafetensors(file: ByteSource): ModelProto {
  if (file.byteLength < 8) throw damaged(`it has ${file.byteLength} bytes; the header's length alone takes 8.`);
  const first = file.view(0, 8);
  const headerLength = Number(new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true));
  if (headerLength > largestHeader)
    throw damaged(
      `its header would have ${formatCount(headerLength)} bytes; ${formatCount(largestHeader)} are allowed.`,
    );
  const start = 8 + headerLength;
  if (start > file.byteLength)
    throw damaged(
      `its header should have ${formatCount(headerLength)} bytes; the file ends before. It may be truncated.`,
    );
  const header = parseHeader(file.view(8, headerLength));
  const entries = Object.entries(header)
    .filter(([name]) => name !== metadataKey)
    .map(([name, value]) => parseEntry(name, value))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  let position = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== position)
      throw damaged(
        `tensor "${name}" begins at byte ${formatCount(begin)} of the data, where the tensor before it ` +
          `${begin < position ? "still lies" : "has ended already"} (at ${formatCount(position)}).`,
      );
    position = end;
  }
  const held = file.byteLength - start;
  if (position !== held)
    throw damaged(
      `its tensors need ${formatCount(position)} bytes; the file holds ${formatCount(held)}.` +
        (held < position ? " It may be truncated." : ""),
    );
  const initializer = entries.map(({ name, dtype, dims, begin, end }): TensorProto =>
    tensorOf(name, new Weight(dtype, dims, file.view(start + begin, end - begin))),
  );
  return create(ModelProtoSchema, {
    irVersion: 8n,
    producerName: "pare",
    opsetImport: [{ domain: "", version: 17n }],
    graph: { name: "safetensors", initializer },
    metadataProps: parseMetadata(header[metadataKey]),
  });
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  if (!isUtf8(bytes)) throw damaged("its header is not UTF-8 text.");
  try {
    const header: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (isRecord(header)) return header;
  } catch (error) {
    throw damaged(`its header is not JSON (${(error as Error).message}).`);
  }
  throw damaged("its header is no JSON object.");
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function parseEntry(name: string, value: unknown): Entry {
  const { dtype, shape, data_offsets: offsets } = isRecord(value) ? value : {};
  if (typeof dtype !== "string") throw damaged(`tensor "${name}" has no dtype.`);
  const known = dtypes[dtype];
  if (known === undefined)
    throw new PareError(
      "PARE_UNSUPPORTED",
      `tensor "${name}" has dtype ${dtype}; pare knows ${Object.keys(dtypes).join(", ")}.`,
    );
  if (!Array.isArray(shape) || !shape.every(isCount))
    throw damaged(`the shape of tensor "${name}" must be whole numbers; it is ${JSON.stringify(shape)}.`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount) || offsets[0]! > offsets[1]!)
    throw damaged(
      `data_offsets of tensor "${name}" must be where it begins and ends; they are ${JSON.stringify(offsets)}.`,
    );
  const [begin, end] = offsets as [number, number];
  const needed = byteLengthOf(known, shape, `tensor "${name}"`);
  if (end - begin !== needed)
    throw damaged(
      `tensor "${name}" of [${shape.join(", ")}] ${dtype} needs ${formatCount(needed)} bytes; its offsets leave ${formatCount(end - begin)}.`,
    );
  return { name, dtype: known, dims: shape, begin, end };
}

function parseMetadata(value: unknown): MessageInitShape<typeof StringStringEntryProtoSchema>[] {
  if (value === undefined) return [];
  if (!isRecord(value) || !Object.values(value).every((text) => typeof text === "string"))
    throw damaged(`its ${metadataKey} must have text for every key.`);
  return Object.entries(value as Record<string, string>).map(([key, text]) => ({ key, value: text }));
}

/**
 * All weights of a model, those in graphs inside nodes too, and its metadata, as pieces of a safetensors file.
 * @throws PareError PARE_UNSUPPORTED for types that the format does not have, or two weights of one name.
 */
export function encodeSafetensors(model: Model): Uint8Array[] {
  const weights = new Map<string, Weight>();
  for (const graph of model.graph.walk())
    for (const [name, weight] of graph.weights()) {
      if (weights.has(name) || name === metadataKey)
        throw new PareError(
          "PARE_UNSUPPORTED",
          `two weights are named "${name}"; a safetensors file keeps one under a name.`,
        );
      weights.set(name, weight);
    }
  let entries = [...weights].map(([name, weight]) => ({ name, weight, dtype: dtypeName(name, weight) }));
  const sizeOf = ({ dtype }: Weight): number => bitsOf(dtype) / 8;
  // Readers may view tensors where they lie: each must begin at a multiple of its element's size, the larger ones first.
  let end = 0;
  const isAligned = entries.every(({ weight }) => {
    const begin = end;
    end += weight.bytes.byteLength;
    return begin % sizeOf(weight) === 0;
  });
  if (!isAligned) entries = entries.sort((a, b) => sizeOf(b.weight) - sizeOf(a.weight));
  const metadata = model.proto.metadataProps.map(({ key, value }) => [key, value] as const);
  const header: [string, unknown][] = metadata.length > 0 ? [[metadataKey, Object.fromEntries(metadata)]] : [];
  let offset = 0;
  for (const { name, weight, dtype } of entries) {
    const next = offset + weight.bytes.byteLength;
    header.push([name, { dtype, shape: weight.dims, data_offsets: [offset, next] }]);
    offset = next;
  }
  // Object.fromEntries would order names that look like numbers first, and lose "__proto__".
  const json = `{${header.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",")}}`;
  const text = new TextEncoder().encode(json);
  const padded = new Uint8Array(Math.ceil(text.byteLength / 8) * 8).fill(0x20);
  padded.set(text);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(padded.byteLength), true);
  return [length, padded, ...entries.map(({ weight }) => weight.bytes)];
}

function dtypeName(name: string, { dtype }: Weight): string {
  const known = names.get(dtype);
  if (known === undefined)
    throw new PareError(
      "PARE_UNSUPPORTED",
      `weight "${name}": safetensors files have no ${dtype}; save the model as .onnx.`,
    );
  return known;
}
