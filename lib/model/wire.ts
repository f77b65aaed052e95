/**
 * A look at a message's wire format before it is decoded: that every part lies inside the part around it and has the wire
 * type of its field, that text is UTF-8, and that the decoded numbers will fit the JavaScript heap. The decoder itself
 * checks less and would turn a damaged file into a wrong model, or into more objects than there is memory.
 */
import { isUtf8 } from "node:buffer";
import { getHeapStatistics } from "node:v8";
import { ScalarType, type DescField, type DescMessage } from "@bufbuild/protobuf";

/** Why bytes are no such message. */
export interface WireFault {
  kind: "truncated" | "damaged" | "text" | "too much";
  /** Field names down to the place, such as graph.initializer[3].raw_data. */
  path: string;
  offset: number;
  /** Bytes that the part announces and that are left; for "too much", bytes of heap needed and to be had. */
  wanted?: number;
  left?: number;
}

class Fault extends Error {
  readonly fault: WireFault;
  constructor(fault: WireFault) {
    super(fault.kind);
    this.fault = fault;
  }
}

/** Messages deeper than this are refused, as by the decoder. */
const maximumDepth = 100;

/** Bytes of heap that decoded things take, with room for arrays that grow: generous estimates. */
const cost = { message: 500, view: 200, unknown: 300, text: 32, number: 24, bigint: 56 };

/** How a field is written: its wire type, and what follows the length where there is one. */
interface Field {
  name: string;
  wireType: number;
  isList: boolean;
  content: "bytes" | "text" | "number" | "bigint" | DescMessage;
}

const compiled = new WeakMap<DescMessage, Map<number, Field>>();

function fieldsOf(desc: DescMessage): Map<number, Field> {
  let fields = compiled.get(desc);
  if (!fields) compiled.set(desc, (fields = new Map(desc.fields.map((field) => [field.number, describe(field)]))));
  return fields;
}

function describe(field: DescField): Field {
  const { name } = field;
  const isList = field.fieldKind === "list";
  if (field.message) return { name, isList, wireType: 2, content: field.message };
  switch (field.scalar) {
    case ScalarType.BYTES:
      return { name, isList, wireType: 2, content: "bytes" };
    case ScalarType.STRING:
      return { name, isList, wireType: 2, content: "text" };
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return { name, isList, wireType: 5, content: "number" };
    case ScalarType.DOUBLE:
      return { name, isList, wireType: 1, content: "number" };
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return { name, isList, wireType: 1, content: "bigint" };
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
      return { name, isList, wireType: 0, content: "bigint" };
    default:
      return { name, isList, wireType: 0, content: "number" };
  }
}

/** What is wrong with `bytes` as a message of this type; undefined where nothing is. */
export function wireFault(desc: DescMessage, bytes: Uint8Array): WireFault | undefined {
  try {
    new Scan(bytes).message(desc, bytes.byteLength, 1);
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return error.fault;
    throw error;
  }
}

class Scan {
  readonly #bytes: Uint8Array;
  readonly #path: string[] = [];
  readonly #budget: number;
  #position = 0;
  #cost = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    const { heap_size_limit: limit, used_heap_size: used } = getHeapStatistics();
    // What the decoder makes must leave room for the work on it.
    this.#budget = Math.max(0, limit - used) * 0.6;
  }

  message(desc: DescMessage, end: number, depth: number): void {
    if (depth > maximumDepth) this.#fail("damaged");
    this.#spend(cost.message);
    const fields = fieldsOf(desc);
    let last: Field | undefined;
    let index = 0;
    while (this.#position < end) {
      const tag = this.#varint(end);
      const wireType = tag & 7;
      const field = fields.get(Math.floor(tag / 8));
      if (tag < 8 || tag > 0xffffffff) this.#fail("damaged");
      if (!field) {
        this.#spend(cost.unknown);
        this.#skip(wireType, end);
        continue;
      }
      index = field === last ? index + 1 : 0;
      last = field;
      this.#path.push(field.isList ? `${field.name}[${index}]` : field.name);
      this.#field(field, wireType, end, depth);
      this.#path.pop();
    }
  }

  #field(field: Field, wireType: number, end: number, depth: number): void {
    const { content } = field;
    if (wireType !== field.wireType) {
      // Numbers of a list may stand packed in one run.
      if (wireType !== 2 || !field.isList || typeof content !== "string") this.#fail("damaged");
      this.#packed(field, this.#length(end));
    } else if (wireType !== 2) {
      this.#spend(content === "bigint" ? cost.bigint : field.isList ? cost.number : 0);
      this.#skip(wireType, end);
    } else {
      const length = this.#length(end);
      const start = this.#position;
      if (typeof content !== "string") {
        this.message(content, start + length, depth + 1);
      } else if (content === "text") {
        this.#spend(cost.text + 2 * length);
        if (!isUtf8(this.#bytes.subarray(start, start + length))) this.#fail("text");
        this.#position = start + length;
      } else {
        this.#spend(cost.view);
        this.#position = start + length;
      }
    }
  }

  #packed({ wireType, content }: Field, length: number): void {
    const size = wireType === 5 ? 4 : wireType === 1 ? 8 : 1;
    this.#spend((length / size) * (content === "bigint" ? cost.bigint : cost.number));
    const end = this.#position + length;
    if (length % size !== 0) this.#fail("damaged");
    // The last byte of the last varint says that no other follows.
    if (wireType === 0 && length > 0 && this.#bytes[end - 1]! >= 0x80) this.#fail("damaged");
    this.#position = end;
  }

  #skip(wireType: number, end: number): void {
    if (wireType === 0) this.#varint(end);
    else if (wireType === 1) this.#advance(8, end);
    else if (wireType === 5) this.#advance(4, end);
    else if (wireType === 2) {
      const length = this.#length(end);
      this.#position += length;
    }
    // Groups were given up before ONNX began.
    else this.#fail("damaged");
  }

  /** The length of what follows, which must fit. */
  #length(end: number): number {
    const length = this.#varint(end);
    if (length > end - this.#position) this.#overrun(length, end);
    return length;
  }

  #advance(count: number, end: number): void {
    if (count > end - this.#position) this.#overrun(count, end);
    this.#position += count;
  }

  #varint(end: number): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 10; i++) {
      if (this.#position >= end) this.#overrun(1, end);
      const byte = this.#bytes[this.#position++]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    return this.#fail("damaged");
  }

  #spend(bytes: number): void {
    this.#cost += bytes;
    if (this.#cost > this.#budget) this.#fail("too much", this.#cost, this.#budget);
  }

  #overrun(wanted: number, end: number): never {
    // Only what passes the end of the file itself speaks of a file cut short.
    const kind = this.#position + wanted > this.#bytes.byteLength ? "truncated" : "damaged";
    return this.#fail(kind, wanted, end - this.#position);
  }

  #fail(kind: WireFault["kind"], wanted?: number, left?: number): never {
    throw new Fault({
      kind,
      path: this.#path.join("."),
      offset: this.#position,
      ...(wanted === undefined ? {} : { wanted }),
      ...(left === undefined ? {} : { left }),
    });
  }
}
