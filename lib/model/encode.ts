/**
 * Encodes messages in pieces: small parts are encoded as usual, large byte fields are handed on as the views that they are.
 * Encoding a model of 1 GB in one piece would copy it several times over.
 */
import { toBinary, type DescMessage, type Message } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  AttributeProtoSchema,
  FunctionProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  SparseTensorProtoSchema,
  TensorProtoSchema,
  TrainingInfoProtoSchema,
  type ModelProto,
} from "./proto.js";

/** Byte fields from this size on are handed on as views. */
const largeBytes = 4096;

/** Messages in which a tensor may sit, at any depth. */
const containers: ReadonlySet<DescMessage> = new Set([
  ModelProtoSchema,
  GraphProtoSchema,
  NodeProtoSchema,
  AttributeProtoSchema,
  FunctionProtoSchema,
  TrainingInfoProtoSchema,
  SparseTensorProtoSchema,
  TensorProtoSchema,
]);

interface Field {
  name: string;
  number: number;
  /** The message type of the field's elements; undefined for bytes. */
  type: DescMessage | undefined;
}

/** The fields of each container that can be large. */
const fieldsOf = new Map<DescMessage, Field[]>(
  [...containers].map((schema) => [
    schema,
    schema.fields.flatMap(({ localName: name, number, message }): Field[] => {
      if (message) return containers.has(message) ? [{ name, number, type: message }] : [];
      return name === "rawData" ? [{ name, number, type: undefined }] : [];
    }),
  ]),
);

type Fields = Record<string, unknown>;

/** The encoded model as pieces, to be written one after the other, and their length together. */
export function encodeInPieces(model: ModelProto): { pieces: Uint8Array[]; byteLength: number } {
  const pieces = piecesOf(ModelProtoSchema, model) ?? [toBinary(ModelProtoSchema, model)];
  return { pieces, byteLength: lengthOf(pieces) };
}

const lengthOf = (pieces: readonly Uint8Array[]): number => pieces.reduce((sum, piece) => sum + piece.byteLength, 0);

/** The pieces of a message that holds something large; undefined for one that does not. */
function piecesOf(schema: DescMessage, message: Message): Uint8Array[] | undefined {
  const fields = message as unknown as Fields;
  const large: { field: Field; parts: Uint8Array[][] }[] = [];
  for (const field of fieldsOf.get(schema)!) {
    const value = Object.hasOwn(fields, field.name) ? fields[field.name] : undefined;
    if (value === undefined) continue;
    if (!field.type) {
      const bytes = value as Uint8Array;
      if (bytes.byteLength >= largeBytes) large.push({ field, parts: [[bytes]] });
      continue;
    }
    const type = field.type;
    const elements = (Array.isArray(value) ? value : [value]) as Message[];
    const parts = elements.map((element) => piecesOf(type, element));
    // The elements of a field keep their order, so all of them go one by one as soon as one is large.
    if (parts.some((part) => part !== undefined))
      large.push({ field, parts: parts.map((part, i) => part ?? [toBinary(type, elements[i]!)]) });
  }
  if (large.length === 0) return undefined;
  const rest = Object.assign(Object.create(Object.getPrototypeOf(message) as object) as Fields, fields);
  for (const { field } of large) {
    if (Array.isArray(rest[field.name])) rest[field.name] = [];
    else Reflect.deleteProperty(rest, field.name);
  }
  const pieces: Uint8Array[] = [toBinary(schema, rest as unknown as Message)];
  for (const { field, parts } of large)
    for (const part of parts) {
      const head = new BinaryWriter().tag(field.number, WireType.LengthDelimited).uint32(lengthOf(part)).finish();
      pieces.push(head, ...part);
    }
  return pieces;
}
