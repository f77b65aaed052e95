/** Memory for large results, which goes to a temporary file once much is held, so that the system may write it out. */
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

/** Zeroed bytes for a result that may live long; PARE_MEMORY where there are none to be had. */
export function allocateBytes(byteLength: number): Uint8Array<ArrayBuffer> {
  if (byteLength < smallest) return new Uint8Array(byteLength);
  if (held + byteLength > inMemory) return new Uint8Array(binding.allocate(byteLength, tmpdir()));
  const buffer = binding.allocate(byteLength);
  held += byteLength;
  collected.register(buffer, byteLength);
  return new Uint8Array(buffer);
}
