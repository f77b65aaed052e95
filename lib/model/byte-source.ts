/** Where bytes of a model come from: memory, or a file that is mapped or read. */
import { closeSync, openSync, readSync, statSync, type Stats } from "node:fs";
import { binding } from "../binding.js";
import { PareError } from "../errors.js";
import { formatCount } from "../report/format.js";

/** Bytes that may be more than one array can hold. */
export interface ByteSource {
  readonly byteLength: number;
  /** Some of the bytes, which must be there. */
  view(offset: number, byteLength: number): Uint8Array<ArrayBuffer>;
}

/** Node makes no larger buffers of memory that is not its own. */
const largestBuffer = 2 ** 32;

export function memorySource(bytes: Uint8Array<ArrayBuffer>): ByteSource {
  return {
    byteLength: bytes.byteLength,
    view: (offset, byteLength) => bytes.subarray(offset, offset + byteLength),
  };
}

/**
 * An ordinary file, as a whole where one buffer can hold it, else part by part as they are asked for.
 * @throws PareError PARE_FILE says why there are no bytes to be had.
 */
export function openSource(path: string, mmap: boolean): ByteSource {
  return checked(path, () => {
    const stats = statSync(path);
    if (!stats.isFile()) throw new PareError("PARE_FILE", `${path}: this is ${kindOf(stats)}, not a file.`);
    const open = (offset: number, byteLength: number): ArrayBuffer =>
      checked(path, () => (mmap ? binding.mapFile(path, offset, byteLength) : read(path, offset, byteLength)));
    const { size } = stats;
    if (size <= largestBuffer) {
      const whole = open(0, size);
      return { byteLength: size, view: (offset, byteLength) => new Uint8Array(whole, offset, byteLength) };
    }
    return {
      byteLength: size,
      view: (offset, byteLength) => {
        if (byteLength > largestBuffer)
          throw new PareError(
            "PARE_UNSUPPORTED",
            `${path}: ${formatCount(byteLength)} bytes in one piece are more than an array can hold (4 GiB).`,
          );
        return new Uint8Array(open(offset, byteLength));
      },
    };
  });
}

const reasons: Record<string, string> = {
  ENOENT: "there is no such file.",
  ENOTDIR: "part of the path is no folder.",
  EACCES: "permission denied.",
  EPERM: "permission denied.",
  ELOOP: "symbolic links go in a circle.",
};

function checked<Result>(path: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    if (error instanceof PareError) throw error;
    if (code === "PARE_MEMORY") throw new PareError("PARE_MEMORY", `${path}: ${message}`, { cause: error });
    // Native code has named the file already.
    const text = code.startsWith("PARE_") ? message : `${path}: ${reasons[code] ?? message}`;
    throw new PareError("PARE_FILE", text, { cause: error });
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return "a directory";
  if (stats.isFIFO()) return "a pipe";
  return stats.isSocket() ? "a socket" : "a device";
}

function read(path: string, start: number, byteLength: number): ArrayBuffer {
  const buffer = binding.allocate(byteLength);
  const descriptor = openSync(path, "r");
  try {
    // One read gives at most 2 GB.
    for (let offset = 0; offset < byteLength;) {
      const length = Math.min(1 << 30, byteLength - offset);
      const count = readSync(descriptor, new Uint8Array(buffer, offset, length), 0, length, start + offset);
      if (count === 0) throw new PareError("PARE_FILE", `${path}: the file became shorter while it was read.`);
      offset += count;
    }
    return buffer;
  } finally {
    closeSync(descriptor);
  }
}
