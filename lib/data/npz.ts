/** NumPy's .npz files, which are zip archives of .npy files, as tensors by name (zip: pkware's APPNOTE). */
import { inflateRawSync } from "node:zlib";
import type { Tensor } from "onnxruntime-common";
import { PareError } from "../errors.js";
import { readBytes } from "./file.js";
import { decodeNpy } from "./npy.js";

const endSize = 22;
const end64Size = 56;
const entrySize = 46;
const localSize = 30;
/** A comment of at most this many bytes may follow the end record. */
const longestComment = 0xffff;
/** What a 32-bit field says where the number stands in an extra field. */
const elsewhere = 0xffffffff;

interface Entry {
  name: string;
  method: number;
  packed: number;
  unpacked: number;
  /** Where its local header begins. */
  offset: number;
}

/** All arrays of an archive, by name without ".npy", in the archive's order. Throws PARE_FILE where it is damaged. */
export async function readNpz(path: string): Promise<Record<string, Tensor>> {
  return decodeNpz(await readBytes(path), path);
}

/** The arrays in a .npz file's bytes; `where` names it in errors. */
export function decodeNpz(bytes: Uint8Array, where: string): Record<string, Tensor> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fault = (what: string): PareError => new PareError("PARE_FILE", `${where}: ${what}`);
  try {
    const arrays = entriesOf(file, fault).filter(({ name }) => name.endsWith(".npy"));
    return Object.fromEntries(
      arrays.map((entry) => [
        entry.name.slice(0, -4),
        decodeNpy(contentOf(file, entry, fault), `${where}, array "${entry.name}"`),
      ]),
    );
  } catch (error) {
    // Reading past the end of a Buffer: some length or offset in the file is wrong.
    if (/^ERR_(BUFFER_)?OUT_OF/.test((error as NodeJS.ErrnoException).code ?? ""))
      throw fault("the archive is damaged or cut short.");
    throw error;
  }
}

function entriesOf(file: Buffer, fault: (what: string) => PareError): Entry[] {
  const end = file.lastIndexOf("PK\u0005\u0006", Math.max(0, file.length - endSize), "latin1");
  if (end < 0 || end < file.length - endSize - longestComment)
    throw fault("this is not a .npz file: it has no zip directory. It may be cut short.");
  let count = file.readUInt16LE(end + 10);
  let at = file.readUInt32LE(end + 16);
  const end64 = end - 20 - end64Size;
  if (end64 >= 0 && file.toString("latin1", end64, end64 + 4) === "PK\u0006\u0006") {
    count = Number(file.readBigUInt64LE(end64 + 32));
    at = Number(file.readBigUInt64LE(end64 + 48));
  }
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) {
    if (file.toString("latin1", at, at + 4) !== "PK\u0001\u0002") throw fault("the zip directory is damaged.");
    const nameLength = file.readUInt16LE(at + 28);
    const extraLength = file.readUInt16LE(at + 30);
    const extra = at + entrySize + nameLength;
    const entry = {
      name: file.toString("utf8", at + entrySize, extra),
      method: file.readUInt16LE(at + 10),
      packed: file.readUInt32LE(at + 20),
      unpacked: file.readUInt32LE(at + 24),
      offset: file.readUInt32LE(at + 42),
    };
    readExtra(file.subarray(extra, extra + extraLength), entry);
    entries.push(entry);
    at = extra + extraLength + file.readUInt16LE(at + 32);
  }
  return entries;
}

/** Sizes of 64 bits, which stand in an extra field in this order where the directory has no place for them. */
function readExtra(extra: Buffer, entry: Entry): void {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    let from = at + 4;
    for (const key of ["unpacked", "packed", "offset"] as const)
      if (entry[key] === elsewhere) {
        entry[key] = Number(extra.readBigUInt64LE(from));
        from += 8;
      }
  }
}

function contentOf(file: Buffer, entry: Entry, fault: (what: string) => PareError): Uint8Array {
  const { name, method, packed, unpacked, offset } = entry;
  if (file.toString("latin1", offset, offset + 4) !== "PK\u0003\u0004")
    throw fault(`"${name}" is not where it should be.`);
  const start = offset + localSize + file.readUInt16LE(offset + 26) + file.readUInt16LE(offset + 28);
  if (start + packed > file.length)
    throw fault(`"${name}" needs ${packed} bytes; the file holds ${file.length - start}. It may be cut short.`);
  const bytes = file.subarray(start, start + packed);
  if (method === 0) return bytes;
  if (method !== 8) throw fault(`"${name}" is packed by method ${method}; known are 0 (stored) and 8 (deflate).`);
  let content: Uint8Array;
  try {
    // Takes no more memory than the directory says, whatever the data says.
    content = inflateRawSync(bytes, { maxOutputLength: Math.max(1, unpacked) });
  } catch (error) {
    throw fault(`"${name}" cannot be unpacked: ${(error as Error).message}.`);
  }
  if (content.length !== unpacked) throw fault(`"${name}" unpacks to ${content.length} bytes instead of ${unpacked}.`);
  return content;
}
