/** Whole files of data, unpacked where they are compressed. */
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { PareError } from "../errors.js";
import { openSource } from "../model/byte-source.js";

const unpack = promisify(gunzip);

/** What a compressed file may grow to. */
const largestUnpacked = 2 ** 32 - 1;

/** A file's bytes, mapped; unpacked if they are gzip's, whatever the file is called. Throws PARE_FILE. */
export async function readBytes(path: string): Promise<Uint8Array> {
  const file = openSource(path, true);
  const bytes = file.view(0, file.byteLength);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return await unpack(bytes, { maxOutputLength: largestUnpacked });
  } catch (error) {
    throw new PareError("PARE_FILE", `${path}: the gzip data is damaged or cut short: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}
