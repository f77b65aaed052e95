/** Memory for large results, which goes to a temporary file once much is held, so that the system may write it out. */
import { accessSync, constants, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { binding } from "../binding.js";

/** Results up to this size together stay in memory; beyond it they are spilled. */
const inMemory = 64 * 2 ** 20;
/** Small results are never worth a file. */
const smallest = 64 * 2 ** 10;

let held = 0;
const collected = new FinalizationRegistry<number>((byteLength) => {
  held -= byteLength;
});

/**
 * Zeroed bytes for a result that may live long. Once a process holds more than 64 MB of them, the next ones lie on an unlinked
 * file in PARE_TMPDIR, or else in the first of the system's temporary folders that is on a disk.
 * @throws PARE_MEMORY where there are none to be had.
 */
export function allocateBytes(byteLength: number): Uint8Array<ArrayBuffer> {
  if (byteLength < smallest) return new Uint8Array(byteLength);
  if (held + byteLength > inMemory) return new Uint8Array(binding.allocate(byteLength, spillFolder()));
  const buffer = binding.allocate(byteLength);
  held += byteLength;
  collected.register(buffer, byteLength);
  return new Uint8Array(buffer);
}

let folder: string | undefined;

function spillFolder(): string {
  const chosen = process.env.PARE_TMPDIR;
  if (chosen !== undefined && chosen !== "") return chosen;
  return (folder ??= [tmpdir(), "/var/tmp"].find(isOnDisk) ?? tmpdir());
}

/** Whether files in a folder can leave memory: not so in tmpfs, as /tmp often is. */
function isOnDisk(path: string): boolean {
  const inMemoryTypes = [0x01021994, 0x858458f6]; // tmpfs, ramfs
  try {
    accessSync(path, constants.W_OK);
    return !inMemoryTypes.includes(statfsSync(path).type);
  } catch {
    return false;
  }
}
